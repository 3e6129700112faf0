// SPDX-License-Identifier: Apache-2.0
// Overlapped operations: from ReadFile to the packet.
//
// Nouns. An *operation* is one overlapped read or write; it is *armed* while a sink has it. Its
// *transfer* is what the kernel does for it, perhaps in several pieces. It *ends* once.
//
// Life of an operation:
//   issue: made -> enlisted (cancellable) -> OVERLAPPED says pending -> turn taken -> armed
//   complete(res), on the sink's thread, any number of times: armed again for the rest, or after a
//     poll when a non-blocking descriptor said EAGAIN, until it is decided
//   end: out of the list (no longer cancellable) -> InternalHigh, Internal, and with it the file's
//     signal or hEvent -> packet -> the next in turn is armed -> descriptor let go
//
// An asynchronous call never completes on the spot: it returns pending, and packets always come,
// with FILE_SKIP_COMPLETION_PORT_ON_SUCCESS too (it suppresses packets of synchronous success
// only). So there is one path, warnings are never returned synchronously (R-IO-11), and the end of
// a file is pending + 38 (R-IO-31). After Internal holds a final status the program may free the
// OVERLAPPED: nothing below that line looks at it.
//
// Turns. Streams depend on order (R-SOCK-4), but independent requests on a ring, let alone on
// several rings, do not keep it, and a long send goes out in pieces. So a stream has at most one
// transfer armed per direction; the others wait in call order. Cancelling one that waits takes it
// out of the queue and arms it with the cancel bit set, so that it ends on a thread of the sink: a
// canceller must not run callbacks.
//
// Cancelling races with arming again (io_request.hpp has the protocol of `place`):
//
//   arming again                                canceller
//   1. place is back at 0, or at the bit        1. place |= 1
//   2. bit set? end with cancelled              2. old 0: the armer will see the bit
//   3. arm: CAS place 0 -> ring, or -ECANCELED  3. old ring: post to its cancel inbox
//
// Rejected:
// - Trying the transfer on the calling thread first (TRUE at once): saves a ring trip for cached
//   data, but makes every program that mishandles synchronous success fail here, and reads ahead of
//   those that wait their turn.
// - Linked SQEs for order: a short read breaks the chain, and links exist only within one ring.
// - Completing a cancelled, queued operation in CancelIoEx: its callback could run on that thread.
//
// Invariants: an operation is in its file's list from issue to end; has_turn for at most one per
// direction; one hold belongs to the sink while armed; users of the file count it until its packet
// was delivered.
#include "kernel_iface/nt/operation.hpp"

#include "kernel_iface/linux/slab.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/pipe_end.hpp"
#include "kernel_iface/nt/thread.hpp"
#include "kernel_iface/nt/verify.hpp"
#include "kernel_iface/nt/wait.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <new>

