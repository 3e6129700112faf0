// SPDX-License-Identifier: Apache-2.0
// Timer queues, on timers of the default pool.
//
// A queue holds its timers by reference, and each timer its queue. Deleting a queue deletes every
// timer that is in it and then lets the queue go; when the last timer is gone, so is the queue, and
// that is when its completion event is set (R-TQ-6).
#include "kernel_iface/linux/spin_lock.hpp"
#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"
#include "runtime/tp/registration.hpp"
#include "runtime/tp/timer.hpp"

#include <mutex>
#include <utility>

namespace rp::tp {

namespace {

class queue_timer;

class timer_queue final : public nt::object {
public:
    static constexpr nt::object_kind kind_id = nt::object_kind::timer_queue;

    timer_queue() noexcept : object(kind_id) {}

    ~timer_queue() override = default;

    /// The queue behind a handle, or the process's own for NULL; empty for a bad handle.
    static nt::ref<timer_queue> of(HANDLE handle) noexcept;

    /// False when the queue is being deleted.
    [[nodiscard]] bool add(queue_timer& timer) noexcept;
    void remove(queue_timer& timer) noexcept;
    BOOL end(HANDLE completion) noexcept;

    [[nodiscard]] bool has_own_close() const noexcept override { return true; }

private:
    void destroy() noexcept override;
    nt::ref<queue_timer> any() noexcept;

    kernel::spin_lock lock_;
    bool is_ended_ = false;                // guard: lock_
    queue_timer* newest_ = nullptr;        // guard: lock_; each holds a reference on the queue
    nt::ref<nt::event_object> completion_; // written by the one who deletes it
};

class queue_timer final : public registration {
public:
    static constexpr nt::object_kind kind_id = nt::object_kind::queue_timer;

    queue_timer(WAITORTIMERCALLBACK callback, PVOID context, nt::ref<timer_queue> home) noexcept
        : registration(kind_id, callback, context), home_(std::move(home)) {}

    ~queue_timer() override = default;

    DWORD start(const environment& env, DWORD due, DWORD period, HANDLE& made) noexcept;

    [[nodiscard]] timer_queue& home() const noexcept { return *home_; }

    [[nodiscard]] timer& watched() const noexcept { return *timer_; }

private:
    friend class timer_queue;
    void destroy() noexcept override;

    static VOID CALLBACK on_timer(PTP_CALLBACK_INSTANCE /*instance*/,
                                  PVOID context,
                                  PTP_TIMER /*timer*/) {
        const auto& self = *static_cast<queue_timer*>(context);
        self.callback_(self.context_, TRUE);
    }

