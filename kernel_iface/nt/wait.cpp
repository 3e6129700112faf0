// SPDX-License-Identifier: Apache-2.0
// Waits: how a thread sleeps until objects let it go, and how exactly that much is consumed.
//
// Nouns. A *waiter* is one wait; a *block* links it to one object. An object is *available* to a
// waiter when a wait for it alone would be satisfied now; *consuming* does what a satisfied wait
// does (resets an auto-reset event, takes a unit, owns a mutex).
//
// Waiting for any. The signaller hands the object over: it consumes on behalf of the waiter, under
// the object's lock, after it claimed the waiter. So an auto-reset event set once releases exactly
// one waiter, and a waiter takes exactly one object.
//
//   waiter                                     signaller (set, post, unlock)
//   1. lock all objects, in address order      1. lock the object, change its state
//   2. something available? consume the        2. for each waiter it satisfies: CAS outcome ->
//      lowest index, return                       index; if won: consume, unlink, remember to wake
//   3. link a block to each, unlock            3. unlock
//   4. seq = wake_word; outcome set? go to 6   4. wake_word += 1, wake the futex
//   5. sleep while wake_word == seq
//   6. lock each object in turn, unlink
//
// All locks at once in steps 1-3 make "the lowest index" exact: no object can become available
// after it was looked at and before the decision. Step 6 always takes the lock of the object that
// satisfied the wait, so the waiter, which is on a stack, outlives step 2 of the signaller. Step 4
// of the signaller touches only the thread record, which is type-stable. The time limit is one more
// claimer of the outcome.
//
// Waiting for all. Nobody can hand over several objects, so a signaller only bumps wake_word of
// such a waiter and leaves the object available; the waiter locks everything and looks again:
//
//   waiter                                     signaller
//   1. seq = wake_word                         1. lock the object, change its state
//   2. lock all; all available? consume all    2. remember to wake, unlock
//   3. unlock; sleep while wake_word == seq    3. wake_word += 1, wake the futex
//
// If the signaller's step 1 comes after the waiter's step 2, so does its step 3, and seq is stale.
//
// Objects that change by themselves (timers). Nobody signals them, so a waiter sleeps no longer
// than the earliest of their next_change_ns(), and then advances them itself, under all locks;
// timer.cpp has the race with those who set them. Advancing serves the waiters of the object, the
// one that advances like any other. Waits without such objects do not pay for this.
//
// Alertable waits. The thread's APC queue is one more object, with an index of its own, looked at
// after all others; in a wait for all it is an alternative to them. Its timers with completion
// routines bound the sleep as well. apc.cpp has the rest.
//
// Rejected:
// - One lock for all objects (what NT had): every SetEvent of every thread meets there.
// - Polling objects one lock at a time for "any": set(0) then set(5) could be answered with 5.
// - Letting the signaller of a wait-all take the other objects' locks: it holds one already, so
//   address order would need try-locks and retries under contention.
// - A futex word in the waiter: the wake would go to a stack frame that may be gone.
//
// Invariants: outcome leaves `waiting` once; consume happens under the object's lock, at most once
// per any-wait and for all objects at one instant per all-wait; no block is linked after return.
// Read next: dispatcher.hpp, mutex.hpp.
#include "kernel_iface/nt/wait.hpp"

#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/handle_table.hpp"
#include "kernel_iface/nt/mutex.hpp"
#include "kernel_iface/nt/semaphore.hpp"
#include "kernel_iface/nt/thread.hpp"
#include "kernel_iface/nt/timer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <optional>

namespace rp::nt {
namespace {

class thread_waiter final : public waiter {
public:
    thread_waiter(thread_record& thread, bool wants_all) noexcept
        : waiter(&thread, wants_all), record_(thread) {}

    void wake(wake_batch& batch) noexcept override { batch.add(record_); }

    void look_again(wake_batch& batch) noexcept override { batch.add(record_); }

    [[nodiscard]] bool is_abandoned() const noexcept { return is_abandoned_; }

private:
    thread_record& record_;
};

/// The locks of a set of objects, each once, in address order.
class lock_set {
public:
    explicit lock_set(std::span<waitable* const> objects) noexcept {
        for (waitable* object : objects) {
            add(object);
        }
    }

