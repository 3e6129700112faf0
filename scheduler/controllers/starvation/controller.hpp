// SPDX-License-Identifier: Apache-2.0
#pragma once
// `starvation`: adds when items wait and too little runs, gives back when nothing waits. See
// README.md.
#include "scheduler/controller.hpp"

namespace rp::sched::controllers {

class starvation final : public controller {
public:
    static constexpr controller_traits described{.name = "starvation",
                                                 .compensates = compensation::none,
                                                 .wants_samples = true,
                                                 .wants_thread_states = true};

    static constexpr int64_t look_every_ns = 100'000'000;
    static constexpr int64_t runnable_every_ns = 1'000'000'000;
    static constexpr int64_t stall_ns = 500'000'000;
    static constexpr int64_t stall_busy_ns = 1'000'000'000; ///< times tokens, when the CPU is busy
    static constexpr double cpu_is_busy = 0.8;
    static constexpr uint32_t soft_per_cpu = 2;
    static constexpr int64_t idle_before_fewer_ns = 500'000'000;
    static constexpr int64_t delay_step_ns = 25'000'000;
    static constexpr int64_t delay_max_ns = 250'000'000;

    [[nodiscard]] const controller_traits& traits() const noexcept override { return described; }

    decision sample(const pool_sample& now) noexcept override {
        const uint32_t most = now.most_tokens();
        const uint32_t base = std::clamp(now.cpus, std::clamp(now.hard_minimum, 1U, most), most);
        if (tokens_ == 0 || now.dt_ns == 0) {
            const reason why = tokens_ == 0 ? reason::initial : reason::user_limits;
            tokens_ = std::clamp(tokens_ == 0 ? base : tokens_, 1U, most);
            return answer(why);
        }
        since_dequeue_ns_ = now.starts != 0 || now.queued == 0 ? 0 : since_dequeue_ns_ + now.dt_ns;
        since_looked_ns_ += now.dt_ns;
        since_made_ns_ += now.dt_ns;
        since_waiting_ns_ = now.queued != 0 ? 0 : since_waiting_ns_ + now.dt_ns;
        tokens_ = std::min(tokens_, most);
        const reason why = judge(now, base, most);
        return answer(why);
    }

    bool blocked(compensation how, uint32_t workers) noexcept override {
        announced_ += how == compensation::announced ? workers : 0;
        return how == compensation::announced;
    }

    bool unblocked(uint32_t workers) noexcept override {
        announced_ -= std::min(announced_, workers);
        return false;
    }

private:
    reason judge(const pool_sample& now, uint32_t base, uint32_t most) noexcept {
        const int64_t patience =
            now.cpu_use < cpu_is_busy ? stall_ns : stall_busy_ns * int64_t{tokens_};
        if (since_dequeue_ns_ >= patience && since_made_ns_ >= throttle_ns(now.cpus)) {
            since_dequeue_ns_ = 0;
            return add(1, most, reason::starvation);
        }
        // What announced blocking adds, it adds without waiting for a stall; the more threads have
        // been added this way, the longer it waits between them.
        if (now.queued != 0 && tokens_ < std::min(most, base + announced_)) {
            const uint32_t added = tokens_ - std::min(tokens_, base);
            const int64_t steps = added / std::max(now.cpus, 1U);
            if (since_made_ns_ >= std::min(steps * delay_step_ns, delay_max_ns)) {
                const uint32_t free = now.cpus - added % std::max(now.cpus, 1U);
                return add(std::min(base + announced_ - tokens_, free), most, reason::announced);
            }
        }
        if (since_looked_ns_ >= runnable_every_ns) {
            since_looked_ns_ = 0;
            if (now.queued != 0 && now.running < now.cpus) {
                const uint32_t soft = now.running == 0 ? most : soft_per_cpu * now.cpus;
                if (tokens_ < soft) {
                    const uint32_t lacking = std::min(now.cpus - now.running, soft - tokens_);
                    return add(lacking, most, reason::few_runnable);
                }
            }
        }
        if (since_waiting_ns_ >= idle_before_fewer_ns && tokens_ > base + announced_) {
            since_waiting_ns_ = 0;
            --tokens_;
            return reason::idle;
        }
        return reason::stable;
    }

    /// The more threads there are for each CPU, the rarer a new one.
    [[nodiscard]] int64_t throttle_ns(uint32_t cpus) const noexcept {
        const uint32_t each = tokens_ / std::max(cpus, 1U);
        return each < 4 ? 0 : each < 8 ? 50'000'000 : each < 16 ? 100'000'000 : 200'000'000;
    }

    reason add(uint32_t more, uint32_t most, reason why) noexcept {
        tokens_ = std::min(tokens_ + more, most);
        since_made_ns_ = 0;
        return why;
    }

    [[nodiscard]] decision answer(reason why) const noexcept {
        return {.tokens = tokens_, .next_sample_in_ns = look_every_ns, .why = why};
    }

    uint32_t tokens_ = 0;
    uint32_t announced_ = 0;
    int64_t since_dequeue_ns_ = 0;
    int64_t since_looked_ns_ = 0;
    int64_t since_made_ns_ = 0;
    int64_t since_waiting_ns_ = 0;
};

} // namespace rp::sched::controllers
