// SPDX-License-Identifier: Apache-2.0
#pragma once
// Asynchronous procedure calls: what others ask a thread to do in its next alertable wait.
// apc.cpp has the essay.
#include "kernel_iface/nt/dispatcher.hpp"
#include "kernel_iface/nt/status.hpp"

#include <atomic>
#include <cstdint>

namespace rp::nt {

struct io_operation;

/// One call to make. Part of something larger (a user APC, an operation), which `run` or `discard`
/// disposes of: exactly one of them is called.
struct apc {
    apc* next = nullptr;   // guard: the queue's lock
    int64_t queued_ns = 0; // timers, which expire without being queued, are ordered by it
    /// Calls the program, on the thread whose queue it is. Must own nothing when it does: the
    /// program may leave by ExitThread.
    void (*run)(apc& self) = nullptr;
    /// The thread has ended.
    void (*discard)(apc& self) noexcept = nullptr;
};

/// The APCs of one thread. As a waitable it is available while it holds some; only its own thread
/// ever waits for it.
class apc_queue final : public waitable {
public:
    static constexpr object_kind kind_id = object_kind::apc_queue;

    apc_queue() noexcept : waitable(kind_id) {}

    ~apc_queue() override = default;

    /// False: the thread has ended, and `one` is still the caller's.
    [[nodiscard]] bool post(apc& one) noexcept;
    /// The oldest one, if it was queued no later than `latest_ns`; only by the thread itself.
    [[nodiscard]] apc* take(int64_t latest_ns) noexcept;

    // --- operations with a completion routine (R-IO-27) ------------------------------------------
    /// `op`, which holds a reference of this queue, is about to be issued by this thread.
    void operation_begins(io_operation& op) noexcept;
    /// It was not issued after all.
    void operation_refused(io_operation& op) noexcept;
    /// It has ended: its APC, with one hold of `op`, is posted, or discarded.
    void operation_ends(io_operation& op) noexcept;

    /// The thread ends: APCs are discarded, operations cancelled and waited for.
    void close() noexcept;

    [[nodiscard]] bool is_available(const thread_record* /*thread*/) const noexcept override {
        return oldest_ != nullptr;
    }

    bool consume(thread_record* /*thread*/) noexcept override { return false; }

private:
    void destroy() noexcept override;
    void append(apc& one) noexcept;
    void leave_list(io_operation& op) noexcept;
    void cancel_operations() noexcept;

    // guard: lock_
    apc* oldest_ = nullptr;
    apc* newest_ = nullptr;
    io_operation* in_flight_ = nullptr;
    std::atomic<uint32_t> in_flight_count_{0}; // read elsewhere as a futex word
    bool is_closed_ = false;
};

/// Runs what is pending for the calling thread, with what its APCs queue meanwhile, in the order of
/// queueing. Returns whether there was any. The program may leave by ExitThread, so no caller may
/// own anything.
bool run_pending_apcs();

/// QueueUserAPC. unsuccessful: the thread has ended.
ntstatus queue_user_apc(PAPCFUNC routine, HANDLE thread, ULONG_PTR data) noexcept;

} // namespace rp::nt
