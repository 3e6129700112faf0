// SPDX-License-Identifier: Apache-2.0
#include "runtime/tp/timer.hpp"

#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"
#include "runtime/tp/checked.hpp"
#include "runtime/tp/registration.hpp"
#include "runtime/tp/run_call.hpp"
#include "scheduler/visit.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

namespace rp::tp {

namespace {

static_assert(sizeof(timer) <= 256, "four cache lines");

constinit kernel::slab timer_slab{sizeof(timer), alignof(timer)};

constexpr int64_t ns_per_ms = 1'000'000;

} // namespace

timer::timer(PTP_TIMER_CALLBACK callback, PVOID pv, const environment& env) noexcept
    : callback_object(object_magic::timer, reinterpret_cast<const void*>(callback), env, 0),
      callback_(callback) {
    context = pv;
    run = &run_one;
    expire = &on_expiry;
    (void)env.pool->bind_engine(); // its deadlines are the engine's from now on
    join_group(env);
}

timer* timer::create(PTP_TIMER_CALLBACK callback, PVOID context, const environment& env) noexcept {
    void* memory = timer_slab.take();
    return memory != nullptr ? new (memory) timer(callback, context, env) : nullptr;
}

void timer::run_one(sched::item& self, sched::worker& w) noexcept {
    auto& object = static_cast<timer&>(self);
    const claimed how = object.claim();
    if (how == claimed::nothing) {
        return;
    }
    run_call(w, object, how, [&object](PTP_CALLBACK_INSTANCE instance) {
        object.callback_(instance, object.context, object.handle());
    });
}

void timer::destroy() noexcept {
    registration* told = registered_as;
    this->~timer();
    timer_slab.give(this);
    if (told != nullptr) {
        told->watcher_gone();
    }
}

sched::item* timer::on_expiry(sched::timer_entry& entry, int64_t now_ns) noexcept {
    return static_cast<timer&>(entry).tick(now_ns);
}

/// One expiry. A late periodic timer makes up for one missed tick at most, and goes on from there
/// (R-TIMER-8/9).
sched::item* timer::tick(int64_t now_ns) noexcept {
    if (period_ms_ != 0) {
        nominal_due_ns_ = std::max(nominal_due_ns_ + period_ms_ * ns_per_ms, now_ns);
        (void)deadlines().arm(
            *this, sched::coalesced_due_ns(nominal_due_ns_, window_ms_ * ns_per_ms), now_ns);
    }
    // mo: relaxed, a limit nobody reaches unless the pool stands still for weeks.
    if (tally::pending(tally_.load(std::memory_order_relaxed)) >= tally::pending_max) {
        return nullptr;
    }
    return owe_one();
}

/// True: the arming, if there is one, has been kept from yielding a call.
bool timer::take_back() noexcept {
    if (deadlines().disarm(*this)) {
        return true;
    }
    was_recalled_ = is_set_ && recall_one();
    return was_recalled_;
}

/// True: somebody has to look at the deadlines earlier than before.
bool timer::arm(const due_time& due, int64_t now_ns, sched::item*& runnable) noexcept {
    const int64_t window_ns = window_ms_ * ns_per_ms;
    const int64_t offset = due.is_absolute ? kernel::wall_clock_offset_ns() : 0;
    nominal_due_ns_ = due.deadline_ns(now_ns, offset);
    if (nominal_due_ns_ <= now_ns) {
        nominal_due_ns_ = now_ns;
        runnable = tick(now_ns);
        return period_ms_ != 0;
    }
    if (due.is_absolute) {
        const int64_t wall_ns = sched::coalesced_due_ns(due.ns, window_ns);
        return deadlines().arm_absolute(*this, wall_ns, now_ns, offset);
    }
    return deadlines().arm(*this, sched::coalesced_due_ns(nominal_due_ns_, window_ns), now_ns);
}

bool timer::set(const FILETIME* due, DWORD period_ms, DWORD window_ms) noexcept {
    return replace(due, period_ms, window_ms, false);
}

void timer::change(const FILETIME& due, DWORD period_ms) noexcept {
    (void)replace(&due, period_ms, 0, true);
}

bool timer::replace(const FILETIME* due,
                    DWORD period_ms,
                    DWORD window_ms,
                    bool needs_armed) noexcept {
    const due_time when = due != nullptr ? due_time::of(*due) : due_time{};
    sched::engine& served_by = engine();
    const sched::visit inside(served_by); // a callback may close the object and its pool
    sched::item* runnable = nullptr;
    bool was_kept = false;
    bool is_nearer = false;
    bool was_recalled = false;
    {
        const std::scoped_lock guard(deadlines().lock());
        if (is_released_ || (needs_armed && !is_armed())) {
            return false;
        }
        was_kept = take_back();
        was_recalled = std::exchange(was_recalled_, false);
        is_set_ = due != nullptr;
        if (is_set_) {
            period_ms_ = period_ms;
            window_ms_ = window_ms;
            is_nearer = arm(when, kernel::now_ns(), runnable);
        }
    }
    if (was_recalled) {
        look_after_waiters();
    }
    if (runnable != nullptr) {
        served_by.place(*runnable, sched::origin::spawn);
    }
    if (is_nearer) {
        served_by.deadline_came_nearer();
    }
    return was_kept;
}

bool timer::is_set() noexcept {
    const std::scoped_lock guard(deadlines().lock());
    return is_set_;
}

void timer::stop() noexcept {
    const std::scoped_lock guard(deadlines().lock());
    (void)deadlines().disarm(*this);
    is_set_ = false;
}

void timer::drained() noexcept {
    stop(); // R-TIMER-18: also what a callback has armed meanwhile
}

void timer::disarm() noexcept {
    const std::scoped_lock guard(deadlines().lock());
    (void)deadlines().disarm(*this);
    is_set_ = false;
    is_released_ = true;
}

} // namespace rp::tp

