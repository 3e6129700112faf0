// SPDX-License-Identifier: Apache-2.0
#include "runtime/tp/wait.hpp"

#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/nt/handle_table.hpp"
#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"
#include "runtime/tp/checked.hpp"
#include "runtime/tp/due_time.hpp"
#include "runtime/tp/registration.hpp"
#include "runtime/tp/run_call.hpp"
#include "scheduler/visit.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

namespace rp::tp {

namespace {

constinit kernel::slab wait_slab{sizeof(wait), alignof(wait)};

constexpr uint64_t timeout_one = 1ULL << 32U;

constexpr uint64_t signals(uint64_t results) {
    return results & UINT32_MAX;
}

} // namespace

wait::wait(PTP_WAIT_CALLBACK callback, PVOID pv, const environment& env) noexcept
    : callback_object(object_magic::wait, env, 0), nt::waiter(nullptr, false), callback_(callback) {
    context = pv;
    run = &run_one;
    expire = &on_expiry;
    (void)env.pool->bind_engine(); // its deadlines are the engine's from now on
    join_group(env);
}

wait* wait::create(PTP_WAIT_CALLBACK callback, PVOID context, const environment& env) noexcept {
    void* memory = wait_slab.take();
    return memory != nullptr ? new (memory) wait(callback, context, env) : nullptr;
}

void wait::destroy() noexcept {
    registration* told = registered_as;
    this->~wait();
    wait_slab.give(this);
    if (told != nullptr) {
        told->watcher_gone();
    }
}

void wait::run_one(sched::item& self, sched::worker& w) noexcept {
    auto& object = static_cast<wait&>(self);
    const claimed how = object.callback_object::claim();
    if (how == claimed::nothing) {
        return;
    }
    const TP_WAIT_RESULT result = object.take_result();
    if (result == WAIT_TIMEOUT) {
        object.let_go_of_timed_out();
    }
    run_call(w, object, how, [&object, result](PTP_CALLBACK_INSTANCE instance) {
        object.callback_(instance, object.context, object.handle(), result);
    });
}

// --- results -------------------------------------------------------------------------------------

void wait::note(TP_WAIT_RESULT result) noexcept {
    // mo: relaxed, published with the call that is owed next.
    results_.fetch_add(result == WAIT_TIMEOUT ? timeout_one : 1, std::memory_order_relaxed);
}

TP_WAIT_RESULT wait::take_result() noexcept {
    // mo: relaxed, the claim of the call has published it.
    uint64_t before = results_.load(std::memory_order_relaxed);
    for (;;) {
        const bool is_signal = signals(before) != 0;
        // mo: relaxed, as above.
        if (results_.compare_exchange_weak(
                before, before - (is_signal ? 1 : timeout_one), std::memory_order_relaxed)) {
            return is_signal ? WAIT_OBJECT_0 : WAIT_TIMEOUT;
        }
    }
}

void wait::calls_dropped(uint32_t count) noexcept {
    for (; count != 0; --count) {
        (void)take_result();
    }
}

// --- the three who may end an arming -------------------------------------------------------------

/// Under the object's lock, after the claim.
void wait::wake(nt::wake_batch& batch) noexcept {
    note(WAIT_OBJECT_0);
    if (owe_one() != nullptr) {
        batch.add(&place_after_signal, this); // the call that is owed keeps the object alive
    }
}

void wait::place_after_signal(void* self) noexcept {
    auto& object = *static_cast<wait*>(self);
    object.engine().place(object, sched::origin::spawn);
}

sched::item* wait::on_expiry(sched::timer_entry& entry, int64_t /*now_ns*/) noexcept {
    auto& object = static_cast<wait&>(entry);
    if (!object.nt::waiter::claim(timed_out)) {
        return nullptr;
    }
    object.note(WAIT_TIMEOUT);
    return object.owe_one();
}

/// True: the arming has been kept from yielding a call. Nobody is looking at the waiter afterwards.
/// `let_go` takes over the reference, to be released without locks.
bool wait::take_down(nt::ref<nt::object>& let_go) noexcept {
    if (!watched_) {
        return false;
    }
    const bool was_kept = nt::waiter::claim(given_up);
    nt::waitable& object = *watched_->as_waitable();
    {
        const std::scoped_lock guard(object.lock());
        object.unlink(block_);
    }
    {
        sched::timers& deadlines = engine().deadlines();
        const std::scoped_lock guard(deadlines.lock());
        (void)deadlines.disarm(*this);
    }
    let_go = std::move(watched_);
    return was_kept;
}

/// A timed-out wait is still linked to its object, and refers to it.
void wait::let_go_of_timed_out() noexcept {
    nt::ref<nt::object> let_go;
    const std::scoped_lock guard(arming_lock_);
    if (outcome() == timed_out) {
        (void)take_down(let_go);
    }
}

// --- arming --------------------------------------------------------------------------------------

/// Begins to wait for watched_. Returns the item to place when the outcome is known at once.
sched::item* wait::watch(const FILETIME* timeout, bool& is_nearer) noexcept {
    begin_again();
    nt::waitable& object = *watched_->as_waitable();
    block_.owner = this;
    block_.index = 0;
    {
        const std::scoped_lock guard(object.lock());
        if (object.is_available(nullptr)) {
            (void)object.consume(nullptr);
            (void)nt::waiter::claim(0);
            note(WAIT_OBJECT_0);
            return owe_one();
        }
        object.link(block_);
    }
    if (timeout == nullptr) {
        return nullptr;
    }
    const due_time due = due_time::of(*timeout);
    const int64_t now = kernel::now_ns();
    const int64_t offset = due.is_absolute ? kernel::wall_clock_offset_ns() : 0;
    const int64_t until_ns = due.is_absolute ? due.ns - offset : saturated_sum(now, due.ns);
    sched::timers& deadlines = engine().deadlines();
    const std::scoped_lock guard(deadlines.lock());
    if (until_ns <= now) {
        return on_expiry(*this, now);
    }
    is_nearer = due.is_absolute ? deadlines.arm_absolute(*this, due.ns, now, offset)
                                : deadlines.arm(*this, until_ns, now);
    return nullptr;
}

bool wait::set(nt::ref<nt::object> object, const FILETIME* timeout) noexcept {
    sched::engine& served_by = engine();
    const sched::visit inside(served_by); // a callback may close the object and its pool
    nt::ref<nt::object> let_go;
    sched::item* runnable = nullptr;
    bool is_nearer = false;
    bool was_kept = false;
    {
        const std::scoped_lock guard(arming_lock_);
        if (is_released_) {
            return false;
        }
        was_kept = take_down(let_go) && is_set_;
        is_set_ = static_cast<bool>(object);
        if (is_set_) {
            watched_ = std::move(object);
            runnable = watch(timeout, is_nearer);
        }
    }
    if (runnable != nullptr) {
        served_by.place(*runnable, sched::origin::spawn);
    }
    if (is_nearer) {
        served_by.deadline_came_nearer();
    }
    return was_kept;
}

void wait::disarm() noexcept {
    nt::ref<nt::object> let_go;
    const std::scoped_lock guard(arming_lock_);
    (void)take_down(let_go);
    is_set_ = false;
    is_released_ = true;
}

namespace {

/// R-WAIT-11/12. The object behind a handle, or nothing after reporting the misuse.
nt::ref<nt::object> watchable(PTP_WAIT pwa, HANDLE handle) noexcept {
    constexpr nt::ntstatus threadpool_handle_exception = 0xC000070A;
    constexpr nt::ntstatus invalid_parameter_3 = 0xC00000F1;
    nt::ref<nt::object> object = nt::handles().look_up(handle);
    if (!object) {
        nt::fatal_misuse(threadpool_handle_exception,
                         "SetThreadpoolWait",
                         pwa,
                         nt::status::invalid_handle,
                         "the handle is not open (R-WAIT-12)");
        return {};
    }
    if (object->as_waitable() == nullptr || object->kind() == nt::object_kind::mutex) {
        nt::fatal_misuse(threadpool_handle_exception,
                         "SetThreadpoolWait",
                         pwa,
                         invalid_parameter_3,
                         "mutexes, and what cannot be waited on, are not supported: a pool thread "
                         "would become the owner (R-WAIT-11)");
        return {};
    }
    return object;
}

} // namespace

} // namespace rp::tp

