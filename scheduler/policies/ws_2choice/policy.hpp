// SPDX-License-Identifier: Apache-2.0
#pragma once
// `ws-2choice`: two random choices for placing and for stealing. See README.md.
#include "scheduler/policies/parts/work_stealing.hpp"

namespace rp::sched::policies {

struct ws_2choice : parts::work_stealing<parts::longer_of_two> {
    static constexpr const char* name = "ws-2choice";

    template <class Context>
    placement place(Context& c, const task_info& task, core_id from) const {
        if (from != no_core || task.priority != priority_normal) {
            return work_stealing::place(c, task, from);
        }
        const auto cores = static_cast<uint32_t>(c.cores());
        const queue one = queue::core(static_cast<core_id>(c.random() % cores));
        const queue other = queue::core(static_cast<core_id>(c.random() % cores));
        return {c.length(one) <= c.length(other) ? one : other};
    }
};

} // namespace rp::sched::policies