using namespace rp;

RP_EXPORT PTP_TIMER WINAPI CreateThreadpoolTimer(PTP_TIMER_CALLBACK pfnti,
                                                 PVOID pv,
                                                 PTP_CALLBACK_ENVIRON pcbe) {
    tp::environment env;
    if (!tp::prepare(pfnti != nullptr, pcbe, "CreateThreadpoolTimer", env)) {
        return nullptr;
    }
    tp::timer* made = tp::timer::create(pfnti, pv, env);
    if (made == nullptr) {
        nt::set_last_error(ERROR_NOT_ENOUGH_MEMORY);
        return nullptr;
    }
    return made->handle();
}

RP_EXPORT BOOL WINAPI SetThreadpoolTimerEx(PTP_TIMER pti,
                                           PFILETIME pftDueTime,
                                           DWORD msPeriod,
                                           DWORD msWindowLength) {
    tp::timer* object = tp::timer::of(pti);
    if (!tp::is_usable(object, tp::object_magic::timer, "SetThreadpoolTimer") ||
        tp::pool::is_process_exiting()) {
        return FALSE;
    }
    return object->set(pftDueTime, msPeriod, msWindowLength) ? TRUE : FALSE;
}

RP_EXPORT VOID WINAPI SetThreadpoolTimer(PTP_TIMER pti,
                                         PFILETIME pftDueTime,
                                         DWORD msPeriod,
                                         DWORD msWindowLength) {
    (void)SetThreadpoolTimerEx(pti, pftDueTime, msPeriod, msWindowLength);
}

RP_EXPORT BOOL WINAPI IsThreadpoolTimerSet(PTP_TIMER pti) {
    tp::timer* object = tp::timer::of(pti);
    return tp::is_usable(object, tp::object_magic::timer, "IsThreadpoolTimerSet") &&
                   object->is_set()
               ? TRUE
               : FALSE;
}

RP_EXPORT VOID WINAPI WaitForThreadpoolTimerCallbacks(PTP_TIMER pti, BOOL fCancelPendingCallbacks) {
    tp::timer* object = tp::timer::of(pti);
    if (!tp::is_usable(object, tp::object_magic::timer, "WaitForThreadpoolTimerCallbacks")) {
        return;
    }
    if (fCancelPendingCallbacks != FALSE) {
        object->stop(); // R-TIMER-18
    }
    tp::wait_for_callbacks(*object, fCancelPendingCallbacks, "WaitForThreadpoolTimerCallbacks");
}

RP_EXPORT VOID WINAPI CloseThreadpoolTimer(PTP_TIMER pti) {
    tp::timer* object = tp::timer::of(pti);
    if (tp::is_usable(object, tp::object_magic::timer, "CloseThreadpoolTimer")) {
        tp::close_object(*object, "CloseThreadpoolTimer");
    }
}
