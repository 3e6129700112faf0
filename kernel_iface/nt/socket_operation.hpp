// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the makers of overlapped socket operations share. socket_operation.cpp has the essay.
#include "kernel_iface/linux/slab.hpp"
#include "kernel_iface/nt/operation.hpp"
#include "kernel_iface/nt/socket.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <new>

namespace rp::nt {

template <class T>
inline constinit kernel::slab extras{sizeof(T), alignof(T)};

template <class T>
void free_extra(io_operation& op) noexcept {
    auto* extra = static_cast<T*>(op.extra);
    extra->~T();
    extras<T>.give(extra);
}

/// An operation with an extra T on a socket that is in use; that use goes to the operation.
/// nullptr: no memory, and the caller keeps both.
template <class T>
io_operation* make_socket_operation(ref<file_object>& file, OVERLAPPED& overlapped) noexcept {
    void* piece = extras<T>.take();
    if (piece == nullptr) {
        return nullptr;
    }
    io_operation* op = make_operation(file, overlapped);
    if (op == nullptr) {
        extras<T>.give(piece);
        return nullptr;
    }
    op->extra = new (piece) T;
    op->free_extra = free_extra<T>;
    return op;
}

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
