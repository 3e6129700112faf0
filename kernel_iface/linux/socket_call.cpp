// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/socket_call.hpp"

#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/clock.hpp"

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace rp::kernel {
namespace {

template <class Call>
int repeat_interrupted(const Call& call) noexcept {
    ssize_t result = 0;
    do {
        result = call();
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : static_cast<int>(std::min<ssize_t>(result, INT_MAX));
}

int int_option(int fd, int name) noexcept {
    int value = 0;
    socklen_t bytes = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, name, &value, &bytes) == 0 ? value : -errno;
}

} // namespace

int make_socket(int family, int type, int protocol) noexcept {
    return repeat_interrupted([&] { return ::socket(family, type | SOCK_CLOEXEC, protocol); });
}

int bind_socket(int fd, const socket_address& address) noexcept {
    return repeat_interrupted([&] { return ::bind(fd, address.get(), address.bytes); });
}

int listen_socket(int fd, int backlog) noexcept {
    return repeat_interrupted([&] { return ::listen(fd, backlog); });
}

int accept_connection(int fd, socket_address& peer) noexcept {
    return repeat_interrupted([&] {
        peer.bytes = sizeof peer.storage;
        return ::accept4(fd, peer.get(), &peer.bytes, SOCK_CLOEXEC);
    });
}

int connect_without_sleep(int fd, const sockaddr* address, socklen_t bytes) noexcept {
    // connect(2) has no flag for it.
    const int mode = ::fcntl(fd, F_GETFL);
    if (mode < 0) {
        return -errno;
    }
    const bool is_blocking = (mode & O_NONBLOCK) == 0;
    if (is_blocking) {
        ::fcntl(fd, F_SETFL, mode | O_NONBLOCK);
    }
    const int result = ::connect(fd, address, bytes) == 0 ? 0 : -errno;
    if (is_blocking) {
        ::fcntl(fd, F_SETFL, mode);
    }
    return result == -EINTR ? -EINPROGRESS : result;
}

int connect_result(int fd) noexcept {
    const int error = int_option(fd, SO_ERROR);
    return error > 0 ? -error : error;
}

void forget_connect(int fd) noexcept {
    const sockaddr nobody{AF_UNSPEC, {}};
    // What cannot be taken back stays as it is: the next call on the socket tells.
    static_cast<void>(::connect(fd, &nobody, sizeof nobody));
}

int shut_socket(int fd, int how) noexcept {
    return repeat_interrupted([&] { return ::shutdown(fd, how); });
}

int move_socket(int fresh, int fd) noexcept {
    const int result = repeat_interrupted([&] { return ::dup3(fresh, fd, O_CLOEXEC); });
    ::close(fresh);
    return result;
}

int renew_socket(int fd) noexcept {
    const int family = int_option(fd, SO_DOMAIN);
    const int type = int_option(fd, SO_TYPE);
    const int protocol = int_option(fd, SO_PROTOCOL);
    if (family < 0 || type < 0 || protocol < 0) {
        return std::min({family, type, protocol});
    }
    const int fresh = make_socket(family, type, protocol);
    return fresh < 0 ? fresh : move_socket(fresh, fd);
}

int send_message(int fd, const msghdr& message, int flags) noexcept {
    return repeat_interrupted(
        [&] { return ::sendmsg(fd, &message, flags | MSG_NOSIGNAL | MSG_DONTWAIT); });
}

int receive_message(int fd, msghdr& message, int flags) noexcept {
    return repeat_interrupted([&] { return ::recvmsg(fd, &message, flags | MSG_DONTWAIT); });
}

int name_of_socket(int fd, socket_address& name) noexcept {
    name.bytes = sizeof name.storage;
    return ::getsockname(fd, name.get(), &name.bytes) == 0 ? 0 : -errno;
}

int peer_of_socket(int fd, socket_address& name) noexcept {
    name.bytes = sizeof name.storage;
    return ::getpeername(fd, name.get(), &name.bytes) == 0 ? 0 : -errno;
}

int get_socket_option(int fd, int level, int name, void* value, socklen_t& bytes) noexcept {
    return ::getsockopt(fd, level, name, value, &bytes) == 0 ? 0 : -errno;
}

int set_socket_option(int fd, int level, int name, const void* value, socklen_t bytes) noexcept {
    return ::setsockopt(fd, level, name, value, bytes) == 0 ? 0 : -errno;
}

int bytes_to_read(int fd) noexcept {
    int bytes = 0;
    return ::ioctl(fd, FIONREAD, &bytes) == 0 ? bytes : -errno;
}

int make_socket_pair(int (&ends)[2]) noexcept {
    return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : -errno;
}

int bytes_unread_by_peer(int fd) noexcept {
    int bytes = 0;
    return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : -errno;
}

void send_byte(int fd) noexcept {
    constexpr char byte = 0;
    static_cast<void>(::send(fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT));
}

void take_byte(int fd) noexcept {
    char byte = 0;
    static_cast<void>(::recv(fd, &byte, 1, MSG_DONTWAIT));
}

int wait_for_socket(int fd, short events, int timeout_ms) noexcept {
    pollfd one{fd, events, 0};
    const int ready = repeat_interrupted([&] { return ::poll(&one, 1, 0); });
    if (ready != 0 || timeout_ms == 0) {
        return ready;
    }
    const blocking_scope announced;
    constexpr int64_t ns_per_ms = 1'000'000;
    const int64_t deadline_ns = now_ns() + timeout_ms * ns_per_ms;
    for (int left_ms = timeout_ms;;) {
        const int result = ::poll(&one, 1, left_ms);
        if (result >= 0 || errno != EINTR) {
            return result < 0 ? -errno : result;
        }
        if (timeout_ms > 0) {
            const int64_t left_ns = deadline_ns - now_ns();
            left_ms = left_ns <= 0 ? 0 : static_cast<int>(left_ns / ns_per_ms) + 1;
        }
    }
}

} // namespace rp::kernel
