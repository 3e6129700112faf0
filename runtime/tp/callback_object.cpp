// SPDX-License-Identifier: Apache-2.0
#include "runtime/tp/callback_object.hpp"

#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/nt/module.hpp"
#include "runtime/tp/cleanup_group.hpp"
#include "runtime/tp/verifier.hpp"

#include <climits>
#include <mutex>

namespace rp::tp {

namespace {

const char* name_of(object_magic magic) noexcept {
    switch (magic) {
    case object_magic::work:
        return "work object";
    case object_magic::simple:
        return "simple callback";
    case object_magic::timer:
        return "timer";
    case object_magic::wait:
        return "wait object";
    case object_magic::io:
        return "I/O object";
    case object_magic::freed:
        break;
    }
    return "object";
}

} // namespace

callback_object::callback_object(object_magic magic,
                                 const void* function,
                                 const environment& env,
                                 uint64_t tally) noexcept
    : magic_(magic), is_persistent(env.is_persistent), pool_(env.pool),
      finalization_callback(env.finalization_callback), tally_(tally),
      takes_batches_(magic == object_magic::work), cancel_callback(env.cancel_callback) {
    priority = static_cast<uint8_t>(env.priority);
    runs_long = env.runs_long;
    if (sched::engine& served_by = engine(); served_by.uses_classes()) {
        cls = served_by.classes().of(function);
    }
    pool_->retain();
    if (verifier::is_on()) [[unlikely]] {
        verifier::created(this, name_of(magic));
    }
    if (env.library != nullptr) {
        race_library_ = nt::reference_library(static_cast<HMODULE>(env.library));
    }
}

uint8_t callback_object::kind_letter() const noexcept {
    // mo: relaxed, set by the constructor.
    switch (magic_.load(std::memory_order_relaxed)) {
    case object_magic::work:
        return 'W';
    case object_magic::timer:
        return 'T';
    case object_magic::wait:
        return 'w';
    case object_magic::simple:
        return 'S';
    case object_magic::io:
        return 'I';
    case object_magic::freed:
        break;
    }
    return 0;
}

void callback_object::join_group(const environment& env) noexcept {
    if (env.group != nullptr) {
        env.group->add(*this);
    }
}

/// claim(), when more than one call is owed, or was.
claimed callback_object::claim_one_of_many() noexcept {
    // Read first: once the tombstone is gone, a group's close may free the object.
    sched::engine& served_by = engine();
    if (claim_from_batch(served_by)) {
        return claimed::batched;
    }
    // mo: acquire, pairs object.tally (add_pending).
    uint64_t before = tally_.load(std::memory_order_acquire);
    for (;;) {
        const uint32_t pending = tally::pending(before);
        if (pending > 1 && takes_batches_) {
            if (take_batch()) {
                served_by.place(*this, sched::origin::requeue);
                return claimed::batched;
            }
            // mo: acquire, pairs object.tally (cancel_pending): it was faster.
            before = tally_.load(std::memory_order_acquire);
            continue;
        }
        if (pending == 0) {
            if (leave_queue(served_by)) {
                return claimed::nothing;
            }
            // mo: acquire, pairs object.tally (add_pending): a submit came.
            before = tally_.load(std::memory_order_acquire);
            continue;
        }
        const uint64_t after = (before & ~(tally::tombstone | tally::batched)) -
                               tally::pending_one + tally::running_one;
        // mo: acq_rel, pairs object.tally (add_pending): the submitter's writes.
        if (tally_.compare_exchange_weak(
                before, after, std::memory_order_acq_rel, std::memory_order_acquire)) {
            if (pending > 1) {
                served_by.place(*this, sched::origin::requeue);
            }
            return claimed::single;
        }
    }
}

/// Takes on one call of the batch, if any is left.
bool callback_object::claim_from_batch(sched::engine& served_by) noexcept {
    // mo: relaxed, the CAS below orders it.
    uint64_t before = batch_.load(std::memory_order_relaxed);
    while (tally::batch::left(before) != 0) {
        const uint64_t after = before - tally::batch::left_one + tally::batch::running_one;
        // mo: acq_rel, pairs object.batch (take_batch): what was submitted before it was taken.
        if (batch_.compare_exchange_weak(
                before, after, std::memory_order_acq_rel, std::memory_order_relaxed)) {
            if (tally::batch::left(after) != 0 || !leave_queue(served_by)) {
                served_by.place(*this, sched::origin::requeue);
            }
            return true;
        }
    }
    return false;
}

bool callback_object::claim_next() noexcept {
    // mo: relaxed, the CAS below orders it.
    uint64_t before = batch_.load(std::memory_order_relaxed);
    while (tally::batch::left(before) != 0) {
        // mo: acq_rel, pairs object.batch (take_batch): as in claim_from_batch.
        if (batch_.compare_exchange_weak(before,
                                         before - tally::batch::left_one,
                                         std::memory_order_acq_rel,
                                         std::memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

/// Moves what is pending to the batch and takes on the first of it. False when less than two calls
/// are pending any more.
bool callback_object::take_batch() noexcept {
    const std::scoped_lock guard(lock_);
    // mo: relaxed, the CAS below orders it.
    uint64_t before = tally_.load(std::memory_order_relaxed);
    uint64_t after = 0;
    do {
        if (tally::pending(before) < 2) {
            return false;
        }
        after = (before & ~(tally::pending_mask | tally::tombstone)) | tally::batched;
        // mo: acq_rel, pairs object.tally (add_pending): the submitters' writes.
    } while (!tally_.compare_exchange_weak(
        before, after + tally::running_one, std::memory_order_acq_rel, std::memory_order_relaxed));
    const uint64_t first = tally::batch::running_one - tally::batch::left_one;
    // mo: acq_rel, pairs object.batch (claim_from_batch, done).
    if (batch_.fetch_add(first + tally::pending(before), std::memory_order_acq_rel) != 0) {
        // Calls of an earlier batch are still running, and counted as running by the tally.
        // mo: relaxed, theirs remains.
        tally_.fetch_sub(tally::running_one, std::memory_order_relaxed);
    }
    return true;
}

/// The object is in the caller's hands: false when it must be queued again because more is pending.
/// Otherwise it is out of the queues, and freed if that was all that was left of it.
bool callback_object::leave_queue(sched::engine& served_by) noexcept {
    // mo: relaxed, the CAS below orders it.
    uint64_t before = tally_.load(std::memory_order_relaxed);
    for (;;) {
        if (tally::pending(before) != 0) {
            return false;
        }
        const uint64_t after = before & ~(tally::batched | tally::tombstone);
        // mo: acq_rel, pairs object.tally (add_pending): the next submit queues the object anew.
        if (tally_.compare_exchange_weak(
                before, after, std::memory_order_acq_rel, std::memory_order_relaxed)) {
            if (tally::is_dead(before)) {
                served_by.dead_item_left();
            }
            if (tally::is_over(after)) {
                finish();
            }
            return true;
        }
    }
}

/// done() of a call of a batch, of a disassociated one, or while others change the tally.
void callback_object::done_with_others(claimed how, bool was_disassociated) noexcept {
    if (was_disassociated) {
        release_running(tally::disassociated_one);
        return;
    }
    if (how == claimed::batched) {
        // mo: acq_rel, pairs object.batch (done of the others): the last one speaks for all.
        if (batch_.fetch_sub(tally::batch::running_one, std::memory_order_acq_rel) !=
            tally::batch::running_one) {
            return;
        }
    }
    release_running(tally::running_one);
}

/// `one`: running_one or disassociated_one.
void callback_object::release_running(uint64_t one) noexcept {
    // mo: relaxed, the CAS below orders it.
    uint64_t before = tally_.load(std::memory_order_relaxed);
    while ((before & tally::waiter) == 0) {
        // mo: acq_rel, pairs object.tally (wait_for): what the callback did (R-LIFE-12).
        if (tally_.compare_exchange_weak(
                before, before - one, std::memory_order_acq_rel, std::memory_order_relaxed)) {
            if (tally::is_over(before - one)) {
                finish();
            }
            return;
        }
    }
    // Somebody waits, and may free the object as soon as it is quiet and he has left; leaving takes
    // this lock, so the object stays until the wake is done.
    bool is_over = false;
    {
        const std::scoped_lock guard(lock_);
        // mo: acq_rel, pairs object.tally (wait_for): what the callback did (R-LIFE-12).
        const uint64_t now = tally_.fetch_sub(one, std::memory_order_acq_rel) - one;
        is_over = tally::is_over(now);
        if (!is_over && tally::is_quiet(now)) {
            wake_waiters();
        }
    }
    if (is_over) {
        finish();
    }
}

void callback_object::disassociate(claimed how) noexcept {
    if (how == claimed::batched) {
        // mo: relaxed, only keeps the object alive.
        tally_.fetch_add(tally::disassociated_one, std::memory_order_relaxed);
        // mo: acq_rel, pairs object.batch (done).
        if (batch_.fetch_sub(tally::batch::running_one, std::memory_order_acq_rel) ==
            tally::batch::running_one) {
            // mo: acq_rel, pairs object.tally (wait_for): what the callback did so far.
            settle(tally_.fetch_sub(tally::running_one, std::memory_order_acq_rel) -
                   tally::running_one);
        }
        return;
    }
    constexpr uint64_t step = tally::disassociated_one - tally::running_one;
    // mo: acq_rel, pairs object.tally (wait_for): what the callback did so far.
    settle(tally_.fetch_add(step, std::memory_order_acq_rel) + step);
}

uint32_t callback_object::cancel_pending() noexcept {
    if (is_alive_as(object_magic::io)) {
        return drop_started();
    }
    uint32_t dropped = 0;
    {
        const std::scoped_lock guard(lock_);
        // mo: relaxed, the CAS below orders it.
        uint64_t before = tally_.load(std::memory_order_relaxed);
        while ((dropped = tally::pending(before)) != 0) {
            // A batched object is in its queue for the sake of the batch: no tombstone needed.
            const bool dies = (before & tally::batched) == 0;
            const uint64_t after = (before & ~tally::pending_mask) | (dies ? tally::tombstone : 0);
            // mo: acq_rel, pairs object.tally (claim): a worker claims a call or finds none.
            if (tally_.compare_exchange_weak(
                    before, after, std::memory_order_acq_rel, std::memory_order_relaxed)) {
                if (dies) {
                    engine().item_died();
                }
                break;
            }
        }
        dropped += cancel_batch();
    }
    if (dropped != 0) {
        if (sched::events::is_on()) [[unlikely]] {
            note_event(sched::event_kind::cancelled, dropped);
        }
        calls_dropped(dropped);
        look_after_waiters();
    }
    return dropped;
}

void callback_object::note_event(sched::event_kind kind, uint64_t detail) noexcept {
    // The address that the scheduler knows the object by.
    const sched::item* self = this;
    engine().note(kind, sched::no_core, static_cast<const void*>(self), detail);
}

sched::item* callback_object::owe_one() noexcept {
    const uint64_t before = add_pending();
    if (!tally::is_queued(before)) {
        return this;
    }
    if (sched::events::is_on()) [[unlikely]] {
        note_event(sched::event_kind::submitted, 0);
    }
    if (tally::is_dead(before)) {
        engine().item_revived();
    }
    return nullptr;
}

void callback_object::look_after_waiters() noexcept {
    // mo: acquire, pairs object.tally (done).
    settle(tally_.load(std::memory_order_acquire));
}

bool callback_object::recall_one() noexcept {
    // mo: relaxed, the CAS below orders it.
    uint64_t before = tally_.load(std::memory_order_relaxed);
    while (tally::pending(before) != 0) {
        const bool dies = tally::pending(before) == 1;
        const uint64_t after = before - tally::pending_one;
        // mo: acq_rel, pairs object.tally (claim): a worker claims the call or it is recalled.
        if (tally_.compare_exchange_weak(before,
                                         dies ? after | tally::tombstone : after,
                                         std::memory_order_acq_rel,
                                         std::memory_order_relaxed)) {
            if (sched::events::is_on()) [[unlikely]] {
                note_event(sched::event_kind::cancelled, 1);
            }
            if (dies) {
                engine().item_died();
            }
            return true;
        }
    }
    return false;
}

/// Needs the lock. Returns how many calls were dropped.
uint32_t callback_object::cancel_batch() noexcept {
    // mo: relaxed, the CAS below orders it.
    uint64_t before = batch_.load(std::memory_order_relaxed);
    const uint64_t left_mask = UINT32_MAX;
    do {
        if (tally::batch::left(before) == 0) {
            return 0;
        }
        // mo: acq_rel, pairs object.batch (claim_from_batch).
    } while (!batch_.compare_exchange_weak(
        before, before & ~left_mask, std::memory_order_acq_rel, std::memory_order_relaxed));
    // mo: relaxed, the CAS below orders it.
    uint64_t now = tally_.load(std::memory_order_relaxed);
    while ((now & tally::batched) != 0 && tally::pending(now) == 0) {
        // mo: acq_rel, pairs object.tally (claim): the worker that dequeues the object.
        if (tally_.compare_exchange_weak(now,
                                         (now & ~tally::batched) | tally::tombstone,
                                         std::memory_order_acq_rel,
                                         std::memory_order_relaxed)) {
            engine().item_died();
            break;
        }
    }
    if ((before & ~left_mask) == 0) {
        // mo: acq_rel, pairs object.tally (wait_for): no call of the batch is running.
        tally_.fetch_sub(tally::running_one, std::memory_order_acq_rel);
    }
    return tally::batch::left(before);
}

bool callback_object::close() noexcept {
    // mo: acq_rel, pairs object.tally (done): whoever is last frees the object.
    const uint64_t before = tally_.fetch_or(tally::closed, std::memory_order_acq_rel);
    if ((before & tally::closed) != 0) {
        return false;
    }
    if (tally::is_over(before | tally::closed)) {
        finish();
    }
    return true;
}

/// After a change of the word to `now` by a caller for whom the object stays in memory: a function
/// of the program's, or a callback of the object.
void callback_object::settle(uint64_t now) noexcept {
    if (tally::is_over(now)) {
        finish();
    } else if ((now & tally::waiter) != 0 && tally::is_quiet(now)) {
        wake_waiters();
    }
}

void callback_object::wake_waiters() noexcept {
    // mo: release, pairs object.wait (wait_for).
    wait_word_.fetch_add(1, std::memory_order_release);
    (void)kernel::futex_wake(wait_word_, INT_MAX);
}

void callback_object::finish() noexcept {
    // mo: relaxed, for programs that use a closed object.
    magic_.store(object_magic::freed, std::memory_order_relaxed);
    if (verifier::is_on()) [[unlikely]] {
        verifier::gone(this);
    }
    group::forget(*this);
    if (had_waiters_) {
        // The last waiter, or a worker that woke it, may still be about to release this lock.
        const std::scoped_lock guard(lock_);
    }
    if (race_library_ != nullptr) {
        (void)nt::free_library(race_library_);
        race_library_ = nullptr;
    }
    tp::pool* bound_to = pool_;
    destroy();
    bound_to->release();
}

// --- waiting -------------------------------------------------------------------------------------

void callback_object::enter_wait() noexcept {
    const std::scoped_lock guard(lock_);
    ++waiters_;
    had_waiters_ = true;
    // mo: acq_rel, pairs object.tally (done): from now on whoever finishes sees the waiter.
    tally_.fetch_or(tally::waiter, std::memory_order_acq_rel);
}

void callback_object::leave_wait() noexcept {
    uint64_t now = 0;
    {
        const std::scoped_lock guard(lock_);
        if (--waiters_ != 0) {
            return;
        }
        // mo: acq_rel, pairs object.tally (close).
        now = tally_.fetch_and(~tally::waiter, std::memory_order_acq_rel) & ~tally::waiter;
    }
    if (tally::is_over(now)) {
        finish();
    }
}

template <class Quiet>
void callback_object::wait_for(Quiet is_quiet) noexcept {
    for (;;) {
        // mo: acquire, pairs object.wait (wake_waiters).
        const uint32_t word = wait_word_.load(std::memory_order_acquire);
        // mo: acquire, pairs object.tally (done): what the finished callbacks did (R-LIFE-12).
        if (is_quiet(tally_.load(std::memory_order_acquire))) {
            return;
        }
        const kernel::blocking_scope announced;
        (void)kernel::futex_wait(wait_word_, word, kernel::no_deadline);
    }
}

void callback_object::wait_until_quiet(bool is_cancelling) noexcept {
    // mo: acquire, pairs object.tally (done): what the finished callbacks did (R-LIFE-12).
    if (tally::is_quiet(tally_.load(std::memory_order_acquire)) || pool::is_process_exiting()) {
        return;
    }
    enter_wait();
    wait_for([](uint64_t t) { return tally::is_quiet(t); });
    if (is_cancelling) {
        drained();
    }
    leave_wait();
}

// --- a cleanup group's close ---------------------------------------------------------------------

bool callback_object::hold_for_group_close() noexcept {
    const std::scoped_lock guard(lock_);
    // mo: acquire, pairs object.tally (done): the close also sees what an object did that is just
    // being freed.
    uint64_t before = tally_.load(std::memory_order_acquire);
    do {
        if (tally::is_over(before)) {
            return false;
        }
        had_waiters_ = true;
        // mo: acq_rel, pairs object.tally (done).
    } while (!tally_.compare_exchange_weak(before,
                                           before | tally::waiter | tally::stopped,
                                           std::memory_order_acq_rel,
                                           std::memory_order_acquire));
    ++waiters_;
    return true;
}

void callback_object::wait_until_quiet_for_group() noexcept {
    if (!pool::is_process_exiting()) {
        wait_for([](uint64_t t) { return tally::is_quiet_for_group(t); });
    }
}

void callback_object::release_after_group_close() noexcept {
    leave_wait();
}

} // namespace rp::tp
