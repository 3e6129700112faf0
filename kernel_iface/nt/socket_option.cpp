// SPDX-License-Identifier: Apache-2.0
// getsockopt and setsockopt. Most options are an int here and there; the others follow one by one.
#include "kernel_iface/linux/socket_call.hpp"
#include "kernel_iface/nt/socket.hpp"
#include "kernel_iface/nt/socket_words.hpp"

#include <cstring>

namespace rp::nt {
namespace {

constexpr int int_bytes = sizeof(int);

template <class T>
DWORD get_native(const file_object& file, int level, int name, T& value) noexcept {
    socklen_t bytes = sizeof value;
    return wsa_failure(kernel::get_socket_option(file.about.fd, level, name, &value, bytes), file);
}

template <class T>
DWORD set_native(const file_object& file, int level, int name, const T& value) noexcept {
    return wsa_failure(kernel::set_socket_option(file.about.fd, level, name, &value, sizeof value),
                       file);
}

/// Options of the socket level that are an int to the program. False: not one of them.
bool get_special(file_object& file, int name, int& value, DWORD& error) noexcept {
    ::linger linger{};
    switch (name) {
    case ws::so_acceptconn:
        value = has_socket_bit(file, socket_bits::listening) ? 1 : 0;
        return true;
    case ws::so_reuseaddr:
        value = has_socket_bit(file, socket_bits::reuses_address) ? 1 : 0;
        return true;
    case ws::so_exclusiveaddruse:
        value = has_socket_bit(file, socket_bits::exclusive_address) ? 1 : 0;
        return true;
    case ws::so_dontlinger:
        error = get_native(file, SOL_SOCKET, SO_LINGER, linger);
        value = linger.l_onoff == 0 ? 1 : 0;
        return true;
    case ws::so_sndtimeo:
    case ws::so_rcvtimeo:
        // mo: relaxed, a setting.
        value = static_cast<int>(
            file.timeouts_ms[name == ws::so_sndtimeo ? 1 : 0].load(std::memory_order_relaxed));
        return true;
    case ws::so_type:
        error = get_native(file, SOL_SOCKET, SO_TYPE, value);
        return true;
    case ws::so_error:
        error = get_native(file, SOL_SOCKET, SO_ERROR, value);
        value = static_cast<int>(wsa_of_errno(value, socket_domain(file)));
        return true;
    default:
        return false;
    }
}

/// Puts one of two contradicting choices of who may bind the same name.
DWORD choose_sharing(file_object& file, uint32_t bit, uint32_t opposite, bool is_on) noexcept {
    if (is_on && has_socket_bit(file, opposite)) {
        return WSAEINVAL;
    }
    is_on ? set_socket_bits(file, bit) : clear_socket_bits(file, bit);
    // Streams reuse by default, see create_socket.
    const bool is_stream = file.about.kind == kernel::file_kind::socket;
    const int reuses = has_socket_bit(file, socket_bits::reuses_address) ||
                               (is_stream && !has_socket_bit(file, socket_bits::exclusive_address))
                           ? 1
                           : 0;
    return set_native(file, SOL_SOCKET, SO_REUSEADDR, reuses);
}

bool set_special(file_object& file, int name, int value, DWORD& error) noexcept {
    constexpr uint32_t reuses = socket_bits::reuses_address;
    constexpr uint32_t exclusive = socket_bits::exclusive_address;
    switch (name) {
    case ws::so_reuseaddr:
        error = choose_sharing(file, reuses, exclusive, value != 0);
        return true;
    case ws::so_exclusiveaddruse:
        error = choose_sharing(file, exclusive, reuses, value != 0);
        return true;
    case ws::so_dontlinger:
        error = set_native(file, SOL_SOCKET, SO_LINGER, ::linger{value == 0 ? 1 : 0, 0});
        return true;
    case ws::so_sndtimeo:
    case ws::so_rcvtimeo:
        // mo: relaxed, a setting.
        file.timeouts_ms[name == ws::so_sndtimeo ? 1 : 0].store(static_cast<uint32_t>(value),
                                                                std::memory_order_relaxed);
        return true;
    case ws::so_acceptconn:
    case ws::so_type:
    case ws::so_error:
        error = WSAENOPROTOOPT; // these can only be read
        return true;
    default:
        return false;
    }
}

DWORD unknown_option(int level) noexcept {
    const bool is_known_level = level == ws::level_socket || level == ws::level_ip ||
                                level == ws::level_tcp || level == ws::level_ipv6;
    return is_known_level ? WSAENOPROTOOPT : WSAEINVAL;
}

/// The kernel doubles what it was given, to have room for its own accounts.
bool is_doubled(const ws::option& native) noexcept {
    return native.level == SOL_SOCKET && (native.name == SO_SNDBUF || native.name == SO_RCVBUF);
}

DWORD get_linger(const file_object& file, void* value, int* bytes) noexcept {
    ::linger native{};
    const DWORD error = get_native(file, SOL_SOCKET, SO_LINGER, native);
    const ws::linger told{static_cast<unsigned short>(native.l_onoff),
                          static_cast<unsigned short>(native.l_linger)};
    std::memcpy(value, &told, sizeof told);
    *bytes = sizeof told;
    return error;
}

/// After AcceptEx and ConnectEx: here the socket is what it should be already.
DWORD update_context(file_object& file, int name, const void* value, int bytes) noexcept {
    if (name == ws::so_update_connect_context) {
        return is_connected(file) ? ERROR_SUCCESS : WSAENOTCONN;
    }
    HANDLE listener = nullptr;
    if (value == nullptr || bytes < static_cast<int>(sizeof listener)) {
        return WSAEFAULT;
    }
    std::memcpy(&listener, value, sizeof listener);
    DWORD error;
    if (const socket_in_use other(listener, error);
        other && !has_socket_bit(*other, socket_bits::listening)) {
        return WSAEINVAL;
    }
    if (error != ERROR_SUCCESS) {
        return error;
    }
    return is_connected(file) ? ERROR_SUCCESS : WSAENOTCONN;
}

} // namespace

DWORD get_socket_option(HANDLE socket, int level, int name, void* value, int* bytes) noexcept {
    DWORD error;
    const socket_in_use file(socket, error);
    if (!file) {
        return error;
    }
    if (value == nullptr || bytes == nullptr || *bytes < int_bytes) {
        return WSAEFAULT;
    }
    if (level == ws::level_socket && name == ws::so_linger) {
        return get_linger(*file, value, bytes);
    }
    int number = 0;
    ws::option native{};
    if (level == ws::level_socket && get_special(*file, name, number, error)) {
    } else if (ws::native_option(level, name, native)) {
        error = get_native(*file, native.level, native.name, number);
        number /= is_doubled(native) ? 2 : 1;
    } else {
        error = unknown_option(level);
    }
    if (error == ERROR_SUCCESS) {
        std::memcpy(value, &number, sizeof number);
        *bytes = int_bytes;
    }
    return error;
}

DWORD
set_socket_option(HANDLE socket, int level, int name, const void* value, int bytes) noexcept {
    DWORD error;
    const socket_in_use file(socket, error);
    if (!file) {
        return error;
    }
    if (level == ws::level_socket &&
        (name == ws::so_update_accept_context || name == ws::so_update_connect_context)) {
        return update_context(*file, name, value, bytes);
    }
    if (value == nullptr || bytes < int_bytes) {
        return WSAEFAULT;
    }
    if (level == ws::level_socket && name == ws::so_linger) {
        ws::linger wanted{};
        std::memcpy(&wanted, value, sizeof wanted);
        return set_native(*file, SOL_SOCKET, SO_LINGER, ::linger{wanted.is_on, wanted.seconds});
    }
    int number = 0;
    std::memcpy(&number, value, sizeof number);
    if (level == ws::level_socket && set_special(*file, name, number, error)) {
        return error;
    }
    ws::option native{};
    return ws::native_option(level, name, native)
               ? set_native(*file, native.level, native.name, number)
               : unknown_option(level);
}

} // namespace rp::nt
