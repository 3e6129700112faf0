// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/tp/callback_object.hpp"
#include "runtime/tp/instance.hpp"
#include "runtime/tp/verifier.hpp"

namespace rp::tp {

[[gnu::cold, gnu::noinline]] inline void note_begin(sched::worker& w,
                                                    const callback_object& object) noexcept {
    w.note_callback_begins(
        static_cast<const sched::item*>(&object), object.kind_letter(), object.function());
}

/// Runs one claimed call. Returns whether it has disassociated itself.
template <class Call>
inline bool
run_once(sched::worker& w, callback_object& object, claimed how, const Call& call) noexcept {
    if (object.runs_long) {
        (void)w.detach_core(); // R-ENV-8, R-SCHED-6
    }
    if (object.is_persistent) {
        w.is_persistent = true; // R-ENV-9
    }
    bool was_disassociated = false;
    const bool is_verified = verifier::is_on();
    const bool is_noted = sched::events::is_on();
    verifier::held_locks held;
    if (is_verified) [[unlikely]] {
        verifier::note(&object, "callback begins");
        held = verifier::held_locks::of_this_thread();
    }
    if (is_noted) [[unlikely]] {
        note_begin(w, object);
    }
    w.begin_callback();
    {
        instance running(w, object, how);
        call(running.handle());
        running.finish_user_part();
        if (is_verified) [[unlikely]] {
            verifier::check_held_locks(held, &object);
            verifier::note(&object, "callback returns");
        }
        was_disassociated = running.is_disassociated();
    }
    w.end_callback();
    if (is_noted) [[unlikely]] {
        w.note_callback_ends(static_cast<const sched::item*>(&object));
    }
    return was_disassociated;
}

/// Runs a claimed call and accounts for it; goes on with the next call of a batch for as long as
/// the worker would come back to this object anyway.
template <class Call>
inline void
run_call(sched::worker& w, callback_object& object, claimed how, const Call& call) noexcept {
    for (;;) {
        const bool was_disassociated = run_once(w, object, how, call);
        if (how == claimed::batched && !was_disassociated && w.owner().may_go_on(w, object) &&
            object.claim_next()) {
            continue;
        }
        object.done(how, was_disassociated);
        return;
    }
}

} // namespace rp::tp
