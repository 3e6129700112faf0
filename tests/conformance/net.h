// SPDX-License-Identifier: Apache-2.0
#ifndef CONFORMANCE_NET_H
#define CONFORMANCE_NET_H
/* Sockets over the loopback, for the tests of socket*.c. */
#ifdef _WIN32
#include <winsock2.h>
#else
#define WIN32_LEAN_AND_MEAN
#endif
#include "tests/conformance/fixture.h"

#include <mswsock.h>

#include <winsock2.h>
#include <ws2tcpip.h>

UNUSED static void net_begin(void) {
    WSADATA data;
    if (WSAStartup(MAKEWORD(2, 2), &data))
        abort();
}

UNUSED static void net_end(void) {
    CHECK_EQ(WSACleanup(), 0);
}

UNUSED static struct sockaddr_in loopback(USHORT port) {
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

UNUSED static SOCKET tcp(void) {
    SOCKET s = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    if (s == INVALID_SOCKET)
        abort();
    return s;
}

UNUSED static SOCKET udp(void) {
    SOCKET s = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
    if (s == INVALID_SOCKET)
        abort();
    return s;
}

/* Binds to the loopback; the name it got. */
UNUSED static struct sockaddr_in bound(SOCKET s) {
    struct sockaddr_in address = loopback(0);
    int size = sizeof address;
    if (bind(s, (struct sockaddr*)&address, size) ||
        getsockname(s, (struct sockaddr*)&address, &size))
        abort();
    return address;
}

UNUSED static SOCKET listener(struct sockaddr_in* address) {
    SOCKET s = tcp();
    *address = bound(s);
    if (listen(s, SOMAXCONN))
        abort();
    return s;
}

/* A name nobody listens on. */
UNUSED static struct sockaddr_in nobody(void) {
    SOCKET s = tcp();
    struct sockaddr_in address = bound(s);
    closesocket(s);
    return address;
}

struct connection {
    SOCKET near_end, far_end;
};

UNUSED static struct connection connection_new(void) {
    struct connection c;
    struct sockaddr_in address;
    SOCKET l = listener(&address);
    c.near_end = tcp();
    if (connect(c.near_end, (struct sockaddr*)&address, sizeof address))
        abort();
    c.far_end = accept(l, NULL, NULL);
    if (c.far_end == INVALID_SOCKET || closesocket(l))
        abort();
    return c;
}

UNUSED static void connection_end(struct connection* c) {
    if (c->near_end != INVALID_SOCKET)
        CHECK_EQ(closesocket(c->near_end), 0);
    if (c->far_end != INVALID_SOCKET)
        CHECK_EQ(closesocket(c->far_end), 0);
}

/* The call must be SOCKET_ERROR with this code. */
#define CHECK_WSA(call, code)                                                                      \
    do {                                                                                           \
        WSASetLastError(0);                                                                        \
        CHECK_EQ((call), SOCKET_ERROR);                                                            \
        CHECK_EQ(WSAGetLastError(), code);                                                         \
    } while (0)

/* One overlapped operation with an event of its own. */
struct job {
    WSAOVERLAPPED ov;
    char data[256];
    WSABUF buffer;
    struct sockaddr_in from;
    int from_size;
};

UNUSED static struct job* job_new(void) {
    struct job* j = fresh(sizeof *j);
    j->ov.hEvent = manual_event();
    j->buffer.buf = j->data;
    j->buffer.len = sizeof j->data;
    j->from_size = sizeof j->from;
    return j;
}

/* TRUE: pending or done. */
UNUSED static int under_way(int result) {
    return result == 0 || WSAGetLastError() == WSA_IO_PENDING;
}

UNUSED static int job_receive(SOCKET s, struct job* j) {
    DWORD flags = 0;
    return under_way(WSARecv(s, &j->buffer, 1, NULL, &flags, &j->ov, NULL));
}

UNUSED static int job_send(SOCKET s, struct job* j, const char* text) {
    strncpy(j->data, text, sizeof j->data - 1);
    j->buffer.len = (ULONG)strlen(text);
    return under_way(WSASend(s, &j->buffer, 1, NULL, 0, &j->ov, NULL));
}

/* Waits; the WSA code of the result. */
UNUSED static int job_result(SOCKET s, struct job* j, DWORD* bytes) {
    DWORD flags = 0;
    *bytes = 0;
    if (!signaled(j->ov.hEvent))
        return -1;
    return WSAGetOverlappedResult(s, &j->ov, bytes, FALSE, &flags) ? 0 : WSAGetLastError();
}

UNUSED static void job_expect(SOCKET s, struct job* j, int code, const char* text) {
    DWORD bytes;
    CHECK_EQ(job_result(s, j, &bytes), code);
    CHECK_EQ(bytes, strlen(text));
    CHECK(!memcmp(j->data, text, strlen(text)));
    CHECK(CloseHandle(j->ov.hEvent));
}

/* A receive by another thread. */
struct blocked {
    SOCKET s;
    int result, error;
};

UNUSED static void receive_one(void* argument) {
    struct blocked* b = argument;
    char byte;
    b->result = recv(b->s, &byte, 1, 0);
    b->error = WSAGetLastError();
}
#endif
