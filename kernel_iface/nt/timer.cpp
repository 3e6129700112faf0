// SPDX-License-Identifier: Apache-2.0
// Waitable timers, without a thread that makes them expire.
//
// Nouns. A timer *is due* once its time has come; it *expires* when somebody looks: whoever waits
// for it, polls it, sets or cancels it, and the thread that is to run its completion routine. Until
// then nobody can tell the difference. *Advancing* a timer makes the expiry that is due; several
// missed periods are one expiry, as signals coalesce.
//
//   waiter                                     SetWaitableTimer
//   1. seq = wake_word                         1. lock the timer, write the new times
//   2. lock, advance; satisfied? done          2. remember to wake every waiter, unlock
//   3. until = next_change_ns(), unlock        3. wake_word += 1, wake
//   4. sleep while wake_word == seq, at most
//      until then; back to 1
//
// If step 1 of the setter comes after step 3 of the waiter, so does its step 3, and seq is stale.
//
// A relative time is a point of CLOCK_MONOTONIC. An absolute one is a point of CLOCK_REALTIME,
// which may be stepped while somebody sleeps: such a sleep lasts a second at most, then the clocks
// are compared again. The periods after an absolute time are relative to its expiry.
//
// Completion routines run on the thread that set the timer, in its alertable waits. That thread
// keeps a list of such timers, which nobody else touches, and is the only one that looks at it: a
// mark on the timer says that an APC is pending. So an expiry posts nothing to anybody, and what
// another thread does to the timer (cancel, set with a routine of its own, close) is a change under
// the timer's lock. Entries that no longer concern the thread are dropped when it walks the list.
//
// Rejected: a timer thread (a hop and a thread for what the waiter can do itself); timerfd (a
// descriptor for each timer, and a wait for descriptors beside the one for objects); TFD_TIMER_
// CANCEL_ON_SET alone to notice clock steps (as before).
//
// Invariants: apc_due_ns_ != INT64_MAX only while thread_ != nullptr; a timer with an APC pending
// or to come is in the list of thread_.
// Read next: wait.cpp, apc.cpp.
#include "kernel_iface/nt/timer.hpp"

#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/slab.hpp"

#include <algorithm>
#include <mutex>
#include <new>