using namespace rp;

RP_EXPORT PTP_WAIT WINAPI CreateThreadpoolWait(PTP_WAIT_CALLBACK pfnwa,
                                               PVOID pv,
                                               PTP_CALLBACK_ENVIRON pcbe) {
    tp::environment env;
    if (!tp::prepare(pfnwa != nullptr, pcbe, "CreateThreadpoolWait", env)) {
        return nullptr;
    }
    tp::wait* made = tp::wait::create(pfnwa, pv, env);
    if (made == nullptr) {
        nt::set_last_error(ERROR_NOT_ENOUGH_MEMORY);
        return nullptr;
    }
    return made->handle();
}

/// `Reserved` must be NULL on Windows and is not looked at there.
RP_EXPORT BOOL WINAPI SetThreadpoolWaitEx(PTP_WAIT pwa,
                                          HANDLE h,
                                          PFILETIME pftTimeout,
                                          PVOID /*Reserved*/) {
    tp::wait* object = tp::wait::of(pwa);
    if (!tp::is_usable(object, tp::object_magic::wait, "SetThreadpoolWait") ||
        tp::pool::is_process_exiting()) {
        return FALSE;
    }
    nt::ref<nt::object> target;
    if (h != nullptr) {
        target = tp::watchable(pwa, h);
        if (!target) {
            return FALSE;
        }
    }
    return object->set(std::move(target), pftTimeout) ? TRUE : FALSE;
}

RP_EXPORT VOID WINAPI SetThreadpoolWait(PTP_WAIT pwa, HANDLE h, PFILETIME pftTimeout) {
    (void)SetThreadpoolWaitEx(pwa, h, pftTimeout, nullptr);
}

RP_EXPORT VOID WINAPI WaitForThreadpoolWaitCallbacks(PTP_WAIT pwa, BOOL fCancelPendingCallbacks) {
    tp::wait* object = tp::wait::of(pwa);
    if (tp::is_usable(object, tp::object_magic::wait, "WaitForThreadpoolWaitCallbacks")) {
        tp::wait_for_callbacks(*object, fCancelPendingCallbacks, "WaitForThreadpoolWaitCallbacks");
    }
}

RP_EXPORT VOID WINAPI CloseThreadpoolWait(PTP_WAIT pwa) {
    tp::wait* object = tp::wait::of(pwa);
    if (tp::is_usable(object, tp::object_magic::wait, "CloseThreadpoolWait")) {
        tp::close_object(*object, "CloseThreadpoolWait");
    }
}
