// SPDX-License-Identifier: Apache-2.0
#pragma once
// The socket system calls, with this platform's own constants and addresses. Results are >= 0 or
// -errno; interrupted calls are repeated; none of them sleeps unless it says so, and no send raises
// SIGPIPE.
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

namespace rp::kernel {

/// An address of any family, with its length.
struct socket_address {
    sockaddr_storage storage{};
    socklen_t bytes = 0;

    [[nodiscard]] const sockaddr* get() const noexcept {
        return reinterpret_cast<const sockaddr*>(&storage);
    }

    sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
};

int make_socket(int family, int type, int protocol) noexcept;
int bind_socket(int fd, const socket_address& address) noexcept;
int listen_socket(int fd, int backlog) noexcept;
/// Sleeps when there is no connection to accept: ask wait_for_socket first.
int accept_connection(int fd, socket_address& peer) noexcept;
/// -EINPROGRESS: writable when decided, and then connect_result tells how. The descriptor may be in
/// blocking mode; nobody else uses a socket that is only just connecting.
int connect_without_sleep(int fd, const sockaddr* address, socklen_t bytes) noexcept;
int connect_result(int fd) noexcept;
/// Takes back a connection attempt that was not waited for.
void forget_connect(int fd) noexcept;
int shut_socket(int fd, int how) noexcept;
/// Puts a fresh socket of the same family, type and protocol behind the number `fd`.
int renew_socket(int fd) noexcept;
/// Puts the socket `fresh` behind the number `fd`; closes the number `fresh` in any case.
int move_socket(int fresh, int fd) noexcept;
int send_message(int fd, const msghdr& message, int flags) noexcept; ///< -EAGAIN: no room
int receive_message(int fd, msghdr& message, int flags) noexcept;    ///< -EAGAIN: nothing there
int name_of_socket(int fd, socket_address& name) noexcept;
int peer_of_socket(int fd, socket_address& name) noexcept;
int get_socket_option(int fd, int level, int name, void* value, socklen_t& bytes) noexcept;
int set_socket_option(int fd, int level, int name, const void* value, socklen_t bytes) noexcept;
int bytes_to_read(int fd) noexcept;
/// Local stream sockets: a connected pair; what was written and not yet read, with its overhead;
/// one byte, without sleep.
int make_socket_pair(int (&ends)[2]) noexcept;
int bytes_unread_by_peer(int fd) noexcept;
void send_byte(int fd) noexcept;
void take_byte(int fd) noexcept;
/// Sleeps, announced, until one of the poll(2) `events` or an error is there. 1, or 0 when
/// `timeout_ms` (-1: none) passed.
int wait_for_socket(int fd, short events, int timeout_ms) noexcept;

} // namespace rp::kernel