namespace rp::nt {
namespace {

constexpr int64_t never = INT64_MAX;
constexpr int64_t ns_per_ms = 1'000'000;
constexpr int64_t ns_per_tick = 100; // of a FILETIME
/// How long a step of the wall clock may go unnoticed.
constexpr int64_t clock_check_ns = 1'000'000'000;

int64_t saturating_sum(int64_t left, int64_t right) noexcept {
    int64_t sum = 0;
    return __builtin_add_overflow(left, right, &sum) ? never : sum;
}

int64_t ns_of_ticks(int64_t ticks) noexcept {
    return ticks > never / ns_per_tick ? never : ticks * ns_per_tick;
}

} // namespace

// --- the object ----------------------------------------------------------------------------------

int64_t timer_object::next_change_ns() const noexcept {
    if (!is_absolute_ || due_ == never) {
        return due_;
    }
    const int64_t left_ns = ns_of_ticks(std::max<int64_t>(due_ - kernel::utc_filetime(), 0));
    return kernel::now_ns() + std::min(left_ns, clock_check_ns);
}

void timer_object::advance(wake_batch& batch) noexcept {
    if (due_ == never) {
        return;
    }
    const int64_t now_ns = kernel::now_ns();
    const int64_t late = is_absolute_ ? kernel::utc_filetime() - due_ : now_ns - due_;
    if (late >= 0) {
        expire(now_ns);
        serve_waiters(batch);
    }
}

void timer_object::expire(int64_t now_ns) noexcept {
    is_signaled_ = true;
    // An absolute time may lie centuries back; what it expires at is then now.
    const int64_t at_ns = is_absolute_ ? now_ns : due_;
    if (thread_ != nullptr && apc_due_ns_ == never) {
        apc_due_ns_ = at_ns;
        const int64_t late_ticks = (now_ns - at_ns) / ns_per_tick;
        const auto at = static_cast<uint64_t>(kernel::utc_filetime() - late_ticks);
        completion_.time = {static_cast<DWORD>(at), static_cast<DWORD>(at >> 32)};
    }
    is_absolute_ = false;
    if (period_ns_ == 0) {
        due_ = never;
        return;
    }
    const int64_t missed = (now_ns - at_ns) / period_ns_;
    due_ = at_ns + (missed + 1) * period_ns_;
}

void timer_object::forget_apc() noexcept {
    thread_ = nullptr;
    completion_ = {};
    apc_due_ns_ = never;
}

void timer_object::set(const timer_setting& setting) noexcept {
    wake_batch batch;
    const std::lock_guard guard(lock_);
    forget_apc();
    is_signaled_ = false;
    is_absolute_ = setting.due >= 0;
    if (is_absolute_) {
        due_ = setting.due;
    } else {
        const int64_t ticks = setting.due == INT64_MIN ? INT64_MAX : -setting.due;
        due_ = saturating_sum(kernel::now_ns(), ns_of_ticks(ticks));
    }
    period_ns_ = setting.period_ns;
    if (setting.completion.routine != nullptr) {
        completion_ = setting.completion;
        thread_ = setting.thread;
    }
    advance(batch);
    reschedule_waiters(batch);
}

void timer_object::cancel() noexcept {
    wake_batch batch;
    const std::lock_guard guard(lock_);
    advance(batch); // what is due has happened
    due_ = never;
    forget_apc();
}

void timer_object::last_handle_closed() noexcept {
    const std::lock_guard guard(lock_);
    forget_apc();
}

void timer_object::destroy() noexcept {
    destroy_object(this);
}

bool timer_object::concerns(const thread_record& thread) const noexcept {
    return thread_ == &thread && (due_ != never || apc_due_ns_ != never);
}

int64_t timer_object::apc_due_ns() const noexcept {
    return apc_due_ns_;
}

timer_apc timer_object::take_apc() noexcept {
    apc_due_ns_ = never;
    return completion_;
}

void timer_object::disown(const thread_record& thread) noexcept {
    if (thread_ == &thread) {
        forget_apc();
    }
}

// --- the timers of a thread
// ----------------------------------------------------------------------

namespace {

constinit kernel::slab entries{sizeof(apc_timer), alignof(apc_timer)};

void delete_entry(apc_timer* entry) noexcept {
    entry->~apc_timer();
    entries.give(entry);
}

/// Calls `use(timer)` under its lock for each timer that concerns the thread, advanced; drops the
/// others.
template <class Use>
void for_each_timer(thread_record& record, const Use& use) noexcept {
    apc_timer** at = &record.timers;
    while (apc_timer* const entry = *at) {
        timer_object& timer = *entry->timer;
        bool is_kept = false;
        {
            wake_batch batch;
            const std::lock_guard guard(timer.lock());
            is_kept = timer.concerns(record);
            if (is_kept) {
                timer.advance(batch);
                use(timer);
            }
        }
        if (is_kept) {
            at = &entry->next;
        } else {
            *at = entry->next;
            delete_entry(entry);
        }
    }
}

/// False: out of memory.
bool own_timer(thread_record& record, const ref<timer_object>& timer) noexcept {
    bool is_known = false;
    for_each_timer(record, [&](timer_object& one) { is_known |= &one == timer.get(); });
    if (is_known) {
        return true;
    }
    void* const piece = entries.take();
    if (piece == nullptr) {
        return false;
    }
    record.timers = new (piece) apc_timer{timer, record.timers};
    return true;
}

} // namespace

timer_apc_state look_at_timer_apcs(thread_record& record) noexcept {
    timer_apc_state state;
    for_each_timer(record, [&](const timer_object& timer) {
        state.due_ns = std::min(state.due_ns, timer.apc_due_ns());
        state.next_ns = std::min(state.next_ns, timer.next_change_ns());
    });
    return state;
}

bool take_timer_apc(thread_record& record, timer_apc& taken) noexcept {
    const int64_t oldest_ns = look_at_timer_apcs(record).due_ns;
    bool is_taken = false;
    for_each_timer(record, [&](timer_object& timer) {
        if (!is_taken && oldest_ns != never && timer.apc_due_ns() == oldest_ns) {
            taken = timer.take_apc();
            is_taken = true;
        }
    });
    return is_taken;
}

void disown_timers(thread_record& record) noexcept {
    while (apc_timer* const entry = record.timers) {
        {
            const std::lock_guard guard(entry->timer->lock());
            entry->timer->disown(record);
        }
        record.timers = entry->next;
        delete_entry(entry);
    }
}

// --- the calls
// -------------------------------------------------------------------------------------

ntstatus create_timer(bool is_manual_reset, const name_argument& name, HANDLE& made) noexcept {
    return names().create<timer_object>(
        name, made, [&] { return make_object<timer_object>(is_manual_reset); });
}

ntstatus set_timer(const timer_call& call) noexcept {
    ntstatus code;
    const auto timer = reference<timer_object>(call.timer, code);
    if (!timer) {
        return code;
    }
    if (call.due == nullptr || call.period_ms < 0) {
        return status::invalid_parameter;
    }
    timer_setting setting;
    setting.due = call.due->QuadPart;
    setting.period_ns = int64_t{call.period_ms} * ns_per_ms;
    setting.completion = {call.routine, call.argument, {}};
    if (call.routine != nullptr) {
        setting.thread = current_thread_record();
        if (setting.thread == nullptr || !own_timer(*setting.thread, timer)) {
            return status::no_memory;
        }
    }
    timer->set(setting);
    return status::success;
}

ntstatus cancel_timer(HANDLE timer) noexcept {
    ntstatus code;
    if (const auto target = reference<timer_object>(timer, code)) {
        target->cancel();
    }
    return code;
}

} // namespace rp::nt