    void add(waitable* object) noexcept {
        // Insertion sort: sets are small and often already in order.
        waitable** place = std::lower_bound(sorted_, sorted_ + count_, object, std::less<>());
        if (place != sorted_ + count_ && *place == object) {
            return;
        }
        std::move_backward(place, sorted_ + count_, sorted_ + count_ + 1);
        *place = object;
        ++count_;
    }

    void lock() noexcept {
        for (size_t i = 0; i < count_; ++i) {
            sorted_[i]->lock().lock();
        }
    }

    void unlock() noexcept {
        for (size_t i = count_; i > 0; --i) {
            sorted_[i - 1]->lock().unlock();
        }
    }

    [[nodiscard]] size_t size() const noexcept { return count_; }

private:
    size_t count_ = 0;
    waitable* sorted_[wait_objects_max + 1]; // the first count_ are valid
};

/// Not a status: the wait is not satisfied.
constexpr ntstatus nothing = UINT32_MAX;

/// The case that matters: one object, and no need to sleep.
ntstatus take_now(waitable& one, thread_record& thread) noexcept {
    const std::lock_guard guard(one.lock());
    if (!one.is_available(&thread)) {
        return nothing;
    }
    return one.consume(&thread) ? status::abandoned_wait_0 : status::success;
}

/// One call of wait_objects.
class wait_call {
public:
    wait_call(std::span<waitable* const> objects, bool wants_all, thread_record& thread) noexcept
        : objects_(objects), thread_(thread), locks_(objects), waiter_(thread, wants_all) {
        for (const waitable* object : objects) {
            is_timed_ |= object->changes_by_itself();
        }
    }

    void make_alertable() noexcept {
        is_alertable_ = true;
        is_timed_ |= thread_.timers != nullptr;
        // Without an object of this thread nobody can have found it to queue anything.
        if (thread_.object != nullptr) {
            apcs_ = &thread_.object->apcs();
            locks_.add(apcs_);
        }
    }

    ntstatus wait_any(int64_t deadline_ns) noexcept;
    ntstatus wait_all(int64_t deadline_ns) noexcept;

private:
    static constexpr uint32_t apcs_index = wait_objects_max; // of the queue among the objects

    // These need all locks.
    ntstatus take_any() noexcept;
    ntstatus take_all() noexcept;
    ntstatus take_apcs() const noexcept;
    void link_all() noexcept;
    void advance_all(wake_batch& batch) noexcept;
    [[nodiscard]] int64_t next_change_ns() const noexcept;

    /// Looks at the thread's own timers; without any lock, because they may be among the objects.
    void look_at_timers() noexcept {
        timers_ = is_alertable_ && thread_.timers != nullptr ? look_at_timer_apcs(thread_)
                                                             : timer_apc_state{};
    }

    int64_t refresh(int64_t deadline_ns) noexcept;
    void sleep_for_any(int64_t deadline_ns) noexcept;
    void unlink_all_in_turn() noexcept;

