// SPDX-License-Identifier: Apache-2.0
#pragma once
// TP_TIMER.
//
// Nouns. *arming*: one SetThreadpoolTimer with a due time, until the next Set, Wait(TRUE) or Close.
// *expiry*: an arming's deadline has passed; each expiry owes one call. *recall*: an expiry's call
// that no worker has claimed yet is taken back.
//
// Everything a Set and an expiry decide, they decide under the lock of the engine's deadlines:
//   Set                                          expiry
//   1. lock; takes the entry out of the          1. lock; the entry is due and taken out
//      deadlines: it was there: nothing will
//      come of the old arming
//   2. it was not: takes back a call that is     2. owes one call (tally.pending += 1); a period:
//      still pending, if there is one               armed again
//   3. arms anew, unlocks                        3. unlocks; places the object in a queue
// So SetThreadpoolTimerEx knows exactly: TRUE in step 1 or 2 means that a call that would have come
// does not, FALSE that it has been claimed (R-TIMER-14/15). Calls of one timer are alike, so it
// does not matter which of several pending ones is taken back.
#include "runtime/tp/callback_object.hpp"
#include "runtime/tp/due_time.hpp"
#include "scheduler/timers.hpp"

namespace rp::tp {

class registration;

class timer final : public callback_object, private sched::timer_entry {
public:
    static timer*
    create(PTP_TIMER_CALLBACK callback, PVOID context, const environment& env) noexcept;

    static timer* of(PTP_TIMER handle) noexcept { return reinterpret_cast<timer*>(handle); }

    [[nodiscard]] const void* function() const noexcept override {
        return reinterpret_cast<const void*>(callback_);
    }

    [[nodiscard]] PTP_TIMER handle() noexcept { return reinterpret_cast<PTP_TIMER>(this); }

    /// `due` nullptr: stop. True: the previous arming has been kept from yielding a call.
    bool set(const FILETIME* due, DWORD period_ms, DWORD window_ms) noexcept;
    /// The same for a timer queue's timer (R-TQ-4): nothing happens once a one-shot has expired.
    void change(const FILETIME& due, DWORD period_ms) noexcept;
    /// R-TIMER-13.
    [[nodiscard]] bool is_set() noexcept;
    /// R-TIMER-18.
    void stop() noexcept;
    void disarm() noexcept override;

    /// Told when the object is gone; set before it is armed.
    registration* registered_as = nullptr;

private:
    timer(PTP_TIMER_CALLBACK callback, PVOID context, const environment& env) noexcept;
    static void run_one(sched::item& self, sched::worker& w) noexcept;
    static sched::item* on_expiry(sched::timer_entry& entry, int64_t now_ns) noexcept;
    void destroy() noexcept override;
    void drained() noexcept override;

    bool replace(const FILETIME* due, DWORD period_ms, DWORD window_ms, bool needs_armed) noexcept;

    // These need the lock of the deadlines.
    [[nodiscard]] bool take_back() noexcept;
    [[nodiscard]] bool arm(const due_time& due, int64_t now_ns, sched::item*& runnable) noexcept;
    sched::item* tick(int64_t now_ns) noexcept;

    [[nodiscard]] sched::timers& deadlines() const noexcept { return engine().deadlines(); }

    PTP_TIMER_CALLBACK callback_;
    // guard of all below: the lock of the deadlines
    int64_t nominal_due_ns_ = 0; // of the next expiry, before coalescing
    uint32_t period_ms_ = 0;
    uint32_t window_ms_ = 0;
    bool is_set_ = false;
    bool is_released_ = false; // closed, or its group: nothing is armed any more (R-GRP-11)
    bool was_recalled_ = false;
};

} // namespace rp::tp
