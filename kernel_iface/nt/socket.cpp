// SPDX-License-Identifier: Apache-2.0
// Making, naming, connecting and ending sockets. Transfers are in socket_transfer.cpp (the caller
// waits) and socket_operation.cpp (overlapped).
#include "kernel_iface/nt/socket.hpp"

#include "kernel_iface/linux/socket_call.hpp"
#include "kernel_iface/nt/socket_sleep.hpp"
#include "kernel_iface/nt/socket_words.hpp"

#include <netinet/in.h>
#include <poll.h>

#include <cerrno>
#include <utility>

namespace rp::nt {
namespace {

/// The object and the handle of a socket; the descriptor is closed on failure.
DWORD publish_socket(int fd, bool is_overlapped, uint32_t bits, HANDLE& made) noexcept {
    made = nullptr;
    kernel::descriptor_facts facts;
    file_description about;
    const int error = kernel::describe_descriptor(fd, facts);
    about.fd = fd;
    about.kind = facts.kind;
    about.is_overlapped = is_overlapped;
    about.can_read = true;
    about.can_write = true;
    about.identity = facts.identity;
    const auto file = error == 0 ? make_object<file_object>(about) : ref<file_object>{};
    if (!file) {
        kernel::close_descriptor(fd);
        return error < 0 ? wsa_of_errno(-error, io_domain::socket) : DWORD{WSAENOBUFS};
    }
    set_socket_bits(*file, bits);
    const ntstatus code = handles().insert(*file, made);
    if (code != status::success) {
        file->last_handle_closed();
    }
    return wsa_of_status(code);
}

/// Has it a name that bind or a connection gave it?
bool is_bound(file_object& file) noexcept {
    if (has_socket_bit(file, socket_bits::bound | socket_bits::connected)) {
        return true;
    }
    kernel::socket_address name;
    if (kernel::name_of_socket(file.about.fd, name) < 0) {
        return false;
    }
    switch (name.storage.ss_family) {
    case AF_INET:
        return reinterpret_cast<const sockaddr_in*>(&name.storage)->sin_port != 0;
    case AF_INET6:
        return reinterpret_cast<const sockaddr_in6*>(&name.storage)->sin6_port != 0;
    default:
        return name.bytes > sizeof(sa_family_t);
    }
}

} // namespace

socket_in_use::socket_in_use(HANDLE handle, DWORD& error) noexcept {
    if (take(handle) == status::success && (*this)->about.kind != kernel::file_kind::socket &&
        (*this)->about.kind != kernel::file_kind::datagram) {
        give_back();
    }
    error = *this ? ERROR_SUCCESS : WSAENOTSOCK;
}

bool is_connected(file_object& file) noexcept {
    if (has_socket_bit(file, socket_bits::connected)) {
        return true;
    }
    kernel::socket_address peer;
    if (kernel::peer_of_socket(file.about.fd, peer) < 0) {
        return false;
    }
    set_socket_bits(file, socket_bits::connected | socket_bits::bound);
    return true;
}

DWORD create_socket(int family, int type, int protocol, bool is_overlapped, HANDLE& made) noexcept {
    made = nullptr;
    const int native = ws::native_family(family);
    if (native < 0) {
        return WSAEAFNOSUPPORT;
    }
    // Unspecified: what the protocol belongs to, and there is only one such family here.
    const int wanted = native == AF_UNSPEC && protocol != 0 ? AF_INET : native;
    if (type < SOCK_STREAM || type > SOCK_RAW) {
        return WSAESOCKTNOSUPPORT;
    }
    const int fd = kernel::make_socket(wanted, type, protocol);
    if (fd < 0) {
        return wsa_of_errno(-fd, io_domain::socket);
    }
    // A connection that lingers in TIME_WAIT does not keep a name from being bound on Windows.
    if (type == SOCK_STREAM && wanted != AF_UNIX) {
        const int on = 1;
        static_cast<void>(kernel::set_socket_option(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    }
    return publish_socket(fd, is_overlapped, 0, made);
}

DWORD close_socket(HANDLE socket) noexcept {
    DWORD error;
    if (const socket_in_use file(socket, error); !file) {
        return error;
    }
    return wsa_of_status(close_handle(socket));
}

DWORD bind_socket(HANDLE socket, const void* name, int bytes) noexcept {
    DWORD error;
    const socket_in_use file(socket, error);
    kernel::socket_address address;
    if (error == ERROR_SUCCESS) {
        error = ws::read_address(name, bytes, address);
    }
    if (error == ERROR_SUCCESS) {
        error = wsa_failure(kernel::bind_socket(file->about.fd, address), *file);
    }
    if (error == ERROR_SUCCESS) {
        set_socket_bits(*file, socket_bits::bound);
    }
    return error;
}

DWORD listen_on_socket(HANDLE socket, int backlog) noexcept {
    DWORD error;
    const socket_in_use file(socket, error);
    if (!file) {
        return error;
    }
    if (file->about.kind != kernel::file_kind::socket) {
        return WSAEOPNOTSUPP;
    }
    if (!is_bound(*file)) {
        return WSAEINVAL; // this platform would choose a name
    }
    if (is_connected(*file)) {
        return WSAEISCONN;
    }
    error = wsa_failure(kernel::listen_socket(file->about.fd, backlog), *file);
    if (error == ERROR_SUCCESS) {
        set_socket_bits(*file, socket_bits::listening);
    }
    return error;
}

DWORD accept_socket(HANDLE socket, void* peer, int* bytes, HANDLE& made) noexcept {
    made = nullptr;
    DWORD error;
    const socket_in_use file(socket, error);
    if (!file) {
        return error;
    }
    if (file->about.kind != kernel::file_kind::socket) {
        return WSAEOPNOTSUPP;
    }
    if (!has_socket_bit(*file, socket_bits::listening)) {
        return WSAEINVAL;
    }
    kernel::socket_address address;
    const int fd = attempt_until_done(*file, POLLIN, -1, [&] {
        const int ready = kernel::wait_for_socket(file->about.fd, POLLIN, 0);
        return ready == 0 ? -EAGAIN : kernel::accept_connection(file->about.fd, address);
    });
    if (fd < 0) {
        return wsa_failure(fd, *file);
    }
    if (peer != nullptr && bytes != nullptr && !ws::write_address(address, peer, *bytes)) {
        kernel::close_descriptor(fd);
        return WSAEFAULT;
    }
    // Like the listener, says the documentation.
    const uint32_t inherited =
        has_socket_bit(*file, socket_bits::non_blocking) ? socket_bits::non_blocking : 0U;
    return publish_socket(fd,
                          file->about.is_overlapped,
                          inherited | socket_bits::connected | socket_bits::bound,
                          made);
}

DWORD connect_socket(HANDLE socket, const void* name, int bytes) noexcept {
    DWORD error;
    const socket_in_use file(socket, error);
    kernel::socket_address address;
    if (error == ERROR_SUCCESS) {
        error = ws::read_address(name, bytes, address);
    }
    if (error != ERROR_SUCCESS) {
        return error;
    }
    if (has_socket_bit(*file, socket_bits::listening)) {
        return WSAEINVAL;
    }
    if (file->about.kind == kernel::file_kind::socket && is_connected(*file)) {
        return WSAEISCONN;
    }
    const int fd = file->about.fd;
    bool is_started = false;
    bool has_waited = false;
    const int result = attempt_until_done(*file, POLLOUT, -1, [&] {
        if (std::exchange(is_started, true)) {
            has_waited = true;
            return kernel::connect_result(fd);
        }
        const int started = kernel::connect_without_sleep(fd, address.get(), address.bytes);
        return started == -EINPROGRESS ? -EAGAIN : started;
    });
    if (result == 0) {
        set_socket_bits(*file, socket_bits::connected | socket_bits::bound);
    } else if (has_waited) {
        kernel::forget_connect(fd); // else the next attempt would only be told that this one failed
    }
    return wsa_failure(result, *file);
}

DWORD shut_socket(HANDLE socket, int how) noexcept {
    DWORD error;
    const socket_in_use file(socket, error);
    if (!file) {
        return error;
    }
    if (how < SHUT_RD || how > SHUT_RDWR) { // SD_RECEIVE, SD_SEND, SD_BOTH have the same numbers
        return WSAEINVAL;
    }
    error = wsa_failure(kernel::shut_socket(file->about.fd, how), *file);
    if (error == ERROR_SUCCESS) {
        set_socket_bits(*file,
                        (how != SHUT_RD ? socket_bits::shut_send : 0U) |
                            (how != SHUT_WR ? socket_bits::shut_receive : 0U));
    }
    return error;
}

DWORD name_of_socket(HANDLE socket, bool of_peer, void* name, int* bytes) noexcept {
    DWORD error;
    const socket_in_use file(socket, error);
    if (!file) {
        return error;
    }
    if (name == nullptr || bytes == nullptr) {
        return WSAEFAULT;
    }
    if (!of_peer && !is_bound(*file)) {
        return WSAEINVAL;
    }
    kernel::socket_address address;
    const int fd = file->about.fd;
    const int result =
        of_peer ? kernel::peer_of_socket(fd, address) : kernel::name_of_socket(fd, address);
    if (result < 0) {
        return wsa_failure(result, *file);
    }
    return ws::write_address(address, name, *bytes) ? ERROR_SUCCESS : WSAEFAULT;
}

DWORD set_non_blocking(HANDLE socket, bool is_on) noexcept {
    DWORD error;
    const socket_in_use file(socket, error);
    if (file) {
        // Of our calls, not of the descriptor: overlapped operations would be refused by the ring.
        is_on ? set_socket_bits(*file, socket_bits::non_blocking)
              : clear_socket_bits(*file, socket_bits::non_blocking);
    }
    return error;
}

DWORD bytes_in_socket(HANDLE socket, uint32_t& bytes) noexcept {
    DWORD error;
    const socket_in_use file(socket, error);
    if (!file) {
        return error;
    }
    const int result = kernel::bytes_to_read(file->about.fd);
    bytes = result < 0 ? 0 : static_cast<uint32_t>(result);
    return wsa_failure(result, *file);
}

DWORD transfer_on_socket(const socket_call& call, DWORD& bytes) noexcept {
    DWORD error;
    socket_in_use file(call.socket, error);
    if (!file) {
        return error;
    }
    // The first 64 KiB are never mapped on Windows.
    constexpr uintptr_t lowest_address = 0x10000;
    for (const socket_buffer& buffer : call.buffers) {
        if (buffer.bytes > 0 && reinterpret_cast<uintptr_t>(buffer.data) < lowest_address) {
            return WSAEFAULT;
        }
    }
    const bool is_stream = file->about.kind == kernel::file_kind::socket;
    if (has_socket_bit(*file, call.is_send ? socket_bits::shut_send : socket_bits::shut_receive)) {
        return WSAESHUTDOWN;
    }
    if ((is_stream || (call.is_send && call.to == nullptr)) && !is_connected(*file)) {
        return WSAENOTCONN;
    }
    if (!is_stream && !call.is_send && !is_bound(*file)) {
        return WSAEINVAL;
    }
    const bool is_overlapped = call.overlapped != nullptr && file->about.is_overlapped;
    return is_overlapped ? start_transfer(file.detach(), call)
                         : transfer_at_once(*file, call, bytes);
}

} // namespace rp::nt
