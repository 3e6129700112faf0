// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/tp/callback_object.hpp"
#include "runtime/tp/instance.hpp"
#include "runtime/tp/verifier.hpp"

namespace rp::tp {

/// Runs one claimed call, and `afterwards` as the last of its user code. Returns whether it has
/// disassociated itself.
template <class Call, class Afterwards>
inline bool run_plainly(sched::worker& w,
                        callback_object& object,
                        claimed how,
                        const Call& call,
                        const Afterwards& afterwards) noexcept {
    bool was_disassociated = false;
    w.begin_callback();
    {
        instance running(w, object, how);
        call(running.handle());
        running.finish_user_part();
        afterwards();
        was_disassociated = running.is_disassociated();
    }
    w.end_callback();
    return was_disassociated;
}

/// The same for an object with wishes, under the verifier, or while events are noted.
template <class Call>
[[gnu::noinline]] inline bool
run_watched(sched::worker& w, callback_object& object, claimed how, const Call& call) noexcept {
    if (object.runs_long) {
        (void)w.detach_core(); // R-ENV-8, R-SCHED-6
    }
    if (object.is_persistent) {
        w.is_persistent = true; // R-ENV-9
    }
    const bool is_verified = verifier::is_on();
    const bool is_noted = sched::events::is_on();
    verifier::held_locks held;
    if (is_verified) {
        verifier::note(&object, "callback begins");
        held = verifier::held_locks::of_this_thread();
    }
    if (is_noted) {
        w.note_callback_begins(
            static_cast<const sched::item*>(&object), object.kind_letter(), object.function());
    }
    const bool was_disassociated = run_plainly(w, object, how, call, [&] {
        if (is_verified) {
            verifier::check_held_locks(held, &object);
            verifier::note(&object, "callback returns");
        }
    });
    if (is_noted) {
        w.note_callback_ends(static_cast<const sched::item*>(&object));
    }
    return was_disassociated;
}

template <class Call>
inline bool
run_once(sched::worker& w, callback_object& object, claimed how, const Call& call) noexcept {
    if (object.runs_long || object.is_persistent || verifier::is_on() || sched::events::is_on())
        [[unlikely]] {
        return run_watched(w, object, how, call);
    }
    return run_plainly(w, object, how, call, [] {});
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
