// SPDX-License-Identifier: Apache-2.0
#pragma once
// `partitioned`: one FIFO for each core, no stealing. See README.md.
#include "scheduler/policy.hpp"

namespace rp::sched::policies {

struct partitioned {
    static constexpr const char* name = "partitioned";
    static constexpr uint64_t poll_period = 16;
    static constexpr uint32_t spins_before_park = 8;
    static constexpr int32_t spin_ns = 600;

    template <class Context>
    placement place(Context& c, const task_info& task, core_id from) const {
        if (task.priority != priority_normal) {
            return {queue::shared(task.priority), false};
        }
        if (from != no_core) {
            return {queue::core(from), false};
        }
        const auto cores = static_cast<uint32_t>(c.cores());
        return {queue::core(static_cast<core_id>(c.random() % cores)), false};
    }

    template <class Context>
    action next(Context& c, core_id /*self*/, const step& s) const {
        if (c.length(queue::shared(priority_high)) != 0) {
            return {action::kind::take_shared, priority_high};
        }
        if (s.tries == 0 && s.turn % poll_period == poll_period - 1) {
            return {action::kind::poll, 0};
        }
        switch (s.tries) {
        case 0:
        case 1:
            // The line and the inbox take turns at being first, so neither overtakes the other.
            return {s.turn % 2 == 0 ? action::kind::take_line : action::kind::take_inbox, 0};
        case 2:
            return {s.turn % 2 == 0 ? action::kind::take_inbox : action::kind::take_line, 0};
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
    [[nodiscard]] bool reads(Context& /*c*/, core_id self, queue q) const {
        return q.of == queue::kind::shared || (q.of == queue::kind::core && q.index == self);
    }

    [[nodiscard]] static constexpr bool runs_completions_inline() { return true; }
};

} // namespace rp::sched::policies
