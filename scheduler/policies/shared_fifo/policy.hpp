// SPDX-License-Identifier: Apache-2.0
#pragma once
// `shared-fifo`: one central FIFO for each priority, workers woken last-in first-out. See
// README.md.
#include "scheduler/policies/parts/central.hpp"

namespace rp::sched::policies {

struct shared_fifo : parts::central {
    static constexpr const char* name = "shared-fifo";
    static constexpr const char* aliases = "cfcfs windows";

    template <class Context>
    placement place(Context& /*c*/, const task_info& task, core_id /*from*/) const {
        return {queue::shared(task.priority)};
    }

    template <class Context>
    action next(Context& /*c*/, core_id /*self*/, const step& s) const {
        return in_order(s, {action::kind::take_shared, priority_normal});
    }
};

} // namespace rp::sched::policies
