// SPDX-License-Identifier: Apache-2.0
#pragma once
// What all TP_* objects have in common: the counters, the environment they were made with, waiting,
// closing and being freed.
//
// Memory is type-stable (a slab for each kind): a pointer to a freed object still points at an
// object of that kind, so a stale PTP_* is recognised by its `magic`, and a late wake of a waiter
// that has already left does no harm.
#include "kernel_iface/linux/slab.hpp"
#include "kernel_iface/linux/spin_lock.hpp"
#include "runtime/tp/environment.hpp"
#include "runtime/tp/pool.hpp"
#include "runtime/tp/tally.hpp"
#include "scheduler/item.hpp"

#include <windows.h>

#include <atomic>
#include <cstdint>

namespace rp::tp {

class group;
class instance;

enum class object_magic : uint32_t {
    freed = 0,
    work = 0x6B726F57,   // "Work"
    timer = 0x656D6954,  // "Time"
    wait = 0x74696157,   // "Wait"
    simple = 0x706D6953, // "Simp"
    io = 0x6F494F49,     // "IOIo"
};

/// What a worker has taken on by dequeuing an object.
enum class claimed : uint8_t {
    nothing, ///< its calls have been cancelled
    single,  ///< a call counted in the tally
    batched, ///< a call counted in the batch
};

/// Three cache lines: what everybody reads, what submitters write, what workers write.
class alignas(64) callback_object : public sched::item {
    // Within the bytes of a freed piece that stay readable: what a stale pointer may look at.
    std::atomic<object_magic> magic_;

public:
    bool is_persistent = false;
    /// Set by a group close that dropped a simple callback before it ran (R-GRP-8).
    bool was_dropped_by_group = false;
    PVOID context = nullptr;

protected:
    tp::pool* pool_;

public:
    PTP_SIMPLE_CALLBACK finalization_callback = nullptr;

protected:
    alignas(64) std::atomic<uint64_t> tally_;

private:
    std::atomic<uint32_t> wait_word_{0}; // counts changes that may have made the object quiet
    uint32_t waiters_ = 0;               // guard: lock_
    kernel::spin_lock lock_;
    bool had_waiters_ = false; // guard: lock_, and ordered by the tally
    const bool takes_batches_; // a recall must find every call in the tally

public:
    callback_object(const callback_object&) = delete;
    callback_object& operator=(const callback_object&) = delete;

    [[nodiscard]] bool is_alive_as(object_magic kind) const noexcept {
        // mo: relaxed, a check for programs that use a closed object; nothing is published.
        return magic_.load(std::memory_order_relaxed) == kind;
    }

    // --- counting ------------------------------------------------------------------------------

    /// One more call is owed. Returns the word as it was before.
    uint64_t add_pending() noexcept {
        // mo: acq_rel, pairs object.tally (claim): what the submitter wrote before (R-LIFE-19).
        return tally_.fetch_add(tally::pending_one, std::memory_order_acq_rel);
    }

    /// The worker that took the object out of a queue: takes on one call, if any is left, and
    /// queues the object again if more are pending.
    [[nodiscard]] claimed claim() noexcept {
        // mo: relaxed, the CAS below orders it.
        uint64_t before = tally_.load(std::memory_order_relaxed);
        // Without the mark `batched` there is no batch to be looked at.
        if (tally::owes_only_one(before) &&
            // mo: acq_rel, pairs object.tally (add_pending): the submitter's writes.
            tally_.compare_exchange_strong(before,
                                           before - tally::pending_one + tally::running_one,
                                           std::memory_order_acq_rel,
                                           std::memory_order_relaxed)) [[likely]] {
            return claimed::single;
        }
        return claim_one_of_many();
    }

    /// A call of the batch has returned and the next one is taken on in its place. False when none
    /// is left. The caller need not have the object in its hands: its running call keeps it alive.
    [[nodiscard]] bool claim_next() noexcept;

    /// A call has returned (from a disassociated one if `was_disassociated`).
    void done(claimed how, bool was_disassociated) noexcept {
        // mo: relaxed, the CAS below orders it.
        uint64_t before = tally_.load(std::memory_order_relaxed);
        if (how == claimed::single && !was_disassociated && (before & tally::waiter) == 0 &&
            // mo: acq_rel, pairs object.tally (wait_for): what the callback did (R-LIFE-12).
            tally_.compare_exchange_strong(before,
                                           before - tally::running_one,
                                           std::memory_order_acq_rel,
                                           std::memory_order_relaxed)) [[likely]] {
            if (tally::is_over(before - tally::running_one)) {
                finish();
            }
            return;
        }
        done_with_others(how, was_disassociated);
    }

