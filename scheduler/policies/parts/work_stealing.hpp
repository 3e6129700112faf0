// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the work-stealing policies have in common: per-core queues, newest first at the own end,
// arrivals in lanes, and a search that ends with other cores. `Victims` says whom, `Amount` how
// much.
#include "scheduler/policies/parts/fair.hpp"
#include "scheduler/policies/parts/rest.hpp"
#include "scheduler/policies/parts/victims.hpp"
#include "scheduler/policy.hpp"

namespace rp::sched::parts {

template <class Victims, action::amount Amount = action::amount::half>
struct work_stealing : policy_defaults {
    /// Every fairness_period-th item comes from a first-in-first-out source, five sources in turn.
    static constexpr uint64_t fairness_period = 16;
    static constexpr int32_t batch = 32;
    /// The tries of a search that look into the core's own queues.
    static constexpr uint32_t own_tries = 4;

    rest at_rest;

    template <class Context>
    placement place(Context& c, const task_info& task, core_id from) const {
        if (task.priority != priority_normal) {
            return {queue::shared(task.priority)};
        }
        if (from == no_core) {
            return {queue::arrivals()};
        }
        // LIFO is for locality of fresh work only: what has had its turn, or comes late, waits in
        // line, unless the line would be it alone (the newest end of a deque is the cheaper place).
        return {queue::core(from),
                task.from == origin::spawn || c.length(queue::core(from)) == 0
                    ? placement::spot::newest
                    : placement::spot::line};
    }

    template <class Context>
    action next(Context& c, core_id self, const step& s) const {
        if (c.length(queue::shared(priority_high)) != 0) {
            return {action::kind::take_shared, priority_high};
        }
        if (is_poll_turn(s)) {
            return {action::kind::poll};
        }
        if (is_fair_turn<fairness_period>(s)) {
            return fair_source<fairness_period>(s);
        }
        switch (s.tries) {
        case 0:
        case 1:
            return {action::kind::take_newest};
        case 2:
            return {action::kind::take_line, batch};
        case 3:
            return {action::kind::take_inbox, batch};
        case 4:
            return {action::kind::take_arrivals};
        case 5:
            return {action::kind::take_shared, priority_normal};
        case 6:
            return {action::kind::poll};
        default:
            return elsewhere(c, self, s, s.tries - 7);
        }
    }

    static constexpr bool reads_everything = true;

    template <class Context>
    [[nodiscard]] bool reads(Context& /*c*/, core_id /*self*/, queue q) const {
        return q.of != queue::kind::sorted && q.of != queue::kind::of_class;
    }

    template <class Visitor>
    void visit_knobs(Visitor&& knob) {
        at_rest.visit_knobs(knob);
    }

protected:
    /// The search of other cores, then low priority, then rest.
    template <class Context>
    action elsewhere(Context& c, core_id self, const step& s, uint32_t attempt) const {
        const uint32_t rounds = Victims::rounds(static_cast<uint32_t>(c.cores()));
        if (attempt < rounds) {
            return {action::kind::steal, Victims::at(c, self, attempt), Amount};
        }
        if (attempt == rounds) {
            return {action::kind::take_shared, priority_low};
        }
        return at_rest.after(s);
    }
};

} // namespace rp::sched::parts
