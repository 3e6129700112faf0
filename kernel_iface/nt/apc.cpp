// SPDX-License-Identifier: Apache-2.0
// APCs: how a thread is made to run something in the middle of its own wait, and never elsewhere.
//
// Nouns. A thread's *queue* holds its APCs: those of QueueUserAPC and those of ReadFileEx and
// WriteFileEx. A *timer APC* is not in it: it is a mark on a timer (timer.cpp), found by the thread
// itself among the timers it set. An *alertable wait* also ends because there is something to run.
//
// There is no second way of waiting. The queue is a waitable, and an alertable wait is a wait for
// its objects or the queue, whatever comes first (wait.cpp):
//
//   poster                                     alertable waiter
//   1. lock the queue, append                  1. lock the objects and the queue
//   2. claim the waiter linked there, if any   2. an object available? then the wait is over and
//   3. unlock, wake it                            no APC runs; queue not empty? user_apc
//                                              3. link to all, unlock, sleep
//                                              4. unlink; run everything pending; report user_apc
//
// Choices where the documentation leaves one. A wait that is satisfied on entry does not wait, so
// it is not alertable: APCs stay pending. APCs that are queued while others run, by them or by
// anybody, run too before the wait returns. One that the program cancelled after it had ended the
// wait and before it ran (a timer's) leaves the wait as if it had never been: it goes on.
//
// Order. Queued APCs run first in, first out. An expired timer takes its place by the time at which
// it expired, although nobody put it anywhere at that time.
//
// Operations with a completion routine die with their thread, as they do on Windows: the thread's
// end cancels them and waits until they have let go of OVERLAPPED and buffer. That is before the
// handle is signalled, so whoever waited for the thread may free them. (Not on its stack: other
// exit hooks run on that before.) Operations without a routine go on.
//
// Rejected: a list of posted APCs in each waiter (a second protocol beside the objects' locks);
// signals (they interrupt what is not alertable); linking timers into the queue (an expiry would
// have to lock a queue while it holds a timer's lock, and the wait locks in address order).
//
// Invariants: an APC is run or discarded exactly once; run only by its own thread, outside all
// locks; no operation of in_flight_ outlives its thread.
// Read next: timer.cpp, wait.cpp.
#include "kernel_iface/nt/apc.hpp"

#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/slab.hpp"
#include "kernel_iface/nt/file.hpp"
#include "kernel_iface/nt/thread.hpp"
#include "kernel_iface/nt/timer.hpp"

#include <array>
#include <mutex>
#include <new>

