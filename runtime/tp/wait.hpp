// SPDX-License-Identifier: Apache-2.0
#pragma once
// TP_WAIT: a callback when an object is signalled, or has not been for a time.
//
// There is no thread that waits. The object's own list of waiters (kernel_iface/nt/wait.cpp) holds
// a block of ours; whoever signals the object consumes it on our behalf and places us in a queue.
// The timeout is an entry of the engine's deadlines.
//
// Nouns. *arming*: one SetThreadpoolWait with a handle. Its *outcome* leaves `waiting` once: to the
// signal (index 0), to the timeout, or to being given up by the next Set, by Close or by a group.
//
//   Set                            signaller (object's lock)      expiry (lock of the deadlines)
//   1. arming lock                 1. claims outcome 0            1. claims outcome timed_out
//   2. claims given_up; lost: the  2. consumes, unlinks           2. notes a result,
//      old arming yields its call  3. notes a result,                owes a call
//   3. takes the object's lock:       owes a call
//      unlinks; takes the lock of  4. unlocks; places us          3. unlocks; places us
//      the deadlines: disarms
//   4. begins again
// After step 3 nobody is inside steps 1 to 3 of the others, so the waiter may be used again.
//
// Objects that change by themselves (waitable timers) are advanced by us when their time comes: the
// entry is then due at the next change or the timeout, whichever is earlier. Somebody who changes
// that time tells us under the object's lock; the deadline is moved after that lock was released.
//
// A call does not know its arming: results are counted, and a call takes a signal if one is left,
// else a timeout. With several calls pending their order is open anyway (R-LIFE-18).
//
// A signal is never lost by a Set: either the arming is given up before the object is consumed, or
// its call comes (no recall, R-WAIT-15 allows FALSE for it).
#include "kernel_iface/nt/dispatcher.hpp"
#include "runtime/tp/callback_object.hpp"
#include "runtime/tp/due_time.hpp"
#include "scheduler/timers.hpp"

namespace rp::tp {

class registration;

class wait final : public callback_object, private nt::waiter, private sched::timer_entry {
public:
    static wait* create(PTP_WAIT_CALLBACK callback, PVOID context, const environment& env) noexcept;

    static wait* of(PTP_WAIT handle) noexcept { return reinterpret_cast<wait*>(handle); }

    [[nodiscard]] const void* function() const noexcept override {
        return reinterpret_cast<const void*>(callback_);
    }

    [[nodiscard]] PTP_WAIT handle() noexcept { return reinterpret_cast<PTP_WAIT>(this); }

    /// `object` nullptr: stop; the timeout is then not looked at (R-WAIT-9). True: the previous
    /// arming has been kept from yielding a call.
    bool set(nt::ref<nt::object> object, const FILETIME* timeout) noexcept;
    void disarm() noexcept override;

    /// Told when the object is gone; set before it is armed.
    registration* registered_as = nullptr;

private:
    wait(PTP_WAIT_CALLBACK callback, PVOID context, const environment& env) noexcept;
    static void run_one(sched::item& self, sched::worker& w) noexcept;
    static sched::item* on_expiry(sched::timer_entry& entry, int64_t now_ns) noexcept;
    static void place_after_signal(void* self) noexcept;
    static void look_after_change(void* self) noexcept;
    void wake(nt::wake_batch& batch) noexcept override;
    void look_again(nt::wake_batch& batch) noexcept override;
    void calls_dropped(uint32_t count) noexcept override;
    void destroy() noexcept override;

    // These need the arming lock.
    [[nodiscard]] bool take_down(nt::ref<nt::object>& let_go) noexcept;
    [[nodiscard]] sched::item* watch(const FILETIME* timeout, bool& is_nearer) noexcept;
    [[nodiscard]] bool update_deadline() noexcept;

    // These need the lock of the deadlines.
    [[nodiscard]] bool arm(int64_t now_ns, int64_t next_change_ns) noexcept;
    [[nodiscard]] bool has_timed_out(int64_t now_ns) const noexcept;

    void note(TP_WAIT_RESULT result) noexcept;
    TP_WAIT_RESULT take_result() noexcept;
    void let_go_of_timed_out() noexcept;

    PTP_WAIT_CALLBACK callback_;
    std::atomic<uint64_t> results_{0}; // of the calls owed: signals, and timeouts << 32
    kernel::spin_lock arming_lock_;
    // guard of all below: arming_lock_
    bool is_set_ = false;
    bool is_released_ = false;    // closed, or its group: nothing is armed any more (R-GRP-11)
    nt::ref<nt::object> watched_; // while the block may be linked
    nt::wait_block block_{};      // guard: the watched object's lock
    // guard: arming_lock_ to write, the lock of the deadlines to read
    bool has_timeout_ = false;
    due_time timeout_;
    int64_t timeout_ns_ = 0; // CLOCK_MONOTONIC, for relative timeouts
};

} // namespace rp::tp
