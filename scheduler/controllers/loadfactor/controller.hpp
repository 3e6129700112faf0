// SPDX-License-Identifier: Apache-2.0
#pragma once
// `loadfactor`: a core more when each has too much to do, a core less when the load that asked for
// it is gone. See README.md.
#include "scheduler/controller.hpp"

#include <array>

namespace rp::sched::controllers {

class loadfactor final : public controller {
public:
    static constexpr controller_traits described{.name = "loadfactor", .wants_samples = true};

    static constexpr double load_max = 1.5; ///< runnable items for each token
    static constexpr double hysteresis = 0.09;
    static constexpr int64_t look_every_ns = 50'000'000;
    static constexpr unsigned remembered = 1024;

    [[nodiscard]] const controller_traits& traits() const noexcept override { return described; }

    decision sample(const pool_sample& now) noexcept override {
        const uint32_t most = std::min(std::clamp(now.cpus, 1U, now.most_tokens()), remembered - 1);
        if (now.dt_ns == 0) {
            const reason why = tokens_ == 0 ? reason::initial : reason::user_limits;
            tokens_ = std::clamp(tokens_, 1U, most);
            return answer(why);
        }
        tokens_ = std::min(tokens_, most);
        const auto dt = static_cast<double>(now.dt_ns);
        const double used = static_cast<double>(now.busy_ns) / dt;
        const double waiting = static_cast<double>(now.wait_ns) / dt;
        if ((used + waiting) / tokens_ > load_max) {
            if (tokens_ == most) {
                return answer(reason::cpu_saturated);
            }
            used_before_[tokens_] = used;
            ++tokens_;
            return answer(reason::load_high);
        }
        if (tokens_ > 1 && used < used_before_[tokens_ - 1] - hysteresis) {
            --tokens_;
            return answer(reason::load_low);
        }
        return answer(reason::stable);
    }

private:
    [[nodiscard]] decision answer(reason why) const noexcept {
        return {.tokens = tokens_, .next_sample_in_ns = look_every_ns, .why = why};
    }

    uint32_t tokens_ = 0;
    /// By number of tokens: how many were in use when one more was asked for.
    std::array<double, remembered> used_before_{};
};

} // namespace rp::sched::controllers