namespace rp::nt {
namespace {

constinit kernel::slab operations{sizeof(io_operation), alignof(io_operation)};

void destroy_operation(kernel::io_request& request) noexcept {
    auto& op = static_cast<io_operation&>(request);
    if (op.free_extra != nullptr) {
        op.free_extra(op);
    }
    if (op.signal != nullptr) {
        op.signal->release();
    }
    if (op.apcs != nullptr) {
        op.apcs->release();
    }
    if (op.file != nullptr) {
        op.file->release();
    }
    op.~io_operation();
    operations.give(&op);
}

/// An unbuffered read that stops inside a sector has met the end of the file.
constexpr uint64_t sector_bytes = 512;

} // namespace

void prepare_transfer(io_operation& op) noexcept {
    const uint64_t left = op.wanted_bytes - op.bytes;
    op.op = op.transfer_op;
    op.flags = op.transfer_flags;
    op.addr = op.buffer + op.bytes;
    op.len = static_cast<uint32_t>(std::min<uint64_t>(left, kernel::transfer_bytes_max));
    op.offset = op.start_offset == ~uint64_t{0} ? op.start_offset : op.start_offset + op.bytes;
}

bool is_wanted(const io_operation& op) noexcept {
    // mo: relaxed, only the bit matters; the request's fields travel with the inboxes.
    return (op.place.load(std::memory_order_relaxed) & 1U) == 0;
}

namespace {

ntstatus read_result(io_operation& op, uint64_t piece) noexcept {
    const file_description& about = op.file->about;
    const bool is_all_there = op.bytes >= op.wanted_bytes;
    switch (about.kind) {
    case kernel::file_kind::regular:
        if (piece == 0) {
            return op.bytes == 0 ? status::end_of_file : status::success;
        }
        return is_all_there || (about.is_unbuffered && piece % sector_bytes != 0) ? status::success
                                                                                  : undecided;
    case kernel::file_kind::pipe:
        return piece == 0 ? status::pipe_broken : status::success;
    case kernel::file_kind::character:
        return piece == 0 ? status::end_of_file : status::success;
    case kernel::file_kind::datagram:
        // MSG_TRUNC reports the length of the datagram, not of what fitted (R-SOCK-6).
        if (op.bytes > op.wanted_bytes) {
            op.bytes = op.wanted_bytes;
            return status::buffer_overflow;
        }
        return status::success;
    case kernel::file_kind::socket: // 0: the peer has shut down (R-SOCK-3)
        return piece == 0 || is_all_there || (op.transfer_flags & MSG_WAITALL) == 0
                   ? status::success
                   : undecided;
    case kernel::file_kind::directory:
        break;
    }
    return status::invalid_device_request;
}

ntstatus write_result(const io_operation& op, uint64_t piece) noexcept {
    if (op.bytes >= op.wanted_bytes || op.file->about.kind == kernel::file_kind::datagram) {
        return status::success;
    }
    // A device that accepts nothing and reports nothing would keep us busy for ever.
    return piece == 0 ? status::io_device_error : undecided;
}

} // namespace

io_domain domain_of(const file_description& about) noexcept {
    switch (about.kind) {
    case kernel::file_kind::socket:
        return io_domain::socket;
    case kernel::file_kind::datagram:
        return io_domain::datagram;
    default:
        return io_domain::file;
    }
}

ntstatus transfer_step(io_operation& op, int32_t res) noexcept {
    const bool was_poll = op.op == kernel::io_op::poll;
    ntstatus result = undecided;
    const bool is_pollable = op.file->about.kind != kernel::file_kind::regular;
    if (res == -EAGAIN && !was_poll && is_pollable) {
        op.op = kernel::io_op::poll;
        op.flags = op.is_write ? POLLOUT : POLLIN;
        return is_wanted(op) ? undecided : status::cancelled;
    }
    if (res == -EINTR || (was_poll && res >= 0)) {
        result = undecided;
    } else if (res < 0) {
        return status_of_errno(-res, domain_of(op.file->about));
    } else if (op.transfer_op == kernel::io_op::nop) {
        return status::success;
    } else {
        const auto piece = static_cast<uint64_t>(res);
        op.bytes += piece;
        result = op.is_write ? write_result(op, piece) : read_result(op, piece);
    }
    if (result != undecided) {
        return result;
    }
    prepare_transfer(op);
    return is_wanted(op) ? undecided : status::cancelled;
}

namespace {

void discard_completion(apc& self) noexcept {
    static_cast<io_operation::completion_apc&>(self).op->drop();
}

void run_completion(apc& self) {
    io_operation& op = *static_cast<io_operation::completion_apc&>(self).op;
    const auto routine = op.routine;
    const DWORD error = win32_of_status(op.status);
    const auto bytes = static_cast<DWORD>(op.bytes);
    LPOVERLAPPED const overlapped = op.overlapped;
    op.drop();
    routine(error, bytes, overlapped);
}

void end_operation(io_operation& op, ntstatus code) noexcept {
    file_object& file = *op.file;
    op.status = op.settle != nullptr ? op.settle(op, code) : code;
    if (verify::is_on() && !verify::operation_ends(op.overlapped)) [[unlikely]] {
        report_misuse(status::invalid_parameter,
                      op.is_write ? "WriteFile" : "ReadFile",
                      op.overlapped,
                      // mo: relaxed, as in verify::operation_ends.
                      __atomic_load_n(&op.overlapped->Internal, __ATOMIC_RELAXED),
                      "its OVERLAPPED was freed or written to before the operation had ended "
                      "(R-IO-14)");
    }
    // From here on the OVERLAPPED belongs to the program again.
    io_operation* next = file.finish(op);
    bool runs_packet = false;
    if (op.target != nullptr && !op.is_packet_suppressed) {
        op.hold();
        runs_packet = !op.target->take_packet(op);
    }
    if (next != nullptr) {
        next->sink->arm(*next);
    }
    if (runs_packet) {
        op.target->run_packet(op);
    }
    if (op.apcs != nullptr) {
        op.hold(); // the APC's
        op.apcs->operation_ends(op);
    }
    file.end_use();
}

void complete_operation(kernel::io_request& request, int32_t res) noexcept {
    auto& op = static_cast<io_operation&>(request);
    const ntstatus code = op.step(op, res);
    if (code == undecided) {
        op.hold(); // the sink drops the hold of the arming that just completed
        op.sink->arm(op);
        return;
    }
    end_operation(op, code);
}

/// Picks the kernel operation for a transfer of this kind of file.
void choose_transfer(io_operation& op, const file_description& about, bool is_append) noexcept {
    const bool is_message = about.kind == kernel::file_kind::datagram;
    if (op.wanted_bytes == 0 && !is_message) {
        op.transfer_op = kernel::io_op::nop; // R-IO-30
        op.needs_turn = false;
    } else if (is_message || about.kind == kernel::file_kind::socket) {
        op.transfer_op = op.is_write ? kernel::io_op::send : kernel::io_op::recv;
        const uint32_t whole = is_message ? 0U : unsigned{MSG_WAITALL};
        const uint32_t length = is_message ? unsigned{MSG_TRUNC} : 0U;
        op.transfer_flags = op.is_write ? unsigned{MSG_NOSIGNAL} | whole : length;
    } else {
        op.transfer_op = op.is_write ? kernel::io_op::write : kernel::io_op::read;
        op.transfer_flags = is_append ? unsigned{RWF_APPEND} : 0U;
    }
}

ntstatus resolve_event(LPOVERLAPPED overlapped, ref<event_object>& signal) noexcept {
    const auto value = reinterpret_cast<uintptr_t>(overlapped->hEvent) & ~uintptr_t{1};
    if (value == 0) {
        return status::success;
    }
    ntstatus code;
    signal = reference<event_object>(reinterpret_cast<HANDLE>(value), code);
    return code;
}

/// Verifier mode: is this OVERLAPPED free to be used?
ntstatus check_overlapped(const io_operation& op) noexcept {
    if (verify::operation_begins(op.overlapped)) {
        return status::success;
    }
    fatal_misuse(status::invalid_parameter,
                 op.is_write ? "WriteFile" : "ReadFile",
                 op.overlapped,
                 0,
                 "its OVERLAPPED belongs to an operation that is still in flight (R-IO-16)");
    return status::invalid_parameter;
}

uint32_t settle_on_pipe(io_operation& op, uint32_t code) noexcept {
    return op.file->about.pipe->refine(code);
}

ntstatus current_apcs(ref<apc_queue>& apcs) noexcept {
    thread_object* const thread = current_thread();
    if (thread == nullptr) {
        return status::no_memory;
    }
    apcs = ref<apc_queue>::share(&thread->apcs());
    return status::success;
}

/// `file` is in use; the operation takes over that use.
ntstatus issue(ref<file_object> file, const transfer_call& call) noexcept {
    uint64_t offset = ~uint64_t{0};
    bool is_append = false;
    if (file->about.kind == kernel::file_kind::regular) {
        const ntstatus code = position_of(call, offset, is_append);
        if (code != status::success) {
            file->end_use();
            return code;
        }
        is_append |= call.is_write && file->about.appends_only;
    }
    io_operation* op = make_operation(file, *call.overlapped);
    if (op == nullptr) {
        file->end_use();
        return status::no_memory;
    }
    op->step = transfer_step;
    op->buffer = static_cast<char*>(call.buffer);
    op->wanted_bytes = call.bytes;
    op->is_write = call.is_write;
    op->start_offset = offset;
    op->settle = op->file->about.pipe != nullptr ? settle_on_pipe : nullptr;
    choose_transfer(*op, op->file->about, is_append);
    prepare_transfer(*op);
    op->routine = call.routine;
    op->completion.op = op;
    op->completion.run = run_completion;
    op->completion.discard = discard_completion;
    return launch(*op);
}

} // namespace

io_operation* make_operation(ref<file_object>& file, OVERLAPPED& overlapped) noexcept {
    void* piece = operations.take();
    if (piece == nullptr) {
        return nullptr;
    }
    auto* op = new (piece) io_operation;
    const auto event = reinterpret_cast<uintptr_t>(overlapped.hEvent);
    op->complete = complete_operation;
    op->destroy = destroy_operation;
    op->fd = file->about.fd;
    op->overlapped = &overlapped;
    op->issuer = static_cast<uint32_t>(kernel::thread_id());
    op->event = reinterpret_cast<HANDLE>(event & ~uintptr_t{1});
    op->is_packet_suppressed = (event & 1U) != 0;
    op->file = file.detach();
    return op;
}

namespace {

/// What the end of the operation will notify, and where it is armed.
ntstatus resolve_notification(io_operation& op) noexcept {
    op.target = op.file->target(op.sink);
    if (op.routine == nullptr) {
        ref<event_object> signal;
        const ntstatus code = resolve_event(op.overlapped, signal);
        op.signal = signal.detach();
        return code;
    }
    ref<apc_queue> apcs;
    const ntstatus code = current_apcs(apcs);
    op.apcs = apcs.detach();
    return code == status::success && op.target != nullptr ? status::invalid_parameter // R-IO-27
                                                           : code;
}

/// Makes the operation known to its file and to the thread that will be told.
ntstatus enlist(io_operation& op) noexcept {
    if (op.apcs != nullptr) {
        op.apcs->operation_begins(op);
    }
    if (op.file->enlist(op)) {
        return status::success;
    }
    if (op.apcs != nullptr) {
        op.apcs->operation_refused(op);
    }
    return status::file_closed;
}

} // namespace

ntstatus launch(io_operation& op) noexcept {
    file_object& keeper = *op.file; // in use until the operation, which is not armed yet, ends
    ntstatus code = resolve_notification(op);
    if (code == status::success && verify::is_on()) [[unlikely]] {
        code = check_overlapped(op);
    }
    if (code == status::success) {
        code = enlist(op);
        if (code != status::success) {
            verify::operation_not_begun(op.overlapped);
        }
    }
    if (code != status::success) {
        keeper.end_use();
        op.drop();
        return code;
    }
    publish_result(*op.overlapped, status::pending, 0);
    if (op.signal != nullptr) {
        op.signal->reset();
    }
    if (op.target != nullptr) {
        op.target->operation_started(op);
    }
    if (keeper.take_turn(op)) {
        op.sink->arm(op);
    }
    return status::pending;
}

ntstatus position_of(const transfer_call& call, uint64_t& offset, bool& is_append) noexcept {
    offset = uint64_t{call.overlapped->OffsetHigh} << 32 | call.overlapped->Offset;
    is_append = call.is_write && offset == ~uint64_t{0};
    if (is_append) {
        offset = 0; // RWF_APPEND does not look at it
        return status::success;
    }
    return offset > uint64_t{INT64_MAX} - call.bytes ? status::invalid_parameter : status::success;
}

ntstatus transfer(const transfer_call& call) noexcept {
    if (call.transferred != nullptr) {
        *call.transferred = 0;
    }
    ntstatus code;
    auto file = reference<file_object>(call.file, code);
    if (!file) {
        return code;
    }
    const file_description& about = file->about;
    if (about.kind == kernel::file_kind::directory) {
        return status::invalid_device_request;
    }
    if (!(call.is_write ? about.can_write : about.can_read)) {
        return status::access_denied;
    }
    if (about.pipe != nullptr) {
        if (code = about.pipe->check(); code != status::success) {
            return code;
        }
    }
    const bool needs_overlapped = about.is_overlapped;
    if (call.overlapped == nullptr && (needs_overlapped || call.transferred == nullptr)) {
        return status::invalid_parameter;
    }
    // The first 64 KiB are never mapped on Windows. Other bad addresses end the operation with 998.
    constexpr uintptr_t lowest_address = 0x10000;
    if (call.bytes > 0 && reinterpret_cast<uintptr_t>(call.buffer) < lowest_address) {
        return status::access_violation;
    }
    if (!file->begin_use()) {
        return status::file_closed;
    }
    if (needs_overlapped) {
        return issue(std::move(file), call);
    }
    code = transfer_synchronously(*file, call);
    file->end_use();
    return code;
}

ntstatus transfer_with_routine(const transfer_call& call) noexcept {
    if (call.overlapped == nullptr || call.routine == nullptr) {
        return status::invalid_parameter;
    }
    ntstatus code;
    {
        const auto file = reference<file_object>(call.file, code);
        if (!file) {
            return code;
        }
        if (!file->about.is_overlapped) {
            return status::invalid_parameter;
        }
    }
    code = transfer(call);
    return code == status::pending ? status::success : code;
}

DWORD overlapped_result(
    HANDLE file, LPOVERLAPPED overlapped, DWORD& bytes, int64_t deadline_ns, bool is_alertable) {
    ntstatus code = overlapped_status(*overlapped);
    if (code == status::pending) {
        if (deadline_ns == poll_deadline) {
            return ERROR_IO_INCOMPLETE;
        }
        const auto event = reinterpret_cast<uintptr_t>(overlapped->hEvent) & ~uintptr_t{1};
        const ntstatus waited = wait_alertably([&]() noexcept {
            ntstatus result;
            if (event != 0) {
                const auto handle = reinterpret_cast<HANDLE>(event);
                result = wait_handles({&handle, 1}, false, deadline_ns, is_alertable);
            } else if (const auto target = reference<file_object>(file, result)) {
                result = target->wait_for_end(overlapped, deadline_ns, is_alertable);
            }
            return result;
        });
        if (waited == status::timeout) {
            return WAIT_TIMEOUT;
        }
        if (waited == status::user_apc) {
            return WAIT_IO_COMPLETION;
        }
        if (waited != status::success) {
            return win32_of_status(waited);
        }
        code = overlapped_status(*overlapped);
        if (code == status::pending) {
            return ERROR_IO_INCOMPLETE; // somebody else set the event
        }
    }
    bytes = static_cast<DWORD>(overlapped->InternalHigh);
    return win32_of_status(code);
}

ntstatus cancel_io(HANDLE file, LPOVERLAPPED overlapped, uint32_t issuer) noexcept {
    ntstatus code;
    if (const auto target = reference<file_object>(file, code)) {
        code = target->cancel(overlapped, issuer) ? status::success : status::not_found;
    }
    return code;
}

} // namespace rp::nt
