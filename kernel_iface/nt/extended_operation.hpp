// SPDX-License-Identifier: Apache-2.0
#pragma once
// Operations that carry more than a transfer does.
#include "kernel_iface/linux/slab.hpp"
#include "kernel_iface/nt/operation.hpp"

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

/// An operation with an extra T on a file that is in use; that use goes to the operation.
/// nullptr: no memory, and the caller keeps both.
template <class T>
io_operation* make_extended_operation(ref<file_object>& file, OVERLAPPED& overlapped) noexcept {
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

} // namespace rp::nt
