// SPDX-License-Identifier: Apache-2.0
#pragma once
// `shared-fifo`: one central FIFO for each priority, workers woken last-in first-out. See
// README.md.
#include "scheduler/policy.hpp"

namespace rp::sched::policies {

struct shared_fifo {
    static constexpr const char* name = "shared-fifo";
    static constexpr uint64_t poll_period = 16;
    static constexpr uint32_t spins_before_park = 8;
    static constexpr int32_t spin_ns = 600;

    template <class Context>
    placement place(Context& /*c*/, const task_info& task, core_id /*from*/) const {
        return {queue::shared(task.priority), false};
    }

    template <class Context>
    action next(Context& /*c*/, core_id /*self*/, const step& s) const {
        if (s.tries == 0 && s.turn % poll_period == poll_period - 1) {
            return {action::kind::poll, 0};
        }
        switch (s.tries) {
        case 0:
        case 1:
            return {action::kind::take_shared, priority_high};
        case 2:
            return {action::kind::take_shared, priority_normal};
        case 3:
            return {action::kind::poll, 0};
        case 4:
            return {action::kind::take_shared, priority_low};
        default:
            return s.spins < spins_before_park ? action{action::kind::spin, spin_ns}
                                               : action{action::kind::park, 0};
        }
    }

    static constexpr bool reads_everything = false;

    template <class Context>
    [[nodiscard]] bool reads(Context& /*c*/, core_id /*self*/, queue q) const {
        return q.of == queue::kind::shared;
    }

    /// A completion waits its turn behind everything that became runnable before it.
    [[nodiscard]] static constexpr bool runs_completions_inline() { return false; }
};

} // namespace rp::sched::policies
