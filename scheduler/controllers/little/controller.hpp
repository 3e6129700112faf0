// SPDX-License-Identifier: Apache-2.0
#pragma once
// `little`: computes the number of workers from rate and time, without trying. See README.md.
#include "scheduler/controller.hpp"

#include <cmath>

namespace rp::sched::controllers {

class little final : public controller {
public:
    static constexpr controller_traits described{.name = "little",
                                                 .compensates = compensation::none,
                                                 .wants_samples = true,
                                                 .wants_service_time = true};

    static constexpr double margin = 1.1;
    static constexpr double smoothing = 0.3;
    static constexpr double cpu_use_max = 0.95;
    static constexpr double cpu_use_target = 1.0;
    static constexpr double drain_seconds = 0.1;
    static constexpr int64_t look_every_ns = 20'000'000;
    static constexpr uint64_t serviced_min = 10;

    [[nodiscard]] const controller_traits& traits() const noexcept override { return described; }

    decision sample(const pool_sample& now) noexcept override {
        const uint32_t most = now.most_tokens();
        const uint32_t least = std::clamp(now.hard_minimum, 1U, most);
        if (now.dt_ns == 0) {
            const reason why = tokens_ == 0 ? reason::initial : reason::user_limits;
            tokens_ = std::clamp(tokens_ == 0 ? now.cpus : tokens_, least, most);
            return answer(why);
        }
        tokens_ = std::clamp(tokens_, least, most);
        seconds_ += static_cast<double>(now.dt_ns) * 1e-9;
        service_s_ += static_cast<double>(now.service_ns) * 1e-9;
        cpu_s_ += now.cpu_use * now.cpus * static_cast<double>(now.dt_ns) * 1e-9;
        serviced_ += now.serviced;
        arrivals_ += now.arrivals;
        if (serviced_ < serviced_min) {
            return answer(reason::warm_up);
        }
        const reason why = reckon(now, least, most);
        seconds_ = service_s_ = cpu_s_ = 0;
        serviced_ = arrivals_ = 0;
        return answer(why);
    }

private:
    reason reckon(const pool_sample& now, uint32_t least, uint32_t most) noexcept {
        const double service = service_s_ / static_cast<double>(serviced_);
        const double compute = std::max(cpu_s_ / static_cast<double>(serviced_), 1e-9);
        const bool is_saturated = cpu_s_ / (seconds_ * now.cpus) > cpu_use_max;
        // With the CPUs saturated, part of the service time is a wait for a CPU and says nothing
        // about the callbacks: the ratio from before holds.
        if (!is_saturated) {
            smooth(wait_per_compute_, std::max(service / compute - 1, 0.0));
            smooth(service_s_mean_, service);
        } else if (service_s_mean_ == 0) {
            service_s_mean_ = compute * (1 + wait_per_compute_);
        }
        const double rate = static_cast<double>(arrivals_) / seconds_ +
                            static_cast<double>(now.queued) / drain_seconds;
        const double by_rate = rate * service_s_mean_ * margin;
        const double by_cpu = now.cpus * cpu_use_target * (1 + wait_per_compute_);
        const double wanted = std::ceil(std::min(by_rate, by_cpu));
        tokens_ = static_cast<uint32_t>(std::clamp(wanted, double(least), double(most)));
        return by_cpu < by_rate ? reason::cpu_saturated : reason::little;
    }

    static void smooth(double& average, double latest) noexcept {
        average = average == 0 ? latest : average + smoothing * (latest - average);
    }

    [[nodiscard]] decision answer(reason why) const noexcept {
        return {.tokens = tokens_, .next_sample_in_ns = look_every_ns, .why = why};
    }

    uint32_t tokens_ = 0;
    double wait_per_compute_ = 0;
    double service_s_mean_ = 0;
    // Since the last reckoning.
    double seconds_ = 0;
    double service_s_ = 0;
    double cpu_s_ = 0;
    uint64_t serviced_ = 0;
    uint64_t arrivals_ = 0;
};

} // namespace rp::sched::controllers
