/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_WINSOCK2_H
#define RINGPOOL_WIN32_WINSOCK2_H
/* Windows Sockets (R-SOCK-*). A SOCKET is the value of a HANDLE: CreateThreadpoolIo((HANDLE)s,
 * ...), CreateIoCompletionPort and CancelIoEx take it.
 *
 * Constants have Windows's values, not those of this platform (AF_INET6 is 23), and so have the
 * family members of addresses. Functions that libc has under the same name (socket, send, ...) are
 * declared here under that name but bound to symbols of their own, rp_ws_socket and so on: a
 * Windows source compiles as it is, and the rest of the process keeps libc's. What cannot be had is
 * both in one source file: this header and <sys/socket.h> describe different sockets. */
#if defined(_SYS_SOCKET_H) || defined(_NETINET_IN_H) || defined(_ARPA_INET_H)
#error "<winsock2.h> and <sys/socket.h> describe different sockets: include one of them in a source"
#endif
#include <windows.h>

#include <guiddef.h>
#include <sys/types.h>

#define WINSOCK_API_LINKAGE WINBASEAPI
#define WSAAPI WINAPI
#define RINGPOOL_WS_SYMBOL(name) __asm__("rp_ws_" #name)

/* <sys/types.h> has the same three; its u_long has 64 bits. */
typedef unsigned char u_char;
typedef unsigned short u_short;
typedef unsigned int u_int;
#define u_long ULONG