    std::span<waitable* const> objects_;
    thread_record& thread_;
    apc_queue* apcs_ = nullptr;
    bool is_alertable_ = false;
    bool is_timed_ = false; // something may happen without anybody waking us
    timer_apc_state timers_;
    lock_set locks_;
    thread_waiter waiter_;
    wait_block apcs_block_;
    wait_block blocks_[wait_objects_max]; // the first objects_.size() are valid once linked
};

ntstatus wait_call::take_any() noexcept {
    for (size_t i = 0; i < objects_.size(); ++i) {
        if (objects_[i]->is_available(&thread_)) {
            const bool was_abandoned = objects_[i]->consume(&thread_);
            return static_cast<ntstatus>(i) + (was_abandoned ? status::abandoned_wait_0 : 0);
        }
    }
    return take_apcs();
}

ntstatus wait_call::take_all() noexcept {
    for (waitable* object : objects_) {
        if (!object->is_available(&thread_)) {
            return take_apcs();
        }
    }
    ntstatus result = status::success;
    for (size_t i = 0; i < objects_.size(); ++i) {
        if (objects_[i]->consume(&thread_) && result == status::success) {
            result = status::abandoned_wait_0 + static_cast<ntstatus>(i);
        }
    }
    return result;
}

ntstatus wait_call::take_apcs() const noexcept {
    const bool is_any =
        (apcs_ != nullptr && apcs_->is_available(&thread_)) || timers_.due_ns != INT64_MAX;
    return is_any ? status::user_apc : nothing;
}

void wait_call::link_all() noexcept {
    for (size_t i = 0; i < objects_.size(); ++i) {
        blocks_[i].owner = &waiter_;
        blocks_[i].index = static_cast<uint32_t>(i);
        objects_[i]->link(blocks_[i]);
    }
    if (apcs_ != nullptr) {
        apcs_block_.owner = &waiter_;
        apcs_block_.index = apcs_index;
        apcs_->link(apcs_block_);
    }
}

void wait_call::advance_all(wake_batch& batch) noexcept {
    for (waitable* object : objects_) {
        object->advance(batch);
    }
}

int64_t wait_call::next_change_ns() const noexcept {
    int64_t next_ns = timers_.next_ns;
    for (const waitable* object : objects_) {
        next_ns = std::min(next_ns, object->next_change_ns());
    }
    return next_ns;
}

/// What time has changed, while linked: may satisfy this wait. Returns until when to sleep.
int64_t wait_call::refresh(int64_t deadline_ns) noexcept {
    look_at_timers();
    if (timers_.due_ns != INT64_MAX && waiter_.claim(apcs_index)) {
        return deadline_ns;
    }
    wake_batch batch;
    locks_.lock();
    advance_all(batch);
    const int64_t next_ns = next_change_ns();
    locks_.unlock();
    return std::min(deadline_ns, next_ns);
}

void wait_call::sleep_for_any(int64_t deadline_ns) noexcept {
    const kernel::blocking_scope announced;
    for (;;) {
        // mo: acquire, pairs thread.wake_word (wake_thread): a claim that bumped it is visible.
        const uint32_t seen = thread_.wake_word.load(std::memory_order_acquire);
        int64_t until_ns = deadline_ns;
        if (is_timed_ && waiter_.outcome() == waiter::waiting) {
            until_ns = refresh(deadline_ns);
        }
        if (waiter_.outcome() != waiter::waiting) {
            return;
        }
        const bool is_over = kernel::futex_wait(thread_.wake_word, seen, until_ns) == -ETIMEDOUT &&
                             until_ns == deadline_ns;
        if (is_over) {
            if (is_timed_) {
                refresh(deadline_ns); // what came in time counts, however late we wake
            }
            if (waiter_.claim(waiter::timed_out)) {
                return;
            }
        }
    }
}

void wait_call::unlink_all_in_turn() noexcept {
    for (size_t i = 0; i < objects_.size(); ++i) {
        objects_[i]->lock().lock();
        objects_[i]->unlink(blocks_[i]);
        objects_[i]->lock().unlock();
    }
    if (apcs_ != nullptr) {
        apcs_->lock().lock();
        apcs_->unlink(apcs_block_);
        apcs_->lock().unlock();
    }
}

ntstatus wait_call::wait_any(int64_t deadline_ns) noexcept {
    {
        look_at_timers();
        wake_batch batch;
        locks_.lock();
        if (is_timed_) {
            advance_all(batch);
        }
        const ntstatus taken = take_any();
        if (taken != nothing || deadline_ns == poll_deadline) {
            locks_.unlock();
            return taken != nothing ? taken : status::timeout;
        }
        link_all();
        locks_.unlock();
    }
    sleep_for_any(deadline_ns);
    unlink_all_in_turn();
    const uint32_t outcome = waiter_.outcome();
    if (outcome == waiter::timed_out) {
        return status::timeout;
    }
    if (outcome == apcs_index) {
        return status::user_apc;
    }
    return outcome + (waiter_.is_abandoned() ? status::abandoned_wait_0 : 0);
}

ntstatus wait_call::wait_all(int64_t deadline_ns) noexcept {
    std::optional<kernel::blocking_scope> announced;
    bool is_late = deadline_ns == poll_deadline;
    for (;;) {
        // mo: acquire, pairs thread.wake_word (wake_thread).
        const uint32_t seen = thread_.wake_word.load(std::memory_order_acquire);
        int64_t until_ns = deadline_ns;
        {
            look_at_timers();
            wake_batch batch;
            locks_.lock();
            if (is_timed_) {
                advance_all(batch);
            }
            const ntstatus taken = take_all();
            if (taken != nothing || is_late) {
                if (announced.has_value()) {
                    for (size_t i = 0; i < objects_.size(); ++i) {
                        objects_[i]->unlink(blocks_[i]);
                    }
                    if (apcs_ != nullptr) {
                        apcs_->unlink(apcs_block_);
                    }
                }
                locks_.unlock();
                return taken != nothing ? taken : status::timeout;
            }
            if (!announced.has_value()) {
                link_all();
            }
            if (is_timed_) {
                until_ns = std::min(deadline_ns, next_change_ns());
            }
            locks_.unlock();
        }
        if (!announced.has_value()) {
            announced.emplace();
        }
        is_late = kernel::futex_wait(thread_.wake_word, seen, until_ns) == -ETIMEDOUT &&
                  until_ns == deadline_ns;
    }
}

/// One handle: no array of references to set up and take down.
ntstatus wait_handle(HANDLE handle, int64_t deadline_ns, bool is_alertable) noexcept {
    const ref<object> target = find_object(handle);
    if (!target) {
        return status::invalid_handle;
    }
    waitable* const one = target->as_waitable();
    return one != nullptr ? wait_objects({&one, 1}, false, deadline_ns, is_alertable)
                          : status::object_type_mismatch;
}

} // namespace

int64_t deadline_after_ms(DWORD milliseconds) noexcept {
    constexpr int64_t ns_per_ms = 1'000'000;
    if (milliseconds == 0) {
        return poll_deadline;
    }
    if (milliseconds == INFINITE) {
        return kernel::no_deadline;
    }
    return kernel::now_ns() + int64_t{milliseconds} * ns_per_ms;
}

ntstatus wait_objects(std::span<waitable* const> objects,
                      bool wants_all,
                      int64_t deadline_ns,
                      bool is_alertable) noexcept {
    thread_record* thread = current_thread_record();
    if (thread == nullptr) {
        return status::no_memory;
    }
    if (objects.size() == 1 && !objects[0]->changes_by_itself()) {
        const ntstatus taken = take_now(*objects[0], *thread);
        if (taken != nothing) {
            return taken;
        }
        if (deadline_ns == poll_deadline && !is_alertable) {
            return status::timeout;
        }
    }
    wait_call call(objects, wants_all, *thread);
    if (is_alertable) {
        call.make_alertable();
    }
    return wants_all ? call.wait_all(deadline_ns) : call.wait_any(deadline_ns);
}

ntstatus wait_handles(std::span<const HANDLE> handles,
                      bool wants_all,
                      int64_t deadline_ns,
                      bool is_alertable) noexcept {
    if (handles.size() == 1) {
        return wait_handle(handles[0], deadline_ns, is_alertable);
    }
    if (handles.empty() || handles.size() > wait_objects_max) {
        return status::invalid_parameter;
    }
    std::array<waitable*, wait_objects_max> objects;
    std::array<ref<object>, wait_objects_max> references;
    for (size_t i = 0; i < handles.size(); ++i) {
        references[i] = find_object(handles[i]);
        if (!references[i]) {
            return status::invalid_handle;
        }
        objects[i] = references[i]->as_waitable();
        if (objects[i] == nullptr) {
            return status::object_type_mismatch;
        }
    }
    const std::span<waitable* const> set(objects.data(), handles.size());
    if (wants_all && lock_set(set).size() != set.size()) {
        return status::invalid_parameter;
    }
    return wait_objects(set, wants_all, deadline_ns, is_alertable);
}

ntstatus signal_object(HANDLE handle) noexcept {
    const ref<object> target = find_object(handle);
    if (!target) {
        return status::invalid_handle;
    }
    switch (target->kind()) {
    case object_kind::event:
        return set_event(handle);
    case object_kind::semaphore:
        return release_semaphore(handle, 1, nullptr);
    case object_kind::mutex:
        return release_mutex(handle);
    default:
        return status::object_type_mismatch;
    }
}

ntstatus check_waitable(HANDLE handle) noexcept {
    const ref<object> target = find_object(handle);
    if (!target) {
        return status::invalid_handle;
    }
    return target->as_waitable() != nullptr ? status::success : status::object_type_mismatch;
}

void sleep_until(int64_t deadline_ns) noexcept {
    const kernel::blocking_scope announced;
    std::atomic<uint32_t> word{0};
    while (kernel::now_ns() < deadline_ns) {
        kernel::futex_wait(word, 0, deadline_ns);
    }
}

} // namespace rp::nt
