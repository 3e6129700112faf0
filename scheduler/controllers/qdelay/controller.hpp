// SPDX-License-Identifier: Apache-2.0
#pragma once
// `qdelay`: one more core as soon as the oldest item has waited too long. See README.md.
#include "scheduler/controller.hpp"

namespace rp::sched::controllers {

class qdelay final : public controller {
public:
    static constexpr controller_traits described{.name = "qdelay", .wants_samples = true};

    static constexpr int64_t delay_max_ns = 500'000;
    static constexpr int64_t look_every_ns = 5'000'000;
    static constexpr double spare = 1.0;      ///< tokens' worth of unused time before one is given
    static constexpr unsigned calm_looks = 4; ///< in a row, before one is given back

    [[nodiscard]] const controller_traits& traits() const noexcept override { return described; }

    decision sample(const pool_sample& now) noexcept override {
        const uint32_t most = std::clamp(now.cpus, 1U, now.most_tokens());
        if (now.dt_ns == 0) {
            const reason why = tokens_ == 0 ? reason::initial : reason::user_limits;
            tokens_ = std::clamp(tokens_, 1U, most);
            return answer(why);
        }
        tokens_ = std::min(tokens_, most);
        if (now.oldest_age_ns > delay_max_ns) {
            calm_ = 0;
            if (tokens_ < most) {
                ++tokens_;
                return answer(reason::queue_delay);
            }
            return answer(reason::cpu_saturated);
        }
        const double used = static_cast<double>(now.busy_ns) / static_cast<double>(now.dt_ns);
        calm_ = tokens_ > 1 && tokens_ - used > spare ? calm_ + 1 : 0;
        if (calm_ >= calm_looks) {
            calm_ = 0;
            --tokens_;
            return answer(reason::idle);
        }
        return answer(reason::stable);
    }

    bool queue_age(int64_t ns) noexcept override { return ns > delay_max_ns; }

private:
    [[nodiscard]] decision answer(reason why) const noexcept {
        return {.tokens = tokens_, .next_sample_in_ns = look_every_ns, .why = why};
    }

    uint32_t tokens_ = 0;
    unsigned calm_ = 0;
};

} // namespace rp::sched::controllers
