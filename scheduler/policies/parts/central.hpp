// SPDX-License-Identifier: Apache-2.0
#pragma once
// Policies whose items all wait in central queues: high priority first and low last, and what is
// normal in a queue that the policy chooses.
#include "scheduler/policies/parts/fair.hpp"
#include "scheduler/policies/parts/rest.hpp"
#include "scheduler/policy.hpp"

namespace rp::sched::parts {

/// What every central policy shares: who reads what, and who runs completions.
struct central : policy_defaults {
    static constexpr bool reads_everything = true;

    rest at_rest;

    template <class Context>
    [[nodiscard]] bool reads(Context& /*c*/, core_id /*self*/, queue q) const {
        return q.of != queue::kind::core && q.of != queue::kind::arrivals;
    }

    /// A completion waits its turn behind everything that became runnable before it.
    [[nodiscard]] static constexpr bool runs_completions_inline() { return false; }

    template <class Visitor>
    void visit_knobs(Visitor&& knob) {
        at_rest.visit_knobs(knob);
    }

protected:
    /// High, `normal`, what found no place elsewhere, I/O, low, rest.
    [[nodiscard]] action in_order(const step& s, action normal) const {
        if (is_poll_turn(s)) {
            return {action::kind::poll};
        }
        switch (s.tries) {
        case 0:
        case 1:
            return {action::kind::take_shared, priority_high};
        case 2:
            return normal;
        case 3:
            return {action::kind::take_shared, priority_normal};
        case 4:
            return {action::kind::poll};
        case 5:
            return {action::kind::take_shared, priority_low};
        default:
            return at_rest.after(s);
        }
    }
};

/// Items of normal priority wait in one queue too, first in, first out.
struct one_fifo : central {
    template <class Context>
    placement place(Context& /*c*/, const task_info& task, core_id /*from*/) const {
        return {queue::shared(task.priority)};
    }

    template <class Context>
    action next(Context& /*c*/, core_id /*self*/, const step& s) const {
        return in_order(s, {action::kind::take_shared, priority_normal});
    }
};

/// Items of normal priority wait in the sorted queue, by the key that `Derived::key` gives them.
template <class Derived>
struct sorted : central {
    template <class Context>
    placement place(Context& c, const task_info& task, core_id /*from*/) const {
        if (task.priority != priority_normal) {
            return {queue::shared(task.priority)};
        }
        return {queue::sorted(),
                placement::spot::line,
                static_cast<const Derived&>(*this).key(c, task)};
    }

    template <class Context>
    action next(Context& /*c*/, core_id /*self*/, const step& s) const {
        return in_order(s, {action::kind::take_sorted});
    }
};

} // namespace rp::sched::parts