namespace rp::nt {
namespace {

struct user_apc : apc {
    PAPCFUNC routine = nullptr;
    ULONG_PTR data = 0;
};

constinit kernel::slab user_apcs{sizeof(user_apc), alignof(user_apc)};

void discard_user_apc(apc& self) noexcept {
    user_apcs.give(&static_cast<user_apc&>(self));
}

void run_user_apc(apc& self) {
    const user_apc copy = static_cast<user_apc&>(self);
    discard_user_apc(self);
    copy.routine(copy.data);
}

} // namespace

void apc_queue::append(apc& one) noexcept {
    one.next = nullptr;
    one.queued_ns = kernel::now_ns();
    (oldest_ == nullptr ? oldest_ : newest_->next) = &one;
    newest_ = &one;
}

bool apc_queue::post(apc& one) noexcept {
    wake_batch batch;
    const std::lock_guard guard(lock_);
    if (is_closed_) {
        return false;
    }
    append(one);
    serve_waiters(batch);
    return true;
}

apc* apc_queue::take(int64_t latest_ns) noexcept {
    const std::lock_guard guard(lock_);
    if (oldest_ == nullptr || oldest_->queued_ns > latest_ns) {
        return nullptr;
    }
    apc* const one = oldest_;
    oldest_ = one->next;
    return one;
}

void apc_queue::operation_begins(io_operation& op) noexcept {
    const std::lock_guard guard(lock_);
    op.apc_prev = nullptr;
    op.apc_next = in_flight_;
    if (in_flight_ != nullptr) {
        in_flight_->apc_prev = &op;
    }
    in_flight_ = &op;
    // mo: relaxed, guard: lock_; the ends that are waited for carry the order.
    in_flight_count_.fetch_add(1, std::memory_order_relaxed);
}

/// Needs the lock.
void apc_queue::leave_list(io_operation& op) noexcept {
    (op.apc_prev == nullptr ? in_flight_ : op.apc_prev->apc_next) = op.apc_next;
    if (op.apc_next != nullptr) {
        op.apc_next->apc_prev = op.apc_prev;
    }
    // mo: release, pairs apcs.in_flight (close): the OVERLAPPED and the buffer were let go before.
    in_flight_count_.fetch_sub(1, std::memory_order_release);
}

void apc_queue::operation_refused(io_operation& op) noexcept {
    const std::lock_guard guard(lock_);
    leave_list(op);
}

void apc_queue::operation_ends(io_operation& op) noexcept {
    {
        wake_batch batch;
        const std::lock_guard guard(lock_);
        leave_list(op);
        if (!is_closed_) {
            append(op.completion);
            serve_waiters(batch);
            return;
        }
    }
    kernel::futex_wake(in_flight_count_, 1);
    op.completion.discard(op.completion);
}

void apc_queue::cancel_operations() noexcept {
    std::array<io_operation*, 16> victims;
    size_t count = 0;
    do {
        count = 0;
        {
            const std::lock_guard guard(lock_);
            for (io_operation* op = in_flight_; op != nullptr; op = op->apc_next) {
                if (op->is_orphan) {
                    continue;
                }
                if (count == victims.size()) {
                    break;
                }
                op->is_orphan = true;
                op->hold();
                victims[count++] = op;
            }
        }
        for (size_t i = 0; i < count; ++i) {
            io_operation& op = *victims[i];
            op.file->cancel(op.overlapped, op.issuer);
            op.drop();
        }
    } while (count != 0);
}

void apc_queue::close() noexcept {
    apc* pending = nullptr;
    {
        const std::lock_guard guard(lock_);
        is_closed_ = true;
        pending = std::exchange(oldest_, nullptr);
    }
    while (pending != nullptr) {
        apc& one = *pending;
        pending = one.next;
        one.discard(one);
    }
    cancel_operations();
    // mo: acquire, pairs apcs.in_flight (leave_list).
    while (const uint32_t left = in_flight_count_.load(std::memory_order_acquire)) {
        kernel::futex_wait(in_flight_count_, left, kernel::no_deadline);
    }
}

void apc_queue::destroy() noexcept {
    destroy_object(this);
}

bool run_pending_apcs() {
    thread_record* const record = existing_thread_record();
    if (record == nullptr) {
        return false;
    }
    bool was_any = false;
    for (;;) {
        const timer_apc_state timers = look_at_timer_apcs(*record);
        apc* one = record->object != nullptr ? record->object->apcs().take(timers.due_ns) : nullptr;
        if (one != nullptr) {
            was_any = true;
            one->run(*one);
            continue;
        }
        if (timers.due_ns == INT64_MAX) {
            return was_any;
        }
        timer_apc call;
        if (take_timer_apc(*record, call)) {
            was_any = true;
            call.routine(call.argument, call.time.dwLowDateTime, call.time.dwHighDateTime);
        }
    }
}

ntstatus queue_user_apc(PAPCFUNC routine, HANDLE thread, ULONG_PTR data) noexcept {
    ntstatus code;
    const auto target = reference<thread_object>(thread, code);
    if (!target) {
        return code;
    }
    if (routine == nullptr) {
        return status::invalid_parameter;
    }
    void* piece = user_apcs.take();
    if (piece == nullptr) {
        return status::no_memory;
    }
    auto* one = new (piece) user_apc;
    one->run = run_user_apc;
    one->discard = discard_user_apc;
    one->routine = routine;
    one->data = data;
    if (!target->apcs().post(*one)) {
        discard_user_apc(*one);
        return status::unsuccessful;
    }
    return status::success;
}

} // namespace rp::nt
