// SPDX-License-Identifier: Apache-2.0
/* Sockets: what is documented and Wine does differently (R-SOCK-*). */
#include "tests/conformance/net_ex.h"

#include <dlfcn.h>

TEST("W32-WSA-17", "the process keeps libc's functions of the same name") {
    const char* names[] = {"socket", "send", "recv", "bind", "connect", "accept", "shutdown"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        Dl_info info;
        void* found = dlsym(RTLD_DEFAULT, names[i]);
        REQUIRE(found != NULL && dladdr(found, &info));
        CHECK(strstr(info.dli_fname, "ringpool") == NULL);
    }
    CHECK((void*)(ULONG_PTR)send != dlsym(RTLD_DEFAULT, "send"));
    CHECK((void*)(ULONG_PTR)send == dlsym(RTLD_DEFAULT, "rp_ws_send"));
}

TEST("R-SOCK-8", "a reset connection is WSAECONNRESET when it is told at once") {
    net_begin();
    struct connection c = connection_new();
    struct linger hard = {1, 0};
    char got[16];
    CHECK_EQ(setsockopt(c.near_end, SOL_SOCKET, SO_LINGER, (char*)&hard, sizeof hard), 0);
    CHECK_EQ(closesocket(c.near_end), 0);
    c.near_end = INVALID_SOCKET;
    CHECK_WSA(recv(c.far_end, got, sizeof got, 0), WSAECONNRESET);
    connection_end(&c);
    net_end();
}

TEST("R-SOCK-8", "sending and receiving without a connection") {
    net_begin();
    SOCKET s = tcp(), u = udp();
    char byte = 0;
    CHECK_WSA(send(s, &byte, 1, 0), WSAENOTCONN);
    CHECK_WSA(recv(s, &byte, 1, 0), WSAENOTCONN);
    CHECK_WSA(send(u, &byte, 1, 0), WSAENOTCONN);
    CHECK_WSA(shutdown(s, SD_SEND), WSAENOTCONN);
    closesocket(s);
    closesocket(u);
    net_end();
}

TEST("R-SOCK-8", "an overlapped send and a receive of nobody's datagrams fail at once") {
    net_begin();
    SOCKET s = tcp(), u = udp();
    struct job* j = job_new();
    char byte;
    CHECK_WSA(WSASend(s, &j->buffer, 1, NULL, 0, &j->ov, NULL), WSAENOTCONN);
    CHECK_WSA(recv(u, &byte, 1, 0), WSAEINVAL);
    CloseHandle(j->ov.hEvent);
    closesocket(s);
    closesocket(u);
    net_end();
}

TEST("R-SOCK-8", "a closed port told by ICMP is WSAECONNRESET on a connected datagram socket") {
    net_begin();
    SOCKET u = udp(), gone = udp();
    struct sockaddr_in to = bound(gone);
    char byte = 0;
    closesocket(gone);
    CHECK_EQ(connect(u, (struct sockaddr*)&to, sizeof to), 0);
    CHECK_EQ(send(u, "x", 1, 0), 1);
    CHECK_WSA(recv(u, &byte, 1, 0), WSAECONNRESET);
    closesocket(u);
    net_end();
}

static void accept_one(void* argument) {
    struct blocked* b = argument;
    b->result = accept(b->s, NULL, NULL) == INVALID_SOCKET ? SOCKET_ERROR : 0;
    b->error = WSAGetLastError();
}

TEST("W32-WSA-16", "closesocket ends a receive and an accept that wait") {
    net_begin();
    struct connection c = connection_new();
    struct sockaddr_in address;
    struct blocked* b = fresh(2 * sizeof *b);
    struct helper* h[2];
    b[0].s = c.far_end;
    b[1].s = listener(&address);
    h[0] = helper_start(receive_one, &b[0]);
    h[1] = helper_start(accept_one, &b[1]);
    CHECK(signaled(h[0]->started));
    CHECK(signaled(h[1]->started));
    CHECK(quiet(h[0]->finished));
    CHECK_EQ(closesocket(b[0].s), 0);
    CHECK_EQ(closesocket(b[1].s), 0);
    c.far_end = INVALID_SOCKET;
    for (int i = 0; i < 2; i++) {
        REQUIRE(helper_join(h[i]));
        CHECK_EQ(b[i].result, SOCKET_ERROR);
        /* Which of the three depends on how far the call had come. */
        CHECK(b[i].error == WSAEINTR || b[i].error == WSAECONNABORTED || b[i].error == WSAENOTSOCK);
    }
    connection_end(&c);
    net_end();
}

TEST("R-SOCK-4", "a large blocking send goes out whole") {
    enum { SIZE = 3 << 20 };

    net_begin();
    struct connection c = connection_new();
    struct job* j = job_new();
    char* out = fresh(SIZE);
    char* in = fresh(SIZE);
    WSABUF buffer = {SIZE, in};
    DWORD flags = MSG_WAITALL, bytes = 0;
    for (size_t i = 0; i < SIZE; i++)
        out[i] = (char)pattern_byte(i);
    CHECK(under_way(WSARecv(c.far_end, &buffer, 1, NULL, &flags, &j->ov, NULL)));
    CHECK_EQ(send(c.near_end, out, SIZE, 0), SIZE);
    CHECK_EQ(job_result(c.far_end, j, &bytes), 0);
    CHECK_EQ(bytes, SIZE);
    CHECK(pattern_matches(in, SIZE, 0));
    CHECK(CloseHandle(j->ov.hEvent));
    connection_end(&c);
    net_end();
}

