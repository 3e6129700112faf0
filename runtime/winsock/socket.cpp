// SPDX-License-Identifier: Apache-2.0
// Sockets by their Windows names. <winsock2.h> binds those libc has too to symbols of their own.
#include "kernel_iface/nt/socket.hpp"

#include "kernel_iface/nt/socket_numbers.hpp"
#include "runtime/export.hpp"
#include "runtime/winsock/startup.hpp"

#include <mswsock.h>

#include <ws2tcpip.h>

namespace nt = rp::nt;
using rp::winsock::checked;
using rp::winsock::handle_of;

namespace {

// The lower rooms know these numbers by names of their own: see socket_numbers.hpp.
static_assert(nt::ws::af_inet6 == AF_INET6);
static_assert(nt::ws::level_socket == SOL_SOCKET && nt::ws::level_ip == IPPROTO_IP);
static_assert(nt::ws::level_tcp == IPPROTO_TCP && nt::ws::level_ipv6 == IPPROTO_IPV6);
static_assert(nt::ws::so_debug == SO_DEBUG && nt::ws::so_acceptconn == SO_ACCEPTCONN);
static_assert(nt::ws::so_reuseaddr == SO_REUSEADDR && nt::ws::so_keepalive == SO_KEEPALIVE);
static_assert(nt::ws::so_dontroute == SO_DONTROUTE && nt::ws::so_broadcast == SO_BROADCAST);
static_assert(nt::ws::so_linger == SO_LINGER && nt::ws::so_oobinline == SO_OOBINLINE);
static_assert(nt::ws::so_dontlinger == SO_DONTLINGER);
static_assert(nt::ws::so_exclusiveaddruse == SO_EXCLUSIVEADDRUSE);
static_assert(nt::ws::so_sndbuf == SO_SNDBUF && nt::ws::so_rcvbuf == SO_RCVBUF);
static_assert(nt::ws::so_sndtimeo == SO_SNDTIMEO && nt::ws::so_rcvtimeo == SO_RCVTIMEO);
static_assert(nt::ws::so_error == SO_ERROR && nt::ws::so_type == SO_TYPE);
static_assert(nt::ws::so_update_accept_context == SO_UPDATE_ACCEPT_CONTEXT);
static_assert(nt::ws::so_update_connect_context == SO_UPDATE_CONNECT_CONTEXT);
static_assert(nt::ws::ip_tos == IP_TOS && nt::ws::ip_ttl == IP_TTL);
static_assert(nt::ws::ipv6_unicast_hops == IPV6_UNICAST_HOPS);
static_assert(nt::ws::ipv6_v6only == IPV6_V6ONLY && nt::ws::tcp_nodelay == TCP_NODELAY);
static_assert(nt::ws::msg_oob == MSG_OOB && nt::ws::msg_peek == MSG_PEEK);
static_assert(nt::ws::msg_dontroute == MSG_DONTROUTE && nt::ws::msg_waitall == MSG_WAITALL);
static_assert(nt::ws::msg_partial == MSG_PARTIAL);
static_assert(sizeof(nt::socket_buffer) == sizeof(WSABUF));

SOCKET create(int af, int type, int protocol, bool has_info, DWORD flags) noexcept {
    HANDLE made = nullptr;
    // Options of multipoint sessions and registered I/O exist on no transport here.
    constexpr DWORD known = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;
    const int result = checked([&]() -> DWORD {
        if (has_info || (flags & ~known) != 0) {
            return WSAEINVAL;
        }
        return nt::create_socket(af, type, protocol, (flags & WSA_FLAG_OVERLAPPED) != 0, made);
    });
    return result == 0 ? reinterpret_cast<SOCKET>(made) : INVALID_SOCKET;
}

/// send, recv and their kin: one buffer, no OVERLAPPED. The bytes, or SOCKET_ERROR.
int transfer(nt::socket_call& call, const char* data, int bytes) noexcept {
    DWORD moved = 0;
    const nt::socket_buffer buffer{static_cast<ULONG>(bytes), const_cast<char*>(data)};
    call.buffers = {&buffer, 1};
    const int result = checked([&]() -> DWORD {
        return bytes < 0 ? DWORD{WSAEFAULT} : nt::transfer_on_socket(call, moved);
    });
    return result == 0 ? static_cast<int>(moved) : SOCKET_ERROR;
}

} // namespace

RP_EXPORT SOCKET WSAAPI socket(int af, int type, int protocol) {
    return create(af, type, protocol, false, WSA_FLAG_OVERLAPPED);
}

