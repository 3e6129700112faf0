// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a file handle and a TP_IO or a completion port meet.
//
// A file object is bound at most once in its life (R-IO-2). The binding names a *target*, which
// gets one packet for each operation that ends asynchronously, and a *sink*, on whose rings the
// operations of this handle are armed. The file object keeps the target alive: it calls
// target->file_closed() once, after its last operation has ended, and never touches the target
// afterwards.
#include "kernel_iface/linux/io_request.hpp"
#include "kernel_iface/nt/apc.hpp"

#include <windows.h>

#include <cstddef>
#include <cstdint>

namespace rp::nt {

class file_object;
class event_object;
class completion_target;
struct io_operation;

class completion_target {
public:
    /// An operation on the bound handle is about to be armed; fills in op.target_epoch.
    virtual void operation_started(io_operation& op) noexcept = 0;
    /// The operation has ended: OVERLAPPED, hEvent and the file's own state are already written and
    /// op.status and op.bytes hold the result. The target takes over one hold of `op` and drops it
    /// when it has read what it needs. Called on whatever thread reaped the completion, before the
    /// next operation in turn is armed, so that packets come in the order of completion. False: the
    /// packet is to be run here and now, by run_packet, once the next operation is armed.
    [[nodiscard]] virtual bool take_packet(io_operation& op) noexcept = 0;

    /// After take_packet said false: runs user code.
    virtual void run_packet(io_operation& /*op*/) noexcept {}

    /// The bound file object is gone.
    virtual void file_closed() noexcept = 0;

protected:
    ~completion_target() = default;
};

/// One overlapped operation. Made by the file object from a slab, freed when the last hold is
/// dropped; the OVERLAPPED itself belongs to the program.
struct io_operation final : kernel::io_request {
    LPOVERLAPPED overlapped =
        nullptr;                 ///< the program's; not touched after completion was delivered
    file_object* file = nullptr; ///< holds one reference
    io_operation* file_next = nullptr; ///< in-flight list of the file; guard: the file's lock
    io_operation* file_prev = nullptr;
    uint32_t status = 0;               ///< NTSTATUS, valid once ended
    uint32_t issuer = 0;               ///< thread id of the issuing thread (R-CANCEL-2)
    uint64_t bytes = 0;                ///< transferred, valid once ended
    uint64_t target_epoch = 0;         ///< the target's, see operation_started
    HANDLE event = nullptr;            ///< hEvent with the low bit masked off
    bool is_packet_suppressed = false; ///< hEvent had its low bit set (R-IO-25)
    /// Room for the target: it may keep the packet queued without allocating.
    alignas(16) std::byte client[64];

    // --- for operation.cpp and those who launch operations ---------------------------------------
    /// What a result of the request means: the final status, or pending with the request prepared
    /// for its next piece.
    uint32_t (*step)(io_operation& op, int32_t res) noexcept = nullptr;
    /// Called once with the final status, before the OVERLAPPED shows it; returns what it shows.
    uint32_t (*settle)(io_operation& op, uint32_t status) noexcept = nullptr;
    /// What the operation has in addition, and who frees it.
    void* extra = nullptr;
    void (*free_extra)(io_operation& op) noexcept = nullptr;
    kernel::io_sink* sink = nullptr;     ///< where it is armed
    completion_target* target = nullptr; ///< who gets the packet: as bound when it was issued
    event_object* signal = nullptr;      ///< the object of `event`; holds one reference
    io_operation* turn_next = nullptr; ///< link while it waits for its turn; guard: the file's lock
    char* buffer = nullptr;
    uint64_t wanted_bytes = 0;
    uint64_t start_offset = 0;   ///< file position, or ~0 for streams
    kernel::io_op transfer_op{}; ///< what `op` is when it is not a poll for readiness
    uint32_t transfer_flags = 0; ///< MSG_* or RWF_*
    bool is_write = false;
    bool needs_turn = true;
    bool has_turn = false;            ///< the armed one of its direction; guard: the file's lock
    bool is_waiting_for_turn = false; ///< guard: the file's lock
    bool is_cancel_asked = false;     ///< guard: the file's lock

    // --- for operations with a completion routine (apc.cpp) --------------------------------------
    LPOVERLAPPED_COMPLETION_ROUTINE routine = nullptr;
    apc_queue* apcs = nullptr; ///< of the issuing thread, if there is a routine; one reference
    io_operation* apc_next = nullptr; ///< among that thread's; guard: the queue's lock
    io_operation* apc_prev = nullptr;
    bool is_orphan = false; ///< its thread is exiting; guard: the queue's lock

    struct completion_apc final : apc {
        io_operation* op = nullptr;
    } completion;
};

/// Binds a file handle. Returns 0, ERROR_INVALID_HANDLE, or ERROR_INVALID_PARAMETER (opened without
/// FILE_FLAG_OVERLAPPED, or already bound).
DWORD bind_completion_target(HANDLE file,
                             completion_target& target,
                             kernel::io_sink& sink) noexcept;

/// Names the sink for overlapped operations on handles that are not bound. Set once, by the
/// runtime, before any program code runs; until then such operations use kernel::thread_source().
void set_default_sink(kernel::io_sink& (*provider)() noexcept) noexcept;
kernel::io_sink& default_sink() noexcept;

} // namespace rp::nt
