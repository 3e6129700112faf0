// SPDX-License-Identifier: Apache-2.0
#pragma once
// `prio`: priorities that waiting makes up for. See README.md.
#include "scheduler/policies/parts/central.hpp"

namespace rp::sched::policies {

struct prio : parts::sorted<prio> {
    static constexpr const char* name = "prio";

    int64_t ageing_ms = 100;

    template <class Context>
    placement place(Context& c, const task_info& task, core_id /*from*/) const {
        return {queue::sorted(), placement::spot::line, key(c, task)};
    }

    /// The time at which it would have been placed with the highest priority to come at the same
    /// place: each level is worth `ageing_ms` of waiting.
    template <class Context>
    int64_t key(Context& c, const task_info& task) const {
        return c.now() + task.priority * ageing_ms * 1'000'000;
    }

    template <class Visitor>
    void visit_knobs(Visitor&& knob) {
        knob("ageing_ms", ageing_ms, 0, 3'600'000, "waiting that makes up for one priority level");
        at_rest.visit_knobs(knob);
    }
};

} // namespace rp::sched::policies
