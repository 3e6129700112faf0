// SPDX-License-Identifier: Apache-2.0
#pragma once
// `partitioned`: one FIFO for each core, no stealing. See README.md.
#include "scheduler/policies/parts/own_core.hpp"

namespace rp::sched::policies {

struct partitioned : parts::own_core {
    static constexpr const char* name = "partitioned";
    static constexpr const char* aliases = "dfcfs";

    template <class Context>
    placement place(Context& c, const task_info& task, core_id from) const {
        if (task.priority != priority_normal) {
            return {queue::shared(task.priority)};
        }
        if (from != no_core) {
            return {queue::core(from)};
        }
        const auto cores = static_cast<uint32_t>(c.cores());
        return {queue::core(static_cast<core_id>(c.random() % cores))};
    }
};

} // namespace rp::sched::policies
