// SPDX-License-Identifier: Apache-2.0
#include "runtime/tp/wait.hpp"

#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/nt/handle_table.hpp"
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

constinit kernel::slab wait_slab{sizeof(wait), alignof(wait)};

constexpr uint64_t timeout_one = 1ULL << 32U;

constexpr uint64_t signals(uint64_t results) {
    return results & UINT32_MAX;
}

} // namespace

wait::wait(PTP_WAIT_CALLBACK callback, PVOID pv, const environment& env) noexcept
    : callback_object(object_magic::wait, reinterpret_cast<const void*>(callback), env, 0),
      nt::waiter(nullptr, false), callback_(callback) {
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

sched::item* wait::on_expiry(sched::timer_entry& entry, int64_t now_ns) noexcept {
    auto& object = static_cast<wait&>(entry);
    // Taking the arming down disarms the entry first, so what is watched is still there.
    nt::waitable& target = *object.watched_->as_waitable();
    int64_t next_change_ns = sched::timers::never;
    if (target.changes_by_itself()) {
        nt::wake_batch batch;
        const std::scoped_lock guard(target.lock());
        target.advance(batch); // may satisfy this wait, like any other
        next_change_ns = target.next_change_ns();
    }
    if (object.outcome() != waiting) {
        return nullptr;
    }
    if (!object.has_timed_out(now_ns)) {
        (void)object.arm(now_ns, next_change_ns);
        return nullptr;
    }
    if (!object.nt::waiter::claim(timed_out)) {
        return nullptr;
    }
    object.note(WAIT_TIMEOUT);
    return object.owe_one();
}

/// Under the object's lock: its next change has moved.
void wait::look_again(nt::wake_batch& batch) noexcept {
    enter_wait();
    batch.add(&look_after_change, this);
}

void wait::look_after_change(void* self) noexcept {
    auto& object = *static_cast<wait*>(self);
    sched::engine& served_by = object.engine();
    const sched::visit inside(served_by);
    bool is_nearer = false;
    {
        const std::scoped_lock guard(object.arming_lock_);
        is_nearer = object.watched_ && object.outcome() == waiting && object.update_deadline();
    }
    if (is_nearer) {
        served_by.deadline_came_nearer();
    }
    object.leave_wait();
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

bool wait::has_timed_out(int64_t now_ns) const noexcept {
    if (!has_timeout_) {
        return false;
    }
    return timeout_.is_absolute ? timeout_.ns <= now_ns + kernel::wall_clock_offset_ns()
                                : timeout_ns_ <= now_ns;
}

/// Arms for the timeout or the next change. True: somebody has to look at the deadlines earlier.
bool wait::arm(int64_t now_ns, int64_t next_change_ns) noexcept {
    sched::timers& deadlines = engine().deadlines();
    const int64_t offset =
        has_timeout_ && timeout_.is_absolute ? kernel::wall_clock_offset_ns() : 0;
    const int64_t until_ns = !has_timeout_          ? sched::timers::never
                             : timeout_.is_absolute ? timeout_.ns - offset
                                                    : timeout_ns_;
    if (until_ns == sched::timers::never && next_change_ns == sched::timers::never) {
        return false;
    }
    if (has_timeout_ && timeout_.is_absolute && until_ns <= next_change_ns) {
        return deadlines.arm_absolute(*this, timeout_.ns, now_ns, offset);
    }
    return deadlines.arm(*this, std::min(until_ns, next_change_ns), now_ns);
}

/// The next change of what is watched has moved.
bool wait::update_deadline() noexcept {
    nt::waitable& object = *watched_->as_waitable();
    int64_t next_change_ns = sched::timers::never;
    {
        const std::scoped_lock guard(object.lock());
        next_change_ns = object.next_change_ns();
    }
    sched::timers& deadlines = engine().deadlines();
    const std::scoped_lock guard(deadlines.lock());
    (void)deadlines.disarm(*this);
    return arm(kernel::now_ns(), next_change_ns);
}

/// Begins to wait for watched_. Returns the item to place when the outcome is known at once.
sched::item* wait::watch(const FILETIME* timeout, bool& is_nearer) noexcept {
    begin_again();
    nt::waitable& object = *watched_->as_waitable();
    block_.owner = this;
    block_.index = 0;
    has_timeout_ = timeout != nullptr;
    const bool is_timed = has_timeout_ || object.changes_by_itself();
    const int64_t now = is_timed ? kernel::now_ns() : 0;
    if (has_timeout_) {
        timeout_ = due_time::of(*timeout);
        timeout_ns_ = timeout_.is_absolute ? 0 : timeout_.deadline_ns(now, 0);
    }
    int64_t next_change_ns = sched::timers::never;
    {
        nt::wake_batch batch;
        const std::scoped_lock guard(object.lock());
        object.advance(batch);
        if (object.is_available(nullptr)) {
            (void)object.consume(nullptr);
            (void)nt::waiter::claim(0);
            note(WAIT_OBJECT_0);
            return owe_one();
        }
        object.link(block_);
        next_change_ns = object.next_change_ns();
    }
    if (!is_timed) {
        return nullptr;
    }
    const std::scoped_lock guard(engine().deadlines().lock());
    if (has_timed_out(now)) {
        return on_expiry(*this, now);
    }
    is_nearer = arm(now, next_change_ns);
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
