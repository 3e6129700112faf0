// SPDX-License-Identifier: Apache-2.0
#pragma once
// Objects that can be waited on, and those who wait. wait.cpp has the essay.
#include "kernel_iface/linux/spin_lock.hpp"
#include "kernel_iface/nt/object.hpp"
#include "kernel_iface/nt/status.hpp"
#include "kernel_iface/nt/thread_record.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace rp::nt {

/// Wake-ups collected under object locks and carried out after the last of them is released.
class wake_batch {
public:
    // The calls are written before they are read; zeroing them would cost more than a SetEvent.
    wake_batch() noexcept {} // NOLINT(modernize-use-equals-default)

    ~wake_batch() { flush(); }

    wake_batch(const wake_batch&) = delete;
    wake_batch& operator=(const wake_batch&) = delete;

    /// `argument` must stay valid memory (not necessarily the same waiter) until `run` was called.
    /// When the batch is full it is carried out at once, under the lock: slower, still correct.
    void add(void (*run)(void* argument) noexcept, void* argument) noexcept {
        if (count_ == capacity) {
            flush();
        }
        calls_[count_++] = {run, argument};
    }

    /// Wakes the thread of `record`, which may wake for nothing.
    void add(thread_record& record) noexcept;

private:
    void flush() noexcept {
        for (size_t i = 0; i < count_; ++i) {
            calls_[i].run(calls_[i].argument);
        }
        count_ = 0;
    }

    static constexpr size_t capacity = 32;

    struct call {
        void (*run)(void*) noexcept;
        void* argument;
    };

    size_t count_ = 0;
    call calls_[capacity];
};

/// One wait of somebody: a thread in a wait function, or a pool object with a callback to queue.
/// May live on a stack: it is touched only under the lock of an object one of its blocks is linked
/// to.
class waiter {
public:
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    /// Satisfied by the object of this block index: called after claim() succeeded and the object
    /// was consumed. Or, when wants_all: one of the objects was signalled, look again. Called under
    /// the object's lock: must only add to the batch.
    virtual void wake(wake_batch& batch) noexcept = 0;

    /// One of the objects will change by itself at another time than next_change_ns() said: ask
    /// again. Called under that object's lock: must only add to the batch.
    virtual void look_again(wake_batch& batch) noexcept = 0;

    /// The one transition of a wait: from waiting to `outcome`. Exactly one claimer succeeds.
    [[nodiscard]] bool claim(uint32_t outcome) noexcept {
        uint32_t expected = waiting;
        // mo: release, pairs waiter.outcome (outcome): the wake-up itself is ordered by wake_word.
        // mo: relaxed on failure, somebody else's outcome is not looked at.
        return outcome_.compare_exchange_strong(
            expected, outcome, std::memory_order_release, std::memory_order_relaxed);
    }

    /// `waiting`, an index, or `timed_out`.
    [[nodiscard]] uint32_t outcome() const noexcept {
        // mo: acquire, pairs waiter.outcome (claim).
        return outcome_.load(std::memory_order_acquire);
    }

    static constexpr uint32_t waiting = UINT32_MAX;
    static constexpr uint32_t timed_out = UINT32_MAX - 1;
    static constexpr uint32_t given_up = UINT32_MAX - 2;

protected:
    waiter(thread_record* thread, bool wants_all) noexcept
        : thread_(thread), wants_all_(wants_all) {}

    ~waiter() = default;

    /// Another wait begins. No block is linked, and no signaller is inside the lock of an object
    /// that one was linked to.
    void begin_again() noexcept {
        // mo: relaxed, published by the lock under which the next block is linked.
        outcome_.store(waiting, std::memory_order_relaxed);
    }

    /// The object that satisfied the wait was an abandoned mutex. Guard: that object's lock, which
    /// the waiter takes to unlink its block.
    bool is_abandoned_ = false;

private:
    friend class waitable;
    std::atomic<uint32_t> outcome_{waiting};
    thread_record* const thread_; // who would own a mutex; nullptr: not a thread, mutexes refused
    const bool wants_all_;
};

/// Links a waiter to one of its objects. Guard: the object's lock.
struct wait_block {
    waiter* owner;
    wait_block* next;
    wait_block* previous;
    uint32_t index;
    bool is_linked;
};

class waitable : public object {
public:
    waitable* as_waitable() noexcept final { return this; }

    // --- for wait.cpp and other waiters; all of these need the lock ------------------------------
    [[nodiscard]] kernel::spin_lock& lock() noexcept { return lock_; }

    /// Would a wait by `thread` be satisfied now?
    [[nodiscard]] virtual bool is_available(const thread_record* thread) const noexcept = 0;
    /// Satisfies one wait of `thread`; needs is_available. True: the object was abandoned.
    virtual bool consume(thread_record* thread) noexcept = 0;
    void link(wait_block& block) noexcept;
    void unlink(wait_block& block) noexcept; // does nothing when not linked

    // --- objects that change by themselves: timers -----------------------------------------------
    // There is no thread that makes the change when its time has come. Whoever waits sleeps no
    // longer than next_change_ns() of its objects and then calls advance(); whoever looks at the
    // state calls advance() first. Where changes_by_itself() is false neither does anything.
    [[nodiscard]] bool changes_by_itself() const noexcept { return changes_by_itself_; }

    /// When to call advance() next (CLOCK_MONOTONIC); INT64_MAX: nothing is due. Needs the lock.
    [[nodiscard]] virtual int64_t next_change_ns() const noexcept { return INT64_MAX; }

    /// Makes the change that is due, if any, and serves the waiters. Needs the lock.
    virtual void advance(wake_batch& /*batch*/) noexcept {}

protected:
    explicit waitable(object_kind kind, bool changes_by_itself = false) noexcept
        : object(kind), changes_by_itself_(changes_by_itself) {}

    ~waitable() override = default;

    /// Gives the object, whose state was just changed, to as many waiters as it satisfies.
    void serve_waiters(wake_batch& batch) noexcept;
    /// next_change_ns() has changed other than by advance(): tells every waiter. Needs the lock.
    void reschedule_waiters(wake_batch& batch) noexcept;

    kernel::spin_lock lock_;

private:
    const bool changes_by_itself_;
    wait_block* oldest_ = nullptr; // guard: lock_
    wait_block* newest_ = nullptr;
};

} // namespace rp::nt
