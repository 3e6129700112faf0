// SPDX-License-Identifier: Apache-2.0
#pragma once
// `lifo-slot`: a first-in-first-out queue for each core with one slot in front of it, after the
// schedulers of Go and Tokio. See README.md.
#include "scheduler/policies/parts/work_stealing.hpp"

namespace rp::sched::policies {

struct lifo_slot : parts::work_stealing<parts::random_victim> {
    static constexpr const char* name = "lifo-slot";

    int64_t global_period = 61;
    int64_t slot_runs = 3;

    template <class Context>
    placement place(Context& c, const task_info& task, core_id from) const {
        if (from == no_core || task.priority != priority_normal) {
            return work_stealing::place(c, task, from);
        }
        return {queue::core(from),
                task.from == origin::spawn ? placement::spot::slot : placement::spot::line};
    }

    template <class Context>
    action next(Context& c, core_id self, const step& s) const {
        if (c.length(queue::shared(priority_high)) != 0) {
            return {action::kind::take_shared, priority_high};
        }
        if (parts::is_poll_turn(s)) {
            return {action::kind::poll};
        }
        if (s.tries == 0) {
            const auto period = static_cast<uint64_t>(global_period);
            if (s.turn % period == 0) {
                return {action::kind::take_arrivals};
            }
            if (s.turn % period == period / 2) { // what only an overflow puts there
                return s.turn / period % 2 == 0
                           ? action{action::kind::take_inbox, 1}
                           : action{action::kind::take_shared, priority_normal};
            }
        }
        // How often the slot has been first since the line was; a fruitless try changes nothing.
        uint64_t& runs = c.scratch(self, 0);
        const bool is_slots_turn = runs < static_cast<uint64_t>(slot_runs);
        switch (s.tries) {
        case 0:
        case 1:
            runs = is_slots_turn ? runs + 1 : 0;
            return {is_slots_turn ? action::kind::take_newest : action::kind::take_line};
        case 2:
            runs = 0;
            return {action::kind::take_line};
        case 3:
            return {action::kind::take_newest};
        case 4:
            return {action::kind::take_inbox, 1};
        case 5:
            return {action::kind::take_arrivals};
        case 6:
            return {action::kind::take_shared, priority_normal};
        case 7:
            return {action::kind::poll};
        default:
            return this->elsewhere(c, self, s, s.tries - 8);
        }
    }

    template <class Visitor>
    void visit_knobs(Visitor&& knob) {
        knob("global_period", global_period, 1, 1'000'000, "turns between first looks at arrivals");
        knob("slot_runs", slot_runs, 1, 1'000'000, "items from the slot before the line is first");
        at_rest.visit_knobs(knob);
    }
};

} // namespace rp::sched::policies