RP_EXPORT SOCKET WSAAPI WSASocketA(int af,
                                   int type,
                                   int protocol,
                                   LPWSAPROTOCOL_INFOA lpProtocolInfo,
                                   GROUP /*g*/,
                                   DWORD dwFlags) {
    return create(af, type, protocol, lpProtocolInfo != nullptr, dwFlags);
}

RP_EXPORT SOCKET WSAAPI WSASocketW(int af,
                                   int type,
                                   int protocol,
                                   LPWSAPROTOCOL_INFOW lpProtocolInfo,
                                   GROUP /*g*/,
                                   DWORD dwFlags) {
    return create(af, type, protocol, lpProtocolInfo != nullptr, dwFlags);
}

RP_EXPORT int WSAAPI closesocket(SOCKET s) {
    return checked([&] { return nt::close_socket(handle_of(s)); });
}

RP_EXPORT int WSAAPI bind(SOCKET s, const struct sockaddr* name, int namelen) {
    return checked([&] { return nt::bind_socket(handle_of(s), name, namelen); });
}

RP_EXPORT int WSAAPI listen(SOCKET s, int backlog) {
    return checked([&] { return nt::listen_on_socket(handle_of(s), backlog); });
}

RP_EXPORT SOCKET WSAAPI accept(SOCKET s, struct sockaddr* addr, int* addrlen) {
    HANDLE made = nullptr;
    const int result =
        checked([&] { return nt::accept_socket(handle_of(s), addr, addrlen, made); });
    return result == 0 ? reinterpret_cast<SOCKET>(made) : INVALID_SOCKET;
}

RP_EXPORT int WSAAPI connect(SOCKET s, const struct sockaddr* name, int namelen) {
    return checked([&] { return nt::connect_socket(handle_of(s), name, namelen); });
}

RP_EXPORT int WSAAPI shutdown(SOCKET s, int how) {
    return checked([&] { return nt::shut_socket(handle_of(s), how); });
}

RP_EXPORT int WSAAPI send(SOCKET s, const char* buf, int len, int flags) {
    return sendto(s, buf, len, flags, nullptr, 0);
}

RP_EXPORT int WSAAPI recv(SOCKET s, char* buf, int len, int flags) {
    return recvfrom(s, buf, len, flags, nullptr, nullptr);
}

RP_EXPORT int WSAAPI
sendto(SOCKET s, const char* buf, int len, int flags, const struct sockaddr* to, int tolen) {
    nt::socket_call call;
    call.socket = handle_of(s);
    call.is_send = true;
    call.flags = static_cast<unsigned>(flags);
    call.to = to;
    call.to_bytes = tolen;
    return transfer(call, buf, len);
}

RP_EXPORT int WSAAPI
recvfrom(SOCKET s, char* buf, int len, int flags, struct sockaddr* from, int* fromlen) {
    nt::socket_call call;
    call.socket = handle_of(s);
    call.flags = static_cast<unsigned>(flags);
    call.from = from;
    call.from_bytes = fromlen;
    return transfer(call, buf, len);
}

RP_EXPORT int WSAAPI ioctlsocket(SOCKET s, LONG cmd, u_long* argp) {
    return checked([&]() -> DWORD {
        if (argp == nullptr) {
            return WSAEFAULT;
        }
        switch (static_cast<unsigned>(cmd)) {
        case FIONBIO:
            return nt::set_non_blocking(handle_of(s), *argp != 0);
        case FIONREAD:
            return nt::bytes_in_socket(handle_of(s), *argp);
        default:
            return WSAEINVAL;
        }
    });
}

RP_EXPORT int WSAAPI getsockopt(SOCKET s, int level, int optname, char* optval, int* optlen) {
    return checked(
        [&] { return nt::get_socket_option(handle_of(s), level, optname, optval, optlen); });
}

RP_EXPORT int WSAAPI setsockopt(SOCKET s, int level, int optname, const char* optval, int optlen) {
    return checked(
        [&] { return nt::set_socket_option(handle_of(s), level, optname, optval, optlen); });
}

RP_EXPORT int WSAAPI getsockname(SOCKET s, struct sockaddr* name, int* namelen) {
    return checked([&] { return nt::name_of_socket(handle_of(s), false, name, namelen); });
}

RP_EXPORT int WSAAPI getpeername(SOCKET s, struct sockaddr* name, int* namelen) {
    return checked([&] { return nt::name_of_socket(handle_of(s), true, name, namelen); });
}
