// SPDX-License-Identifier: Apache-2.0
// Byte order, addresses as text, and names of hosts.
#include "kernel_iface/nt/resolve.hpp"
#include "runtime/export.hpp"
#include "runtime/winsock/startup.hpp"

#include <cstdlib>
#include <cstring>

#include <ws2tcpip.h>

namespace nt = rp::nt;
using rp::winsock::checked;

namespace {

/// One answer with everything it points to: one allocation, freed by freeaddrinfo.
struct answer_node {
    addrinfo info;
    sockaddr_storage address;
    char canonical[1]; // as long as the name
};

struct answer_list {
    addrinfo* first = nullptr;
    addrinfo** end = &first;
};

bool append(void* context, const nt::name_answer& answer) noexcept {
    auto& list = *static_cast<answer_list*>(context);
    const size_t name_bytes = answer.canonical != nullptr ? std::strlen(answer.canonical) + 1 : 0;
    auto* node = static_cast<answer_node*>(std::calloc(1, sizeof(answer_node) + name_bytes));
    if (node == nullptr) {
        return false;
    }
    node->info.ai_family = answer.family;
    node->info.ai_socktype = answer.type;
    node->info.ai_protocol = answer.protocol;
    node->info.ai_addrlen = answer.address_bytes;
    node->info.ai_addr = reinterpret_cast<sockaddr*>(&node->address);
    std::memcpy(&node->address, answer.address, answer.address_bytes);
    if (answer.canonical != nullptr) {
        std::memcpy(node->canonical, answer.canonical, name_bytes);
        node->info.ai_canonname = node->canonical;
    }
    *list.end = &node->info;
    list.end = &node->info.ai_next;
    return true;
}

} // namespace

RP_EXPORT u_long WSAAPI htonl(u_long hostlong) {
    return __builtin_bswap32(hostlong);
}

RP_EXPORT u_long WSAAPI ntohl(u_long netlong) {
    return __builtin_bswap32(netlong);
}

RP_EXPORT u_short WSAAPI htons(u_short hostshort) {
    return __builtin_bswap16(hostshort);
}

RP_EXPORT u_short WSAAPI ntohs(u_short netshort) {
    return __builtin_bswap16(netshort);
}

RP_EXPORT ULONG WSAAPI inet_addr(const char* cp) {
    return cp != nullptr ? nt::ipv4_of_text(cp) : INADDR_NONE;
}

RP_EXPORT INT WSAAPI inet_pton(INT Family, LPCSTR pStringBuf, PVOID pAddr) {
    const nt::errno_keeper keeper;
    if (pStringBuf == nullptr || pAddr == nullptr) {
        nt::set_last_error(WSAEFAULT);
        return -1;
    }
    const int result = nt::address_of_text(Family, pStringBuf, pAddr);
    if (result < 0) {
        nt::set_last_error(WSAEAFNOSUPPORT);
    }
    return result;
}

RP_EXPORT LPCSTR WSAAPI inet_ntop(INT Family,
                                  LPCVOID pAddr,
                                  LPSTR pStringBuf,
                                  size_t StringBufSIze) {
    const nt::errno_keeper keeper;
    if (Family != AF_INET && Family != AF_INET6) {
        nt::set_last_error(WSAEAFNOSUPPORT);
        return nullptr;
    }
    LPCSTR text = nullptr;
    if (pAddr != nullptr && pStringBuf != nullptr) {
        text = nt::text_of_address(Family, pAddr, pStringBuf, StringBufSIze);
    }
    if (text == nullptr) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
    }
    return text;
}

/// The code is the result and the last error.
RP_EXPORT int WSAAPI getaddrinfo(const char* nodename,
                                 const char* servname,
                                 const struct addrinfo* hints,
                                 struct addrinfo** res) {
    answer_list list;
    const int result = checked([&]() -> DWORD {
        if (res == nullptr) {
            return WSAEFAULT;
        }
        *res = nullptr;
        constexpr int known = AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_NUMERICSERV;
        nt::name_query query;
        query.node = nodename;
        query.service = servname;
        if (hints != nullptr) {
            if ((hints->ai_flags & ~known) != 0) {
                return EAI_BADFLAGS;
            }
            query.is_passive = (hints->ai_flags & AI_PASSIVE) != 0;
            query.wants_canonical = (hints->ai_flags & AI_CANONNAME) != 0;
            query.is_numeric_node = (hints->ai_flags & AI_NUMERICHOST) != 0;
            query.is_numeric_service = (hints->ai_flags & AI_NUMERICSERV) != 0;
            query.family = hints->ai_family;
            query.type = hints->ai_socktype;
            query.protocol = hints->ai_protocol;
        }
        return nt::resolve(query, append, &list);
    });
    if (result != 0) {
        freeaddrinfo(list.first);
        return WSAGetLastError();
    }
    *res = list.first;
    return 0;
}

RP_EXPORT void WSAAPI freeaddrinfo(LPADDRINFO pAddrInfo) {
    while (pAddrInfo != nullptr) {
        addrinfo* following = pAddrInfo->ai_next;
        std::free(pAddrInfo);
        pAddrInfo = following;
    }
}
