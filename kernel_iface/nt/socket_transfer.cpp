// SPDX-License-Identifier: Apache-2.0
// Sends and receives the caller waits for.
#include "kernel_iface/nt/socket_sleep.hpp"
#include "kernel_iface/nt/socket_words.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <memory>
#include <new>

namespace rp::nt {
namespace {

/// The buffers of a call as the kernel wants them, without what was transferred already.
class parts {
public:
    [[nodiscard]] bool assign(std::span<const socket_buffer> buffers) noexcept {
        iovec* place = few_.data();
        if (buffers.size() > few_.size()) {
            many_.reset(new (std::nothrow) iovec[buffers.size()]);
            place = many_.get();
        }
        if (place == nullptr) {
            return false;
        }
        first_ = place;
        for (const socket_buffer& buffer : buffers) {
            *place++ = {buffer.data, buffer.bytes};
            left_ += buffer.bytes;
        }
        count_ = buffers.size();
        return true;
    }

    void advance(size_t bytes) noexcept {
        left_ -= bytes;
        while (count_ > 0 && bytes >= first_->iov_len) {
            bytes -= first_->iov_len;
            ++first_;
            --count_;
        }
        if (count_ > 0) {
            first_->iov_base = static_cast<char*>(first_->iov_base) + bytes;
            first_->iov_len -= bytes;
        }
    }

    void put_into(msghdr& message) const noexcept {
        message.msg_iov = first_;
        message.msg_iovlen = std::min<size_t>(count_, IOV_MAX);
    }

    [[nodiscard]] uint64_t left() const noexcept { return left_; }

private:
    std::array<iovec, 16> few_;
    std::unique_ptr<iovec[]> many_;
    iovec* first_ = nullptr;
    size_t count_ = 0;
    uint64_t left_ = 0;
};

/// -1: none.
int timeout_ms_of(const file_object& file, bool is_send) noexcept {
    // mo: relaxed, a setting.
    const uint32_t ms = file.timeouts_ms[is_send ? 1 : 0].load(std::memory_order_relaxed);
    return ms == 0 || ms > uint32_t{INT_MAX} ? -1 : static_cast<int>(ms);
}

DWORD send_parts(
    file_object& file, parts& left, msghdr& message, int flags, DWORD& bytes) noexcept {
    const bool is_stream = file.about.kind == kernel::file_kind::socket;
    do {
        left.put_into(message);
        const int sent = attempt_until_done(file, POLLOUT, timeout_ms_of(file, true), [&] {
            return kernel::send_message(file.about.fd, message, flags);
        });
        if (sent < 0) {
            // What went out cannot be taken back: the next call tells.
            return bytes > 0 ? DWORD{ERROR_SUCCESS} : wsa_of_errno(-sent, socket_domain(file));
        }
        bytes += static_cast<DWORD>(sent);
        left.advance(static_cast<size_t>(sent));
    } while (is_stream && left.left() > 0);
    return ERROR_SUCCESS;
}

DWORD receive_parts(
    file_object& file, parts& left, msghdr& message, int flags, DWORD& bytes) noexcept {
    const bool is_stream = file.about.kind == kernel::file_kind::socket;
    const bool wants_all = is_stream && (flags & MSG_WAITALL) != 0;
    if (is_stream && left.left() == 0) {
        return ERROR_SUCCESS;
    }
    int moved = 0;
    do {
        left.put_into(message);
        moved = attempt_until_done(file, POLLIN, timeout_ms_of(file, false), [&] {
            return kernel::receive_message(file.about.fd, message, flags);
        });
        if (moved < 0) {
            return bytes > 0 ? DWORD{ERROR_SUCCESS} : wsa_of_errno(-moved, socket_domain(file));
        }
        bytes += static_cast<DWORD>(moved);
        left.advance(static_cast<size_t>(moved));
    } while (wants_all && moved > 0 && left.left() > 0);
    // R-SOCK-6: the buffer is full, the rest of the datagram is lost.
    return !is_stream && (message.msg_flags & MSG_TRUNC) != 0 ? DWORD{WSAEMSGSIZE}
                                                              : DWORD{ERROR_SUCCESS};
}

} // namespace

DWORD transfer_at_once(file_object& file, const socket_call& call, DWORD& bytes) noexcept {
    bytes = 0;
    int flags = 0;
    if (!ws::native_flags(call.flags, call.is_send, flags)) {
        return WSAEOPNOTSUPP;
    }
    kernel::socket_address address;
    const bool is_stream = file.about.kind == kernel::file_kind::socket;
    if (call.is_send && call.to != nullptr && !is_stream) {
        if (const DWORD error = ws::read_address(call.to, call.to_bytes, address);
            error != ERROR_SUCCESS) {
            return error;
        }
    }
    parts left;
    if (!left.assign(call.buffers)) {
        return WSAENOBUFS;
    }
    msghdr message{};
    const bool has_address = call.is_send ? address.bytes != 0 : call.from != nullptr;
    message.msg_name = has_address ? &address.storage : nullptr;
    message.msg_namelen = call.is_send ? address.bytes : sizeof address.storage;
    if (call.is_send) {
        return send_parts(file, left, message, flags, bytes);
    }
    const DWORD error = receive_parts(file, left, message, flags, bytes);
    address.bytes = message.msg_namelen;
    if (has_address && call.from_bytes != nullptr && !is_stream &&
        (error == ERROR_SUCCESS || error == WSAEMSGSIZE) &&
        !ws::write_address(address, call.from, *call.from_bytes)) {
        return WSAEFAULT;
    }
    return error;
}

} // namespace rp::nt
