// SPDX-License-Identifier: Apache-2.0
// Overlapped operations on sockets. operation.cpp has the essay on their life; here is what they do
// in between, one `step` function for each kind.
//
// A send or receive with one buffer and no address is a plain transfer. The others carry a
// *message*: the headers the kernel wants, which must live as long as the operation does, while the
// program's WSABUF array need not (R-SOCK-2).
//
// What the program sees is written in `settle`, before the OVERLAPPED is final. The extensions are
// in socket_extension.cpp.
#include "kernel_iface/nt/socket_operation.hpp"

#include "kernel_iface/nt/socket_words.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <new>

namespace rp::nt {
namespace {

struct message {
    msghdr header{};
    kernel::socket_address address;
    void* from = nullptr;
    int* from_bytes = nullptr;
    iovec few[8];
    iovec* all = few;
    iovec* next = few;
    size_t left = 0; // parts from `next` on

    message() noexcept = default;
    message(const message&) = delete;
    message& operator=(const message&) = delete;

    ~message() {
        if (all != few) {
            delete[] all;
        }
    }

    [[nodiscard]] bool assign(std::span<const socket_buffer> buffers) noexcept {
        if (buffers.size() > std::size(few)) {
            all = new (std::nothrow) iovec[buffers.size()];
            if (all == nullptr) {
                all = few;
                return false;
            }
        }
        next = all;
        left = buffers.size();
        for (size_t i = 0; i < left; ++i) {
            all[i] = {buffers[i].data, buffers[i].bytes};
        }
        return true;
    }

