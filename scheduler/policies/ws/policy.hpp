// SPDX-License-Identifier: Apache-2.0
#pragma once
// `ws`: per-core queues, LIFO at the own end, random-start stealing. See README.md.
#include "scheduler/policy.hpp"

namespace rp::sched::policies {

struct ws {
    static constexpr const char* name = "ws";

    /// Every fairness_period-th item comes from a first-in-first-out source, five sources in turn.
    static constexpr uint64_t fairness_period = 16;
    static constexpr uint64_t poll_period = 16;
    static constexpr uint32_t spins_before_park = 8;
    static constexpr int32_t spin_ns = 600;
    static constexpr int32_t batch = 32;

    template <class Context>
    placement place(Context& c, const task_info& task, core_id from) const {
        if (task.priority != priority_normal) {
            return {queue::shared(task.priority), false};
        }
        if (from == no_core) {
            return {queue::arrivals(), false};
        }
        // LIFO is for locality of fresh work only: what has had its turn, or comes late, waits in
        // line, unless the line would be it alone (the newest end of a deque is the cheaper place).
        return {queue::core(from), task.from == origin::spawn || c.length(queue::core(from)) == 0};
    }

    template <class Context>
    action next(Context& c, core_id self, const step& s) const {
        if (c.length(queue::shared(priority_high)) != 0) {
            return {action::kind::take_shared, priority_high};
        }
        if (s.tries == 0 && s.turn % poll_period == poll_period - 1) {
            return {action::kind::poll, 0};
        }
        if (s.tries == 0 && s.turn % fairness_period == fairness_period / 2) {
            return fair_source(s);
        }
        const auto cores = static_cast<uint32_t>(c.cores());
        switch (s.tries) {
        case 0:
        case 1:
            return {action::kind::take_newest, 0};
        case 2:
            return {action::kind::take_line, 0};
        case 3:
            return {action::kind::take_inbox, batch};
        case 4:
            return {action::kind::take_arrivals, 0};
        case 5:
            return {action::kind::take_shared, priority_normal};
        case 6:
            return {action::kind::poll, 0};
        default:
            return find_elsewhere(c, self, s, s.tries - 7, cores);
        }
    }

    static constexpr bool reads_everything = true;

    template <class Context>
    [[nodiscard]] bool reads(Context& /*c*/, core_id /*self*/, queue /*q*/) const {
        return true;
    }

    [[nodiscard]] static constexpr bool runs_completions_inline() { return true; }

private:
    static action fair_source(const step& s) {
        switch ((s.turn / fairness_period) % 5) {
        case 0:
            return {action::kind::take_arrivals, 0};
        case 1:
            return {action::kind::take_oldest, 0};
        case 2:
            return {action::kind::take_line, 0};
        case 3:
            return {action::kind::take_inbox, 1};
        default:
            return {action::kind::take_shared, priority_normal};
        }
    }

    template <class Context>
    static action
    find_elsewhere(Context& c, core_id self, const step& s, uint32_t attempt, uint32_t cores) {
        if (attempt < cores) {
            const uint32_t start = c.random();
            // One random victim first, then everyone in order, so that a round misses nobody.
            const uint32_t victim =
                attempt == 0 ? start % cores : (static_cast<uint32_t>(self) + attempt) % cores;
            return {action::kind::steal, static_cast<int32_t>(victim)};
        }
        if (attempt == cores) {
            return {action::kind::take_shared, priority_low};
        }
        if (s.spins < spins_before_park) {
            return {action::kind::spin, spin_ns};
        }
        return {action::kind::park, 0};
    }
};

} // namespace rp::sched::policies
