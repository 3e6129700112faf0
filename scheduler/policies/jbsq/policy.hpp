// SPDX-License-Identifier: Apache-2.0
#pragma once
// `jbsq`: join the shortest of bounded queues. See README.md.
#include "scheduler/policies/parts/own_core.hpp"

#include <cstddef>

namespace rp::sched::policies {

struct jbsq : parts::own_core {
    static constexpr const char* name = "jbsq";

    int64_t k = 2;

    /// The core with the fewest items, waiting and running, if it has fewer than k; looked for from
    /// a random one on, so that equally short ones share.
    template <class Context>
    placement place(Context& c, const task_info& task, core_id /*from*/) const {
        const queue central = queue::shared(task.priority);
        if (task.priority != priority_normal || c.length(central) != 0) {
            return {central};
        }
        const auto cores = static_cast<uint32_t>(c.cores());
        const uint32_t start = c.random() % cores;
        core_id shortest = no_core;
        auto fewest = static_cast<size_t>(k);
        for (uint32_t i = 0; i < cores && fewest != 0; ++i) {
            const auto each = static_cast<core_id>((start + i) % cores);
            const size_t has = c.length(queue::core(each)) + (c.has_holder(each) ? 1 : 0);
            if (has < fewest) {
                fewest = has;
                shortest = each;
            }
        }
        return {shortest != no_core ? queue::core(shortest) : central};
    }

    template <class Visitor>
    void visit_knobs(Visitor&& knob) {
        knob("k", k, 1, 1024, "most items of a core, the running one included");
        at_rest.visit_knobs(knob);
    }
};

} // namespace rp::sched::policies