    const nt::ref<timer_queue> home_;
    timer* timer_ = nullptr;
    HANDLE handle_ = nullptr;
    bool is_seen_ = false; // guard (with all below): the queue's lock; by its deleter
    queue_timer* next_ = nullptr;
    queue_timer* previous_ = nullptr;
};

DWORD queue_timer::start(const environment& env, DWORD due, DWORD period, HANDLE& made) noexcept {
    timer_ = timer::create(&on_timer, this, env);
    if (timer_ == nullptr) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    if (const DWORD error = publish(*timer_, handle_); error != 0) {
        (void)timer_->close();
        return error;
    }
    timer_->registered_as = this;
    made = handle_; // before the first callback can come
    if (!home_->add(*this)) {
        (void)end(nullptr, "CreateTimerQueueTimer");
        (void)nt::handles().close(std::exchange(made, nullptr));
        return ERROR_INVALID_HANDLE;
    }
    const FILETIME first = relative_due(due);
    (void)timer_->set(&first, period, 0);
    return 0;
}

void queue_timer::destroy() noexcept {
    home_->remove(*this);
    nt::destroy_object(this);
}

nt::ref<timer_queue> timer_queue::of(HANDLE handle) noexcept {
    if (handle != nullptr) {
        nt::ntstatus code = nt::status::success;
        return nt::reference<timer_queue>(handle, code);
    }
    // Never freed: timers may be left in it when the process ends.
    static timer_queue* const process_queue = nt::make_object<timer_queue>().detach();
    return nt::ref<timer_queue>::share(process_queue);
}

bool timer_queue::add(queue_timer& timer) noexcept {
    const std::scoped_lock guard(lock_);
    if (is_ended_) {
        return false;
    }
    timer.next_ = newest_;
    if (newest_ != nullptr) {
        newest_->previous_ = &timer;
    }
    newest_ = &timer;
    return true;
}

void timer_queue::remove(queue_timer& timer) noexcept {
    const std::scoped_lock guard(lock_);
    if (timer.previous_ == nullptr && newest_ != &timer) {
        return; // was never added
    }
    (timer.previous_ != nullptr ? timer.previous_->next_ : newest_) = timer.next_;
    if (timer.next_ != nullptr) {
        timer.next_->previous_ = timer.previous_;
    }
}

/// The next timer that nobody else ends, or nothing. For the one who deletes the queue.
nt::ref<queue_timer> timer_queue::any() noexcept {
    for (;;) {
        HANDLE handle = nullptr;
        {
            const std::scoped_lock guard(lock_);
            queue_timer* t = newest_;
            while (t != nullptr && t->is_seen_) {
                t = t->next_;
            }
            if (t == nullptr) {
                return {};
            }
            t->is_seen_ = true;
            handle = t->handle_; // no reference: releasing it could free the timer under this lock
        }
        if (auto taken = registration::take<queue_timer>(handle)) {
            return taken;
        }
    }
}

BOOL timer_queue::end(HANDLE completion) noexcept {
    {
        const std::scoped_lock guard(lock_);
        is_ended_ = true;
    }
    const bool waits = completion == INVALID_HANDLE_VALUE;
    if (completion != nullptr && !waits) {
        nt::ntstatus code = nt::status::success;
        completion_ = nt::reference<nt::event_object>(completion, code);
    }
    bool is_busy = false;
    while (const auto timer = any()) {
        is_busy =
            timer->end(waits ? completion : nullptr, "DeleteTimerQueueEx") == FALSE || is_busy;
    }
    if (is_busy) {
        nt::set_last_error(ERROR_IO_PENDING);
    }
    return is_busy ? FALSE : TRUE;
}

void timer_queue::destroy() noexcept {
    const nt::ref<nt::event_object> completion = std::move(completion_);
    nt::destroy_object(this);
    if (completion) {
        completion->set();
    }
}

DWORD create_timer(HANDLE& made,
                   HANDLE queue,
                   WAITORTIMERCALLBACK callback,
                   PVOID parameter,
                   DWORD due,
                   DWORD period,
                   ULONG flags) noexcept {
    constexpr ULONG known = WT_EXECUTEINIOTHREAD | WT_EXECUTEINTIMERTHREAD | WT_EXECUTEONLYONCE |
                            WT_EXECUTELONGFUNCTION | WT_EXECUTEINPERSISTENTTHREAD |
                            WT_EXECUTEINPERSISTENTIOTHREAD | WT_TRANSFER_IMPERSONATION;
    if (callback == nullptr || ((flags & WT_EXECUTEONLYONCE) != 0 && period != 0)) {
        return ERROR_INVALID_PARAMETER; // R-TQ-3
    }
    nt::ref<timer_queue> home = timer_queue::of(queue);
    if (!home) {
        return queue != nullptr ? ERROR_INVALID_HANDLE : ERROR_NOT_ENOUGH_MEMORY;
    }
    environment env;
    if (const DWORD error = legacy_environment(flags, known, "CreateTimerQueueTimer", env);
        error != 0) {
        return error;
    }
    const auto timer = nt::make_object<queue_timer>(callback, parameter, std::move(home));
    return timer ? timer->start(env, due, period, made) : DWORD{ERROR_NOT_ENOUGH_MEMORY};
}

/// Does `timer` belong to the queue that was named with it?
bool is_in(const queue_timer& timer, HANDLE queue) noexcept {
    return timer_queue::of(queue).get() == &timer.home();
}

/// A handle of one of the queue's timers, or nothing and the last error set.
nt::ref<queue_timer> timer_in(HANDLE queue, HANDLE timer) noexcept {
    nt::ntstatus code = nt::status::success;
    auto found = nt::reference<queue_timer>(timer, code);
    if (!found || !is_in(*found, queue)) {
        nt::set_last_error(ERROR_INVALID_HANDLE);
        return {};
    }
    return found;
}

} // namespace

} // namespace rp::tp

using namespace rp;

RP_EXPORT HANDLE WINAPI CreateTimerQueue(VOID) {
    HANDLE made = nullptr;
    nt::ntstatus code = nt::status::no_memory;
    if (const auto queue = nt::make_object<tp::timer_queue>(); queue) {
        code = nt::handles().insert(*queue, made);
    }
    if (code != nt::status::success) {
        nt::set_last_error(nt::win32_of_status(code));
    }
    return made;
}

RP_EXPORT BOOL WINAPI CreateTimerQueueTimer(PHANDLE phNewTimer,
                                            HANDLE TimerQueue,
                                            WAITORTIMERCALLBACK Callback,
                                            PVOID Parameter,
                                            DWORD DueTime,
                                            DWORD Period,
                                            ULONG Flags) {
    DWORD error = ERROR_INVALID_PARAMETER;
    if (phNewTimer != nullptr) {
        *phNewTimer = nullptr;
        error =
            tp::create_timer(*phNewTimer, TimerQueue, Callback, Parameter, DueTime, Period, Flags);
    }
    if (error != 0) {
        nt::set_last_error(error);
    }
    return error == 0 ? TRUE : FALSE;
}

RP_EXPORT BOOL WINAPI ChangeTimerQueueTimer(HANDLE TimerQueue,
                                            HANDLE Timer,
                                            ULONG DueTime,
                                            ULONG Period) {
    const auto timer = tp::timer_in(TimerQueue, Timer);
    if (timer) {
        timer->watched().change(tp::relative_due(DueTime), Period);
    }
    return timer ? TRUE : FALSE;
}

RP_EXPORT BOOL WINAPI DeleteTimerQueueTimer(HANDLE TimerQueue,
                                            HANDLE Timer,
                                            HANDLE CompletionEvent) {
    if (!tp::timer_in(TimerQueue, Timer)) {
        return FALSE;
    }
    const auto timer = tp::registration::take<tp::queue_timer>(Timer);
    return timer ? timer->end(CompletionEvent, "DeleteTimerQueueTimer") : FALSE;
}

RP_EXPORT BOOL WINAPI DeleteTimerQueueEx(HANDLE TimerQueue, HANDLE CompletionEvent) {
    const auto queue = tp::registration::take<tp::timer_queue>(TimerQueue);
    return queue ? queue->end(CompletionEvent) : FALSE;
}

RP_EXPORT BOOL WINAPI DeleteTimerQueue(HANDLE TimerQueue) {
    return DeleteTimerQueueEx(TimerQueue, nullptr);
}
