// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/tp/callback_object.hpp"
#include "runtime/tp/instance.hpp"

namespace rp::tp {

template <class Call>
inline void run_call(sched::worker& w, callback_object& object, claimed how, Call&& call) noexcept {
    bool was_disassociated = false;
    if (object.runs_long) {
        (void)w.detach_core(); // R-ENV-8, R-SCHED-6
    }
    if (object.is_persistent) {
        w.is_persistent = true; // R-ENV-9
    }
    w.begin_callback();
    {
        instance running(w, object, how);
        call(running.handle());
        running.finish_user_part();
        was_disassociated = running.is_disassociated();
    }
    w.end_callback();
    object.done(how, was_disassociated);
}

} // namespace rp::tp