#ifdef __cplusplus
extern "C" {
#endif

typedef UINT_PTR SOCKET;
typedef unsigned int GROUP;

#define INVALID_SOCKET (SOCKET)(~0)
#define SOCKET_ERROR (-1)

#define WSADESCRIPTION_LEN 256
#define WSASYS_STATUS_LEN 128

typedef struct WSAData {
    WORD wVersion;
    WORD wHighVersion;
    unsigned short iMaxSockets;
    unsigned short iMaxUdpDg;
    char* lpVendorInfo;
    char szDescription[WSADESCRIPTION_LEN + 1];
    char szSystemStatus[WSASYS_STATUS_LEN + 1];
} WSADATA, *LPWSADATA;

/* ---- constants -------------------------------------------------------------------------------
 */

#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 23
#define PF_UNSPEC AF_UNSPEC
#define PF_UNIX AF_UNIX
#define PF_INET AF_INET
#define PF_INET6 AF_INET6

#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3

#define IPPROTO_IP 0
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_IPV6 41

#define SOL_SOCKET 0xffff
#define SO_DEBUG 0x0001
#define SO_ACCEPTCONN 0x0002
#define SO_REUSEADDR 0x0004
#define SO_KEEPALIVE 0x0008
#define SO_DONTROUTE 0x0010
#define SO_BROADCAST 0x0020
#define SO_LINGER 0x0080
#define SO_OOBINLINE 0x0100
#define SO_DONTLINGER (int)(~SO_LINGER)
#define SO_EXCLUSIVEADDRUSE ((int)(~SO_REUSEADDR))
#define SO_SNDBUF 0x1001
#define SO_RCVBUF 0x1002
#define SO_SNDTIMEO 0x1005
#define SO_RCVTIMEO 0x1006
#define SO_ERROR 0x1007
#define SO_TYPE 0x1008
#define TCP_NODELAY 0x0001

#define SOMAXCONN 0x7fffffff

#define MSG_OOB 0x1
#define MSG_PEEK 0x2
#define MSG_DONTROUTE 0x4
#define MSG_WAITALL 0x8
#define MSG_PARTIAL 0x8000

#define SD_RECEIVE 0x00
#define SD_SEND 0x01
#define SD_BOTH 0x02

#define WSA_FLAG_OVERLAPPED 0x01
#define WSA_FLAG_NO_HANDLE_INHERIT 0x80

#define IOCPARM_MASK 0x7f
#define IOC_VOID 0x20000000
#define IOC_OUT 0x40000000
#define IOC_IN 0x80000000u
#define IOC_INOUT (IOC_IN | IOC_OUT)
#define IOC_WS2 0x08000000
#define FIONREAD 0x4004667Fu
#define FIONBIO 0x8004667Eu
#define SIO_GET_EXTENSION_FUNCTION_POINTER (IOC_INOUT | IOC_WS2 | 6)

#define INADDR_ANY (u_long)0x00000000
#define INADDR_LOOPBACK 0x7f000001
#define INADDR_BROADCAST (u_long)0xffffffff
#define INADDR_NONE 0xffffffff

/* ---- structures ------------------------------------------------------------------------------
 */

typedef struct in_addr {
    union {
        struct {
            u_char s_b1, s_b2, s_b3, s_b4;
        } S_un_b;

        struct {
            u_short s_w1, s_w2;
        } S_un_w;

        u_long S_addr;
    } S_un;
} IN_ADDR, *PIN_ADDR, *LPIN_ADDR;

#define s_addr S_un.S_addr
#define s_net S_un.S_un_b.s_b1
#define s_host S_un.S_un_b.s_b2
#define s_lh S_un.S_un_b.s_b3
#define s_impno S_un.S_un_b.s_b4
#define s_imp S_un.S_un_w.s_w2

struct sockaddr {
    u_short sa_family;
    char sa_data[14];
};

struct sockaddr_in {
    short sin_family;
    u_short sin_port;
    struct in_addr sin_addr;
    char sin_zero[8];
};

struct sockaddr_storage {
    short ss_family;
    char __ss_pad1[6];
    __extension__ long long __ss_align;
    char __ss_pad2[112];
};

typedef struct sockaddr SOCKADDR, *PSOCKADDR, *LPSOCKADDR;
typedef struct sockaddr_in SOCKADDR_IN, *PSOCKADDR_IN, *LPSOCKADDR_IN;
typedef struct sockaddr_storage SOCKADDR_STORAGE, *PSOCKADDR_STORAGE, *LPSOCKADDR_STORAGE;

struct linger {
    u_short l_onoff;
    u_short l_linger;
};

typedef struct linger LINGER, *PLINGER, *LPLINGER;

typedef struct _WSABUF {
    ULONG len;
    CHAR* buf;
} WSABUF, *LPWSABUF;

typedef OVERLAPPED WSAOVERLAPPED;
typedef LPOVERLAPPED LPWSAOVERLAPPED;
#define WSAEVENT HANDLE

typedef void(CALLBACK* LPWSAOVERLAPPED_COMPLETION_ROUTINE)(DWORD dwError,
                                                           DWORD cbTransferred,
                                                           LPWSAOVERLAPPED lpOverlapped,
                                                           DWORD dwFlags);

/* Descriptions of protocols cannot be made here; a null pointer to one is what programs pass. */
typedef struct _WSAPROTOCOL_INFOA* LPWSAPROTOCOL_INFOA;
typedef struct _WSAPROTOCOL_INFOW* LPWSAPROTOCOL_INFOW;

/* ---- functions -------------------------------------------------------------------------------
 */

WINSOCK_API_LINKAGE int WSAAPI WSAStartup(WORD wVersionRequested, LPWSADATA lpWSAData);
WINSOCK_API_LINKAGE int WSAAPI WSACleanup(void);
WINSOCK_API_LINKAGE int WSAAPI WSAGetLastError(void);
WINSOCK_API_LINKAGE void WSAAPI WSASetLastError(int iError);

WINSOCK_API_LINKAGE SOCKET WSAAPI socket(int af, int type, int protocol) RINGPOOL_WS_SYMBOL(socket);
WINSOCK_API_LINKAGE SOCKET WSAAPI WSASocketA(
    int af, int type, int protocol, LPWSAPROTOCOL_INFOA lpProtocolInfo, GROUP g, DWORD dwFlags);
WINSOCK_API_LINKAGE SOCKET WSAAPI WSASocketW(
    int af, int type, int protocol, LPWSAPROTOCOL_INFOW lpProtocolInfo, GROUP g, DWORD dwFlags);
#ifdef UNICODE
#define WSASocket WSASocketW
#else
#define WSASocket WSASocketA
#endif
WINSOCK_API_LINKAGE int WSAAPI closesocket(SOCKET s);
WINSOCK_API_LINKAGE int WSAAPI bind(SOCKET s, const struct sockaddr* name, int namelen)
    RINGPOOL_WS_SYMBOL(bind);
WINSOCK_API_LINKAGE int WSAAPI listen(SOCKET s, int backlog) RINGPOOL_WS_SYMBOL(listen);
WINSOCK_API_LINKAGE SOCKET WSAAPI accept(SOCKET s, struct sockaddr* addr, int* addrlen)
    RINGPOOL_WS_SYMBOL(accept);
WINSOCK_API_LINKAGE int WSAAPI connect(SOCKET s, const struct sockaddr* name, int namelen)
    RINGPOOL_WS_SYMBOL(connect);
WINSOCK_API_LINKAGE int WSAAPI shutdown(SOCKET s, int how) RINGPOOL_WS_SYMBOL(shutdown);
WINSOCK_API_LINKAGE int WSAAPI send(SOCKET s, const char* buf, int len, int flags)
    RINGPOOL_WS_SYMBOL(send);
WINSOCK_API_LINKAGE int WSAAPI recv(SOCKET s, char* buf, int len, int flags)
    RINGPOOL_WS_SYMBOL(recv);
WINSOCK_API_LINKAGE int WSAAPI
sendto(SOCKET s, const char* buf, int len, int flags, const struct sockaddr* to, int tolen)
    RINGPOOL_WS_SYMBOL(sendto);
WINSOCK_API_LINKAGE int WSAAPI
recvfrom(SOCKET s, char* buf, int len, int flags, struct sockaddr* from, int* fromlen)
    RINGPOOL_WS_SYMBOL(recvfrom);
WINSOCK_API_LINKAGE int WSAAPI ioctlsocket(SOCKET s, LONG cmd, u_long* argp);
WINSOCK_API_LINKAGE int WSAAPI getsockopt(
    SOCKET s, int level, int optname, char* optval, int* optlen) RINGPOOL_WS_SYMBOL(getsockopt);
WINSOCK_API_LINKAGE int WSAAPI
setsockopt(SOCKET s, int level, int optname, const char* optval, int optlen)
    RINGPOOL_WS_SYMBOL(setsockopt);
WINSOCK_API_LINKAGE int WSAAPI getsockname(SOCKET s, struct sockaddr* name, int* namelen)
    RINGPOOL_WS_SYMBOL(getsockname);
WINSOCK_API_LINKAGE int WSAAPI getpeername(SOCKET s, struct sockaddr* name, int* namelen)
    RINGPOOL_WS_SYMBOL(getpeername);

WINSOCK_API_LINKAGE int WSAAPI WSASend(SOCKET s,
                                       LPWSABUF lpBuffers,
                                       DWORD dwBufferCount,
                                       LPDWORD lpNumberOfBytesSent,
                                       DWORD dwFlags,
                                       LPWSAOVERLAPPED lpOverlapped,
                                       LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine);
WINSOCK_API_LINKAGE int WSAAPI WSARecv(SOCKET s,
                                       LPWSABUF lpBuffers,
                                       DWORD dwBufferCount,
                                       LPDWORD lpNumberOfBytesRecvd,
                                       LPDWORD lpFlags,
                                       LPWSAOVERLAPPED lpOverlapped,
                                       LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine);
WINSOCK_API_LINKAGE int WSAAPI WSASendTo(SOCKET s,
                                         LPWSABUF lpBuffers,
                                         DWORD dwBufferCount,
                                         LPDWORD lpNumberOfBytesSent,
                                         DWORD dwFlags,
                                         const struct sockaddr* lpTo,
                                         int iTolen,
                                         LPWSAOVERLAPPED lpOverlapped,
                                         LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine);
WINSOCK_API_LINKAGE int WSAAPI WSARecvFrom(SOCKET s,
                                           LPWSABUF lpBuffers,
                                           DWORD dwBufferCount,
                                           LPDWORD lpNumberOfBytesRecvd,
                                           LPDWORD lpFlags,
                                           struct sockaddr* lpFrom,
                                           LPINT lpFromlen,
                                           LPWSAOVERLAPPED lpOverlapped,
                                           LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine);
WINSOCK_API_LINKAGE BOOL WSAAPI WSAGetOverlappedResult(
    SOCKET s, LPWSAOVERLAPPED lpOverlapped, LPDWORD lpcbTransfer, BOOL fWait, LPDWORD lpdwFlags);
WINSOCK_API_LINKAGE int WSAAPI WSAIoctl(SOCKET s,
                                        DWORD dwIoControlCode,
                                        LPVOID lpvInBuffer,
                                        DWORD cbInBuffer,
                                        LPVOID lpvOutBuffer,
                                        DWORD cbOutBuffer,
                                        LPDWORD lpcbBytesReturned,
                                        LPWSAOVERLAPPED lpOverlapped,
                                        LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine);

WINSOCK_API_LINKAGE u_long WSAAPI htonl(u_long hostlong) RINGPOOL_WS_SYMBOL(htonl);
WINSOCK_API_LINKAGE u_long WSAAPI ntohl(u_long netlong) RINGPOOL_WS_SYMBOL(ntohl);
WINSOCK_API_LINKAGE u_short WSAAPI htons(u_short hostshort) RINGPOOL_WS_SYMBOL(htons);
WINSOCK_API_LINKAGE u_short WSAAPI ntohs(u_short netshort) RINGPOOL_WS_SYMBOL(ntohs);
WINSOCK_API_LINKAGE ULONG WSAAPI inet_addr(const char* cp) RINGPOOL_WS_SYMBOL(inet_addr);

#ifdef __cplusplus
}
#endif
#endif
