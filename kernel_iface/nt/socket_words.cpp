// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/socket_words.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace rp::nt::ws {
namespace {

struct option_row {
    option windows;
    option native;
};

constexpr std::array options = {
    option_row{{level_socket, so_debug}, {SOL_SOCKET, SO_DEBUG}},
    option_row{{level_socket, so_keepalive}, {SOL_SOCKET, SO_KEEPALIVE}},
    option_row{{level_socket, so_dontroute}, {SOL_SOCKET, SO_DONTROUTE}},
    option_row{{level_socket, so_broadcast}, {SOL_SOCKET, SO_BROADCAST}},
    option_row{{level_socket, so_oobinline}, {SOL_SOCKET, SO_OOBINLINE}},
    option_row{{level_socket, so_sndbuf}, {SOL_SOCKET, SO_SNDBUF}},
    option_row{{level_socket, so_rcvbuf}, {SOL_SOCKET, SO_RCVBUF}},
    option_row{{level_ip, ip_tos}, {IPPROTO_IP, IP_TOS}},
    option_row{{level_ip, ip_ttl}, {IPPROTO_IP, IP_TTL}},
    option_row{{level_tcp, tcp_nodelay}, {IPPROTO_TCP, TCP_NODELAY}},
    option_row{{level_ipv6, ipv6_unicast_hops}, {IPPROTO_IPV6, IPV6_UNICAST_HOPS}},
    option_row{{level_ipv6, ipv6_v6only}, {IPPROTO_IPV6, IPV6_V6ONLY}},
};

/// The shortest address of a family that says all it must.
size_t least_bytes(int family) noexcept {
    switch (family) {
    case AF_INET:
        return sizeof(sockaddr_in);
    case AF_INET6:
        return sizeof(sockaddr_in6);
    default:
        return sizeof(sa_family_t);
    }
}

} // namespace

int native_family(int family) noexcept {
    switch (family) {
    case af_inet6:
        return AF_INET6;
    case AF_UNSPEC: // these three have one number everywhere
    case AF_UNIX:
    case AF_INET:
        return family;
    default:
        return -1;
    }
}

int windows_family(int family) noexcept {
    return family == AF_INET6 ? af_inet6 : family;
}

bool native_flags(unsigned flags, bool is_send, int& native) noexcept {
    const unsigned known = is_send ? msg_oob | msg_dontroute | msg_partial
                                   : msg_oob | msg_peek | msg_waitall | msg_partial;
    native = 0;
    native |= (flags & msg_oob) != 0 ? MSG_OOB : 0;
    native |= (flags & msg_peek) != 0 ? MSG_PEEK : 0;
    native |= (flags & msg_dontroute) != 0 ? MSG_DONTROUTE : 0;
    native |= (flags & msg_waitall) != 0 ? MSG_WAITALL : 0;
    return (flags & ~known) == 0;
}

DWORD read_address(const void* from, int bytes, kernel::socket_address& address) noexcept {
    if (from == nullptr || bytes < static_cast<int>(sizeof(sa_family_t))) {
        return WSAEFAULT;
    }
    const auto length = std::min(static_cast<size_t>(bytes), sizeof address.storage);
    std::memcpy(&address.storage, from, length);
    const int family = native_family(address.storage.ss_family);
    if (family < 0) {
        return WSAEAFNOSUPPORT;
    }
    if (length < least_bytes(family)) {
        return WSAEFAULT;
    }
    address.storage.ss_family = static_cast<sa_family_t>(family);
    // A program may pass a sockaddr_storage; the kernel wants the length of the family's own.
    address.bytes = static_cast<socklen_t>(family == AF_UNIX ? length : least_bytes(family));
    if (family == AF_UNIX) {
        const auto* local = reinterpret_cast<const sockaddr_un*>(&address.storage);
        const size_t room =
            std::min(length - offsetof(sockaddr_un, sun_path), sizeof local->sun_path);
        if (local->sun_path[0] != '\0') {
            address.bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                                   strnlen(local->sun_path, room));
        }
    }
    return ERROR_SUCCESS;
}

bool write_address(const kernel::socket_address& address, void* to, int& bytes) noexcept {
    kernel::socket_address copy = address;
    copy.storage.ss_family = static_cast<sa_family_t>(windows_family(address.storage.ss_family));
    const auto whole = static_cast<int>(address.bytes);
    const int room = std::max(bytes, 0);
    std::memcpy(to, &copy.storage, static_cast<size_t>(std::min(room, whole)));
    bytes = whole;
    return room >= whole;
}

bool native_option(int level, int name, option& native) noexcept {
    const auto* row = std::find_if(options.begin(), options.end(), [=](const option_row& one) {
        return one.windows.level == level && one.windows.name == name;
    });
    if (row == options.end()) {
        return false;
    }
    native = row->native;
    return true;
}

} // namespace rp::nt::ws
