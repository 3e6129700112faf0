// SPDX-License-Identifier: Apache-2.0
#pragma once
// TP_IO: completions of one file handle, delivered as callbacks.
//
// Nouns. *credit*: a StartThreadpoolIo without its callback or CancelThreadpoolIo yet; credits are
// the `pending` of the tally. *packet*: an operation of the bound handle has ended. *orphan*: an
// operation whose callback was dropped by Wait(TRUE) or a group's close while it was in flight; its
// packet is swallowed. `epoch` tells orphans apart: it is noted in each operation when it is issued
// and changes with each drop (R-IO-20, O-51).
//
//   packet arrives                               Wait(TRUE)
//   1. run at once, or queued as an item         1. lock: epoch += 1, credits = 0
//   2. lock: epoch unchanged and a credit left:  2. wait until nothing is running
//      one credit becomes one running call
//      otherwise: swallowed
// Step 2 is under the same lock as the drop, so no callback begins after Wait(TRUE) has returned.
//
// Two lives. The *logical* one ends as for every callback object. The *memory* is kept until the
// file object is gone too, because operations of the handle look at the target.
#include "kernel_iface/nt/completion_target.hpp"
#include "runtime/tp/callback_object.hpp"

namespace rp::tp {

class io final : public callback_object, public nt::completion_target {
public:
    /// Makes the object and binds the file. nullptr with `error` set.
    static io* create(HANDLE file,
                      PTP_WIN32_IO_CALLBACK callback,
                      PVOID context,
                      const environment& env,
                      DWORD& error) noexcept;
    /// BindIoCompletionCallback: each operation announces itself, and the object goes with the
    /// file.
    static DWORD
    bind(HANDLE file, LPOVERLAPPED_COMPLETION_ROUTINE routine, const environment& env) noexcept;

    static io* of(PTP_IO handle) noexcept { return reinterpret_cast<io*>(handle); }

    [[nodiscard]] const void* function() const noexcept override {
        return callback_ != nullptr ? reinterpret_cast<const void*>(callback_)
                                    : reinterpret_cast<const void*>(routine_);
    }

    [[nodiscard]] PTP_IO handle() noexcept { return reinterpret_cast<PTP_IO>(this); }

    void start() noexcept;
    /// In verifier mode, before the object is closed: a start without an operation (R-IO-8).
    void check_starts() noexcept;
    /// False when there is no credit to take back (R-IO-9).
    [[nodiscard]] bool cancel_start() noexcept;

    void operation_started(nt::io_operation& op) noexcept override;
    [[nodiscard]] bool take_packet(nt::io_operation& op) noexcept override;
    void run_packet(nt::io_operation& op) noexcept override;
    void file_closed() noexcept override;

private:
    struct queued_packet;

    io(PTP_WIN32_IO_CALLBACK callback,
       LPOVERLAPPED_COMPLETION_ROUTINE routine,
       PVOID context,
       const environment& env) noexcept;
    enum class claim_result : uint8_t { claimed, orphan, unannounced };
    [[nodiscard]] claim_result claim_credit(uint64_t epoch) noexcept;
    void deliver(sched::worker& w, nt::io_operation& op) noexcept;
    uint32_t drop_started() noexcept override;
    void destroy() noexcept override;
    [[nodiscard]] nt::io_operation& oldest_packet() noexcept;
    void let_go_of_memory() noexcept;

    const PTP_WIN32_IO_CALLBACK callback_;
    const LPOVERLAPPED_COMPLETION_ROUTINE routine_; // instead of callback_ (R-BIND-1)
    sched::engine& engine_; // one reference: the file's operations are armed on it
    kernel::spin_lock credits_lock_;
    std::atomic<uint64_t> epoch_{0};    // written under credits_lock_
    uint32_t dropped_ = 0;              // guard: credits_lock_; starts that a drop overtook
    std::atomic<int32_t> in_flight_{0}; // operations; counted in verifier mode only
    kernel::spin_lock packets_lock_;
    std::atomic<queued_packet*> oldest_{nullptr}; // written under packets_lock_
    queued_packet* newest_ = nullptr;       // guard: packets_lock_; meaningless without oldest_
    std::atomic<uint32_t> memory_holds_{2}; // the logical life, the file object, queued packets
};

} // namespace rp::tp