TEST("R-SOCK-4", "a large overlapped send of several parts ends when all of it is accepted") {
    enum { SIZE = 1 << 20, PARTS = 3 };

    net_begin();
    struct connection c = connection_new();
    struct job* out = job_new();
    char* data = fresh(PARTS * SIZE);
    char* got = fresh(PARTS * SIZE);
    WSABUF array[PARTS];
    DWORD bytes = 0;
    for (size_t i = 0; i < PARTS * SIZE; i++)
        data[i] = (char)pattern_byte(i);
    for (int i = 0; i < PARTS; i++) {
        array[i].buf = data + i * SIZE;
        array[i].len = SIZE;
    }
    REQUIRE(under_way(WSASend(c.near_end, array, PARTS, NULL, 0, &out->ov, NULL)));
    CHECK_EQ(recv(c.far_end, got, PARTS * SIZE, MSG_WAITALL), PARTS * SIZE);
    CHECK_EQ(job_result(c.near_end, out, &bytes), 0);
    CHECK_EQ(bytes, PARTS * SIZE);
    CHECK(pattern_matches(got, PARTS * SIZE, 0));
    CloseHandle(out->ov.hEvent);
    connection_end(&c);
    net_end();
}

TEST("R-SOCK-10", "AcceptEx refuses what is no listener, no new socket, no room") {
    net_begin();
    struct sockaddr_in address;
    SOCKET l = listener(&address), a = tcp(), plain = tcp();
    struct job *j = job_new(), *other = job_new();
    struct connection c = connection_new();
    DWORD bytes;
    CHECK(!AcceptEx(plain, a, j->data, 0, BLOCK, BLOCK, &bytes, &j->ov));
    CHECK_EQ(WSAGetLastError(), WSAEINVAL);
    CHECK(!AcceptEx(l, c.near_end, j->data, 0, BLOCK, BLOCK, &bytes, &j->ov));
    CHECK_EQ(WSAGetLastError(), WSAEINVAL);
    CHECK(!AcceptEx(l, INVALID_SOCKET, j->data, 0, BLOCK, BLOCK, &bytes, &j->ov));
    CHECK_EQ(WSAGetLastError(), WSAENOTSOCK);
    CHECK(!AcceptEx(l, a, j->data, 0, BLOCK, BLOCK, &bytes, NULL));
    CHECK_EQ(WSAGetLastError(), ERROR_INVALID_PARAMETER);
    REQUIRE(accepts(l, a, j, 0));
    CHECK(!accepts(l, a, other, 0)); /* promised already */
    CHECK_EQ(WSAGetLastError(), WSAEINVAL);
    CHECK(CancelIoEx((HANDLE)l, &j->ov));
    CHECK_EQ(job_result(l, j, &bytes), WSA_OPERATION_ABORTED);
    CloseHandle(j->ov.hEvent);
    CloseHandle(other->ov.hEvent);
    closesocket(l);
    closesocket(a);
    closesocket(plain);
    connection_end(&c);
    net_end();
}

TEST("R-SOCK-12", "a refused ConnectEx may be tried again") {
    net_begin();
    find_extensions();
    struct sockaddr_in absent = nobody(), address;
    SOCKET s = tcp(), l = listener(&address);
    struct job *j = job_new(), *again = job_new();
    DWORD bytes = 0;
    bound(s);
    REQUIRE(connects(s, &absent, NULL, j));
    CHECK_EQ(job_result(s, j, &bytes), WSAECONNREFUSED);
    REQUIRE(connects(s, &address, NULL, again));
    CHECK_EQ(job_result(s, again, &bytes), 0);
    CloseHandle(j->ov.hEvent);
    CloseHandle(again->ov.hEvent);
    closesocket(s);
    closesocket(l);
    net_end();
}

TEST("R-SOCK-13", "DisconnectEx ends the connection, and the socket can connect again") {
    net_begin();
    find_extensions();
    struct sockaddr_in address;
    SOCKET l = listener(&address), s = tcp();
    struct job *j = job_new(), *end = job_new(), *again = job_new();
    DWORD bytes = 0;
    char got[4];
    CHECK(!disconnect_ex(s, NULL, 0, 0));
    CHECK_EQ(WSAGetLastError(), WSAENOTCONN);
    CHECK(!disconnect_ex(s, NULL, 0, 1));
    CHECK_EQ(WSAGetLastError(), WSAEINVAL);
    bound(s);
    REQUIRE(connects(s, &address, NULL, j));
    CHECK_EQ(job_result(s, j, &bytes), 0);
    CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL, 0), 0);
    SOCKET a = accept(l, NULL, NULL);
    REQUIRE(a != INVALID_SOCKET);
    CHECK(disconnect_ex(s, &end->ov, TF_REUSE_SOCKET, 0) || WSAGetLastError() == WSA_IO_PENDING);
    CHECK_EQ(recv(a, got, sizeof got, 0), 0);
    closesocket(a);
    CHECK_EQ(job_result(s, end, &bytes), 0);
    REQUIRE(connects(s, &address, NULL, again));
    CHECK_EQ(job_result(s, again, &bytes), 0);
    CloseHandle(j->ov.hEvent);
    CloseHandle(end->ov.hEvent);
    CloseHandle(again->ov.hEvent);
    closesocket(s);
    closesocket(l);
    net_end();
}
