// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the makers of overlapped socket operations share. socket_operation.cpp has the essay.
#include "kernel_iface/nt/extended_operation.hpp"
#include "kernel_iface/nt/socket.hpp"

#include <poll.h>
#include <sys/socket.h>

namespace rp::nt {

/// Arms the request again unless a cancel was asked for.
inline ntstatus go_on(const io_operation& op) noexcept {
    return is_wanted(op) ? undecided : status::cancelled;
}

inline ntstatus go_on_when_ready(io_operation& op, uint32_t events) noexcept {
    op.op = kernel::io_op::poll;
    op.flags = events;
    return go_on(op);
}

inline ntstatus failure_of(const io_operation& op, int32_t res) noexcept {
    return status_of_errno(-res, domain_of(op.file->about));
}

inline DWORD launched(io_operation& op) noexcept {
    const ntstatus code = launch(op);
    return code == status::pending ? DWORD{WSA_IO_PENDING} : wsa_of_status(code);
}

/// MSG_* of a send or receive through a sink: a stream send goes out whole, a datagram tells its
/// length.
uint32_t transfer_flags_of(const file_object& file, bool is_send, int flags) noexcept;

} // namespace rp::nt
