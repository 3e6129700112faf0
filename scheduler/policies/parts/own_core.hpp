// SPDX-License-Identifier: Apache-2.0
#pragma once
// Policies without stealing: each core serves its own queues first and then central ones.
#include "scheduler/policies/parts/fair.hpp"
#include "scheduler/policies/parts/rest.hpp"
#include "scheduler/policy.hpp"

namespace rp::sched::parts {

struct own_core : policy_defaults {
    static constexpr uint8_t stolen_parts = 0;

    rest at_rest;

    template <class Context>
    action next(Context& c, core_id /*self*/, const step& s) const {
        if (c.length(queue::shared(priority_high)) != 0) {
            return {action::kind::take_shared, priority_high};
        }
        if (is_poll_turn(s)) {
            return {action::kind::poll};
        }
        // The line and the inbox take turns at being first, so neither overtakes the other.
        const bool is_lines_turn = s.turn % 2 == 0;
        constexpr action from_line{action::kind::take_line};
        constexpr action from_inbox{action::kind::take_inbox, 1};
        switch (s.tries) {
        case 0:
        case 1:
            return is_lines_turn ? from_line : from_inbox;
        case 2:
            return is_lines_turn ? from_inbox : from_line;
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

    template <class Context>
    [[nodiscard]] bool reads(Context& /*c*/, core_id self, queue q) const {
        return q.of == queue::kind::shared || (q.of == queue::kind::core && q.index == self);
    }

    template <class Visitor>
    void visit_knobs(Visitor&& knob) {
        at_rest.visit_knobs(knob);
    }
};

} // namespace rp::sched::parts