    void advance(size_t bytes) noexcept {
        for (; left > 0 && bytes >= next->iov_len; ++next, --left) {
            bytes -= next->iov_len;
        }
        if (left > 0) {
            next->iov_base = static_cast<char*>(next->iov_base) + bytes;
            next->iov_len -= bytes;
        }
    }
};

void prepare_message(io_operation& op) noexcept {
    auto& m = *static_cast<message*>(op.extra);
    m.header.msg_iov = m.next;
    m.header.msg_iovlen = std::min<size_t>(m.left, IOV_MAX);
    m.header.msg_namelen = op.is_write ? m.address.bytes : sizeof m.address.storage;
    op.op = op.transfer_op;
    op.flags = op.transfer_flags;
    op.addr = &m.header;
    op.len = 1;
}

uint32_t message_step(io_operation& op, int32_t res) noexcept {
    auto& m = *static_cast<message*>(op.extra);
    const bool was_poll = op.op == kernel::io_op::poll;
    if (res == -EAGAIN && !was_poll) {
        return go_on_when_ready(op, op.is_write ? POLLOUT : POLLIN);
    }
    if (res == -EINTR || (was_poll && res >= 0)) {
        prepare_message(op);
        return go_on(op);
    }
    if (res < 0) {
        return failure_of(op, res);
    }
    op.bytes += static_cast<uint32_t>(res);
    if (op.file->about.kind == kernel::file_kind::datagram) {
        // MSG_TRUNC reports the length of the datagram, not of what fitted (R-SOCK-6).
        const bool is_cut = !op.is_write && op.bytes > op.wanted_bytes;
        op.bytes = std::min(op.bytes, op.wanted_bytes);
        return is_cut ? status::buffer_overflow : status::success;
    }
    const bool wants_all = op.is_write || (op.transfer_flags & MSG_WAITALL) != 0;
    if (op.bytes >= op.wanted_bytes || !wants_all || (res == 0 && !op.is_write)) {
        return status::success;
    }
    if (res == 0) {
        return status::io_device_error; // would keep us busy for ever
    }
    m.advance(static_cast<size_t>(res));
    prepare_message(op);
    return go_on(op);
}

uint32_t settle_message(io_operation& op, uint32_t code) noexcept {
    auto& m = *static_cast<message*>(op.extra);
    if (m.from == nullptr || (code != status::success && code != status::buffer_overflow)) {
        return code;
    }
    m.address.bytes = m.header.msg_namelen;
    return ws::write_address(m.address, m.from, *m.from_bytes) ? code : status::access_violation;
}

/// A receive without room: ends when there is something to receive, and takes nothing.
uint32_t readiness_step(io_operation& op, int32_t res) noexcept {
    if (res == -EINTR) {
        return go_on(op);
    }
    return res < 0 ? failure_of(op, res) : status::success;
}

/// One buffer, no address.
void fill_plain(io_operation& op, const socket_buffer& buffer) noexcept {
    op.step = transfer_step;
    op.buffer = buffer.data;
    op.wanted_bytes = buffer.bytes;
    op.start_offset = ~uint64_t{0};
    op.transfer_op = op.is_write ? kernel::io_op::send : kernel::io_op::recv;
    prepare_transfer(op);
}

void fill_empty(io_operation& op) noexcept {
    op.step = readiness_step;
    op.op = op.is_write ? kernel::io_op::nop : kernel::io_op::poll;
    op.flags = op.is_write ? 0U : unsigned{POLLIN};
}

} // namespace

uint32_t transfer_flags_of(const file_object& file, bool is_send, int flags) noexcept {
    const bool is_message = file.about.kind == kernel::file_kind::datagram;
    if (is_send) {
        return static_cast<unsigned>(flags) | unsigned{MSG_NOSIGNAL} |
               (is_message ? 0U : unsigned{MSG_WAITALL});
    }
    return static_cast<unsigned>(flags) | (is_message ? unsigned{MSG_TRUNC} : 0U);
}

DWORD start_transfer(ref<file_object> file, const socket_call& call) noexcept {
    file_object& keeper = *file;
    const bool is_stream = keeper.about.kind == kernel::file_kind::socket;
    const bool has_address =
        !is_stream && (call.is_send ? call.to != nullptr : call.from != nullptr);
    uint64_t total = 0;
    for (const socket_buffer& buffer : call.buffers) {
        total += buffer.bytes;
    }
    int flags = 0;
    kernel::socket_address to;
    DWORD error = ERROR_SUCCESS;
    // R-SOCK-5: looking without taking has no place among queued receives.
    if (!ws::native_flags(call.flags, call.is_send, flags) || (flags & MSG_PEEK) != 0) {
        error = WSAEOPNOTSUPP;
    } else if (has_address && call.is_send) {
        error = ws::read_address(call.to, call.to_bytes, to);
    } else if (has_address && call.from_bytes == nullptr) {
        error = WSAEFAULT;
    }
    const bool is_plain = !has_address && call.buffers.size() == 1;
    const bool is_empty = is_stream && total == 0;
    io_operation* op = nullptr;
    if (error == ERROR_SUCCESS) {
        op = is_plain || is_empty ? make_operation(file, *call.overlapped)
                                  : make_extended_operation<message>(file, *call.overlapped);
        error = op == nullptr ? DWORD{WSAENOBUFS} : DWORD{ERROR_SUCCESS};
    }
    if (error != ERROR_SUCCESS) {
        keeper.end_use();
        return error;
    }
    op->is_write = call.is_send;
    op->transfer_flags = transfer_flags_of(keeper, call.is_send, flags);
    if (is_empty) {
        fill_empty(*op);
    } else if (is_plain) {
        fill_plain(*op, call.buffers[0]);
    } else {
        auto& m = *static_cast<message*>(op->extra);
        if (!m.assign(call.buffers)) {
            keeper.end_use();
            op->drop();
            return WSAENOBUFS;
        }
        m.address = to;
        m.header.msg_name = has_address ? &m.address.storage : nullptr;
        m.from = has_address ? call.from : nullptr;
        m.from_bytes = call.from_bytes;
        op->step = message_step;
        op->settle = call.is_send ? nullptr : settle_message;
        op->wanted_bytes = total;
        op->transfer_op = call.is_send ? kernel::io_op::sendmsg : kernel::io_op::recvmsg;
        prepare_message(*op);
    }
    return launched(*op);
}

} // namespace rp::nt
