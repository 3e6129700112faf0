// SPDX-License-Identifier: Apache-2.0
#pragma once
// `gradient`: as many active workers as do not slow each other down. See README.md.
#include "scheduler/controller.hpp"

namespace rp::sched::controllers {

class gradient final : public controller {
public:
    static constexpr controller_traits described{.name = "gradient",
                                                 .compensates = compensation::none,
                                                 .wants_samples = true,
                                                 .wants_service_time = true};

    static constexpr double tolerance = 1.1;
    static constexpr double smoothing = 0.2;
    static constexpr double gradient_min = 0.5;
    static constexpr double headroom = 1.0; ///< tokens
    static constexpr double used_enough = 0.9;
    static constexpr int64_t look_every_ns = 20'000'000;
    static constexpr uint64_t serviced_min = 10; ///< callbacks that make a sample
    static constexpr unsigned probe_every = 500; ///< samples
    static constexpr unsigned probe_samples = 3;

    [[nodiscard]] const controller_traits& traits() const noexcept override { return described; }

    decision sample(const pool_sample& now) noexcept override {
        const uint32_t most = now.most_tokens();
        const uint32_t least = std::clamp(now.hard_minimum, 1U, most);
        if (now.dt_ns == 0) {
            const reason why = limit_ == 0 ? reason::initial : reason::user_limits;
            limit_ = std::clamp(limit_ == 0 ? now.cpus : limit_, double(least), double(most));
            return answer(why, most);
        }
        limit_ = std::min(limit_, double(most));
        service_ns_ += static_cast<double>(now.service_ns);
        serviced_ += now.serviced;
        if (serviced_ < serviced_min) {
            return answer(is_probing_ ? reason::probe : reason::warm_up, most);
        }
        const double mean_ns = service_ns_ / static_cast<double>(serviced_);
        service_ns_ = 0;
        serviced_ = 0;
        ++samples_;
        if (is_probing_) {
            return probe(mean_ns, most);
        }
        if (samples_ >= probe_every && limit_ > now.cpus) {
            is_probing_ = true;
            probe_tokens_ = std::clamp(now.cpus, least, most);
            samples_ = 0;
            return answer(reason::probe, most);
        }
        uncontended_ns_ = uncontended_ns_ == 0 ? mean_ns : std::min(uncontended_ns_, mean_ns);
        const double slope = std::clamp(tolerance * uncontended_ns_ / mean_ns, gradient_min, 1.0);
        const double used = static_cast<double>(now.busy_ns) / static_cast<double>(now.dt_ns);
        if (slope >= 1.0 && (used < used_enough * limit_ || now.queued == 0)) {
            return answer(reason::stable, most); // not what holds the load back
        }
        const double wanted = slope * limit_ + headroom;
        limit_ += smoothing * (wanted - limit_);
        limit_ = std::clamp(limit_, double(least), double(most));
        return answer(reason::gradient, most);
    }

private:
    /// Few active workers for a moment: callbacks may have become longer for other reasons.
    decision probe(double mean_ns, uint32_t most) noexcept {
        if (samples_ < probe_samples) {
            return answer(reason::probe, most); // of callbacks that began before it
        }
        uncontended_ns_ = mean_ns;
        is_probing_ = false;
        samples_ = 0;
        return answer(reason::stable, most);
    }

    [[nodiscard]] decision answer(reason why, uint32_t most) const noexcept {
        const auto tokens = is_probing_ ? probe_tokens_ : static_cast<uint32_t>(limit_ + 0.5);
        return {
            .tokens = std::clamp(tokens, 1U, most), .next_sample_in_ns = look_every_ns, .why = why};
    }

    double limit_ = 0;
    double uncontended_ns_ = 0;
    double service_ns_ = 0;
    uint64_t serviced_ = 0;
    unsigned samples_ = 0;
    bool is_probing_ = false;
    uint32_t probe_tokens_ = 1;
};

} // namespace rp::sched::controllers
