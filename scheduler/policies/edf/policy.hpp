// SPDX-License-Identifier: Apache-2.0
#pragma once
// `edf`: the earliest deadline first. See README.md.
#include "scheduler/policies/parts/central.hpp"

namespace rp::sched::policies {

struct edf : parts::sorted<edf> {
    static constexpr const char* name = "edf";
    static constexpr bool uses_classes = true;

    int64_t deadline_us = 10'000;

    template <class Context>
    int64_t key(Context& c, const task_info& task) const {
        const int64_t own = c.deadline_ns(task.cls);
        return c.now() + (own != 0 ? own : deadline_us * 1000);
    }

    template <class Visitor>
    void visit_knobs(Visitor&& knob) {
        knob("deadline_us", deadline_us, 1, 60'000'000, "deadline of a class that has none set");
        at_rest.visit_knobs(knob);
    }
};

} // namespace rp::sched::policies
