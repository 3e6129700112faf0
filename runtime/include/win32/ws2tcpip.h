/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_WS2TCPIP_H
#define RINGPOOL_WIN32_WS2TCPIP_H
/* Windows Sockets over TCP/IP: IPv6 addresses, options of the protocols, names. */
#include <winsock2.h>

#define IP_TOS 3
#define IP_TTL 4
#define IPV6_UNICAST_HOPS 4
#define IPV6_V6ONLY 27

#define INET_ADDRSTRLEN 22
#define INET6_ADDRSTRLEN 65

#define AI_PASSIVE 0x00000001
#define AI_CANONNAME 0x00000002
#define AI_NUMERICHOST 0x00000004
#define AI_NUMERICSERV 0x00000008

#define WSAHOST_NOT_FOUND 11001
#define WSATRY_AGAIN 11002
#define WSANO_RECOVERY 11003
#define WSATYPE_NOT_FOUND 10109
#define EAI_AGAIN WSATRY_AGAIN
#define EAI_BADFLAGS WSAEINVAL
#define EAI_FAIL WSANO_RECOVERY
#define EAI_FAMILY WSAEAFNOSUPPORT
#define EAI_MEMORY WSA_NOT_ENOUGH_MEMORY
#define EAI_NONAME WSAHOST_NOT_FOUND
#define EAI_SERVICE WSATYPE_NOT_FOUND
#define EAI_SOCKTYPE WSAESOCKTNOSUPPORT

#ifdef __cplusplus
extern "C" {
#endif

typedef struct in6_addr {
    union {
        u_char Byte[16];
        u_short Word[8];
    } u;
} IN6_ADDR, *PIN6_ADDR, *LPIN6_ADDR;

#define s6_addr u.Byte
#define s6_bytes u.Byte
#define s6_words u.Word

struct sockaddr_in6 {
    short sin6_family;
    u_short sin6_port;
    u_long sin6_flowinfo;
    struct in6_addr sin6_addr;
    u_long sin6_scope_id;
};

typedef struct sockaddr_in6 SOCKADDR_IN6, *PSOCKADDR_IN6, *LPSOCKADDR_IN6;

typedef struct addrinfo {
    int ai_flags;
    int ai_family;
    int ai_socktype;
    int ai_protocol;
    size_t ai_addrlen;
    char* ai_canonname;
    struct sockaddr* ai_addr;
    struct addrinfo* ai_next;
} ADDRINFOA, *PADDRINFOA;

typedef ADDRINFOA ADDRINFO, *LPADDRINFO;

WINSOCK_API_LINKAGE INT WSAAPI inet_pton(INT Family, LPCSTR pStringBuf, PVOID pAddr)
    RINGPOOL_WS_SYMBOL(inet_pton);
WINSOCK_API_LINKAGE LPCSTR WSAAPI inet_ntop(INT Family,
                                            LPCVOID pAddr,
                                            LPSTR pStringBuf,
                                            size_t StringBufSIze) RINGPOOL_WS_SYMBOL(inet_ntop);
WINSOCK_API_LINKAGE int WSAAPI getaddrinfo(const char* nodename,
                                           const char* servname,
                                           const struct addrinfo* hints,
                                           struct addrinfo** res) RINGPOOL_WS_SYMBOL(getaddrinfo);
WINSOCK_API_LINKAGE void WSAAPI freeaddrinfo(LPADDRINFO pAddrInfo) RINGPOOL_WS_SYMBOL(freeaddrinfo);

#ifdef __cplusplus
}
#endif
#endif
