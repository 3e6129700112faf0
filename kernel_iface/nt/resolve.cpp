// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/resolve.hpp"

#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/nt/socket_words.hpp"
#include "kernel_iface/nt/status.hpp"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace rp::nt {
namespace {

// Of <ws2tcpip.h>.
constexpr DWORD host_not_found = 11001;
constexpr DWORD try_again = 11002;
constexpr DWORD no_recovery = 11003;
constexpr DWORD type_not_found = 10109;

DWORD wsa_of_failure(int error) noexcept {
    switch (error) {
    case 0:
        return ERROR_SUCCESS;
    case EAI_AGAIN:
        return try_again;
    case EAI_BADFLAGS:
        return WSAEINVAL;
    case EAI_FAMILY:
        return WSAEAFNOSUPPORT;
    case EAI_MEMORY:
        return WSA_NOT_ENOUGH_MEMORY;
    case EAI_SERVICE:
        return type_not_found;
    case EAI_SOCKTYPE:
        return WSAESOCKTNOSUPPORT;
    case EAI_SYSTEM:
        return wsa_of_errno(errno, io_domain::socket);
    case EAI_FAIL:
        return no_recovery;
    default:
        return host_not_found;
    }
}

} // namespace

DWORD resolve(const name_query& query,
              bool (*visit)(void* context, const name_answer& answer) noexcept,
              void* context) noexcept {
    addrinfo hints{};
    hints.ai_flags = (query.is_passive ? AI_PASSIVE : 0) |
                     (query.wants_canonical ? AI_CANONNAME : 0) |
                     (query.is_numeric_node ? AI_NUMERICHOST : 0) |
                     (query.is_numeric_service ? AI_NUMERICSERV : 0);
    hints.ai_family = ws::native_family(query.family);
    hints.ai_socktype = query.type;
    hints.ai_protocol = query.protocol;
    if (hints.ai_family < 0) {
        return WSAEAFNOSUPPORT;
    }
    addrinfo* found = nullptr;
    int error = 0;
    {
        const kernel::blocking_scope announced;
        error = ::getaddrinfo(query.node, query.service, &hints, &found);
    }
    if (error != 0) {
        return wsa_of_failure(error);
    }
    DWORD result = ERROR_SUCCESS;
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        kernel::socket_address address;
        address.bytes = std::min<socklen_t>(one->ai_addrlen, sizeof address.storage);
        std::memcpy(&address.storage, one->ai_addr, address.bytes);
        sockaddr_storage windows{};
        int bytes = sizeof windows;
        static_cast<void>(ws::write_address(address, &windows, bytes));
        const name_answer answer{ws::windows_family(one->ai_family),
                                 one->ai_socktype,
                                 one->ai_protocol,
                                 one->ai_canonname,
                                 &windows,
                                 static_cast<size_t>(bytes)};
        if (!visit(context, answer)) {
            result = WSA_NOT_ENOUGH_MEMORY;
            break;
        }
    }
    ::freeaddrinfo(found);
    return result;
}

int address_of_text(int family, const char* text, void* address) noexcept {
    const int native = ws::native_family(family);
    return native != AF_INET && native != AF_INET6 ? -1 : ::inet_pton(native, text, address);
}

const char*
text_of_address(int family, const void* address, char* text, size_t text_bytes) noexcept {
    const auto room = static_cast<socklen_t>(std::min<size_t>(text_bytes, INET6_ADDRSTRLEN));
    return ::inet_ntop(ws::native_family(family), address, text, room);
}

uint32_t ipv4_of_text(const char* text) noexcept {
    in_addr address;
    return ::inet_aton(text, &address) != 0 ? address.s_addr : INADDR_NONE;
}

} // namespace rp::nt
