// SPDX-License-Identifier: Apache-2.0
// The part of the model that knows I/O objects: reads of one byte each from a socket.
#include "tests/fuzz/api_model.hpp"

#include <ringpool/ringpool.h>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace rp::fuzz {

namespace {

constexpr size_t unknown_bytes = 1 << 30;

} // namespace

VOID CALLBACK machine::on_read(PTP_CALLBACK_INSTANCE /*instance*/,
                               PVOID context,
                               PVOID /*overlapped*/,
                               ULONG /*result*/,
                               ULONG_PTR /*bytes*/,
                               PTP_IO /*io*/) {
    ++static_cast<object*>(context)->ran;
}

void machine::open_io(object& o) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        check(false, "no socket pair");
        return;
    }
    o.file = rp_handle_from_fd(ends[0], TRUE);
    o.peer = ends[1];
    o.io = CreateThreadpoolIo(o.file, &on_read, &o, &environment_);
    check(o.io != nullptr, "CreateThreadpoolIo failed");
    o.bytes = 0;
    o.is_open = o.is_fresh = true;
}

void machine::start_read(object& o) {
    read_operation& op = reads_.emplace_back();
    StartThreadpoolIo(o.io);
    const BOOL is_done = ReadFile(o.file, &op.byte, 1, nullptr, &op.overlapped);
    check(is_done == FALSE && GetLastError() == ERROR_IO_PENDING, "a read is not pending");
    ++o.pending;
    o.is_fresh = false;
}

/// All reads end: those that had data with it, the others cancelled. Both call back.
void machine::cancel_reads(object& o) {
    const bool must_find = o.pending > o.bytes;
    const BOOL found = CancelIoEx(o.file, nullptr);
    check(!must_find || found != FALSE, "CancelIoEx misses a read without data");
    check(!o.is_fresh || (found == FALSE && GetLastError() == ERROR_NOT_FOUND),
          "CancelIoEx finds a read that was not started");
    o.bytes = unknown_bytes; // the reads may have taken less than was sent
}

/// No read is in flight: nor is any data after this.
void machine::drain(object& o) {
    char rest[64];
    while (recv(rp_fd_from_handle(o.file), rest, sizeof rest, MSG_DONTWAIT) > 0) {
    }
    o.bytes = 0;
    o.is_fresh = true;
}

/// After its object was closed.
void machine::close_io(object& o) {
    if (o.file != nullptr && !o.is_open) {
        check(CloseHandle(o.file) != FALSE, "CloseHandle failed");
        close(o.peer);
        o.file = nullptr;
        o.io = nullptr;
    }
}

bool machine::has_reads() const {
    return std::any_of(reads_.begin(), reads_.end(), [](const read_operation& op) {
        return __atomic_load_n(&op.overlapped.Internal, __ATOMIC_ACQUIRE) == STATUS_PENDING;
    });
}

void machine::step_io(object& o, uint8_t what) {
    if (!o.is_open) {
        open_io(o);
        return;
    }
    switch (what % 8) {
    case 0:
    case 1:
    case 2:
        for (int i = what / 32; i >= 0; --i) {
            start_read(o);
        }
        break;
    case 3:
        check(send(o.peer, "xxxx", what / 64 + 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0, "no data sent");
        o.bytes += what / 64 + 1;
        break;
    case 4:
        StartThreadpoolIo(o.io);
        CancelThreadpoolIo(o.io); // R-IO-10
        break;
    case 5:
        cancel_reads(o);
        break;
    case 6:
        SetLastError(0);
        check(CreateThreadpoolIo(o.file, &on_read, &o, &environment_) == nullptr &&
                  GetLastError() == ERROR_INVALID_PARAMETER,
              "a handle is bound twice");
        break;
    default:
        WaitForThreadpoolIoCallbacks(o.io, TRUE); // R-IO-20: reads in flight call nobody
        drop(o);
        CloseThreadpoolIo(o.io);
        close_slot(o);
        close_io(o);
        break;
    }
}

} // namespace rp::fuzz