    /// R-CB-11: the running call no longer counts for waiters of the object.
    void disassociate(claimed how) noexcept;

    /// Drops what is owed and not yet running. Returns how many calls were dropped.
    uint32_t cancel_pending() noexcept;

    /// Which function of the program the object calls: for whoever records events.
    [[nodiscard]] virtual const void* function() const noexcept = 0;
    /// 'W'ork, 'T'imer, 'w'ait, 'S'imple or 'I'/O.
    [[nodiscard]] uint8_t kind_letter() const noexcept;

    /// What is armed comes to nothing (timers and waits); the object is about to be released.
    virtual void disarm() noexcept {}

    /// Blocks until nothing is owed or running (R-LIFE-8). `is_cancelling`: after cancel_pending.
    void wait_until_quiet(bool is_cancelling) noexcept;
    /// The program gives the object up (R-LIFE-3). False when it had done so before.
    bool close() noexcept;

    // --- a cleanup group's close ----------------------------------------------------------------

    /// Keeps the object alive and stops new submits. False when it is already being freed.
    [[nodiscard]] bool hold_for_group_close() noexcept;
    void wait_until_quiet_for_group() noexcept;
    void release_after_group_close() noexcept;

    /// Is a call owed or running?
    [[nodiscard]] bool is_busy() const noexcept {
        // mo: acquire, pairs object.tally (done): what the finished callbacks did.
        return !tally::is_quiet(tally_.load(std::memory_order_acquire));
    }

    [[nodiscard]] tp::pool& pool() const noexcept { return *pool_; }

    [[nodiscard]] sched::engine& engine() const noexcept { return pool_->engine(); }

    PTP_CLEANUP_GROUP_CANCEL_CALLBACK cancel_callback = nullptr;

    // Membership; written under the group's lock. in_group changes once, from the group to nullptr.
    std::atomic<group*> in_group{nullptr};
    callback_object* group_next = nullptr;
    callback_object* group_previous = nullptr;

protected:
    /// `function`: what its callbacks run, which is their class.
    callback_object(object_magic magic,
                    const void* function,
                    const environment& env,
                    uint64_t tally) noexcept;
    ~callback_object() = default;

    /// Last step of every constructor: from now on a group's close may see the object.
    void join_group(const environment& env) noexcept;
    /// Nothing refers to the object any more: frees it.
    virtual void destroy() noexcept = 0;

    /// Drops operations that were started and have not reported back (TP_IO only).
    virtual uint32_t drop_started() noexcept { return 0; }

    /// A cancelling wait has seen the object quiet; it still keeps it alive.
    virtual void drained() noexcept {}

    /// So many calls were dropped by cancel_pending.
    virtual void calls_dropped(uint32_t /*count*/) noexcept {}

    /// One more call is owed. Returns the object if it has to be placed in a queue for it.
    [[nodiscard]] sched::item* owe_one() noexcept;
    /// After a recall, or whatever else may have made the object quiet.
    void look_after_waiters() noexcept;

    void note_event(sched::event_kind kind, uint64_t detail) noexcept;
    void settle(uint64_t now) noexcept;
    void wake_waiters() noexcept;
    void finish() noexcept;

    friend class group;

    /// Keeps the object alive until leave_wait().
    void enter_wait() noexcept;
    void leave_wait() noexcept;

    /// Takes one call back that is pending and not yet claimed; needs `takes_batches_` false.
    [[nodiscard]] bool recall_one() noexcept;

private:
    HMODULE race_library_ = nullptr; // one reference, R-ENV-10
    alignas(64) std::atomic<uint64_t> batch_{0};

    [[nodiscard]] claimed claim_one_of_many() noexcept;
    void done_with_others(claimed how, bool was_disassociated) noexcept;
    [[nodiscard]] bool claim_from_batch(sched::engine& served_by) noexcept;
    [[nodiscard]] bool take_batch() noexcept;
    [[nodiscard]] bool leave_queue(sched::engine& served_by) noexcept;
    uint32_t cancel_batch() noexcept;
    void release_running(uint64_t one) noexcept;
    template <class Quiet>
    void wait_for(Quiet is_quiet) noexcept;
};

} // namespace rp::tp
