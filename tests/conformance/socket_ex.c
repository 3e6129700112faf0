// SPDX-License-Identifier: Apache-2.0
/* Overlapped sockets: WSASend, WSARecv and their kin (R-SOCK-*). The extensions are in
 * socket_accept.c. */
#include "tests/conformance/net.h"

/* ---- sends and receives -----------------------------------------------------------------------
 */

TEST("R-SOCK-1", "an overlapped receive ends when data arrives") {
    net_begin();
    struct connection c = connection_new();
    struct job *in = job_new(), *out = job_new();
    REQUIRE(job_receive(c.far_end, in));
    CHECK(job_send(c.near_end, out, "hello"));
    job_expect(c.near_end, out, 0, "hello");
    job_expect(c.far_end, in, 0, "hello");
    connection_end(&c);
    net_end();
}

TEST("R-SOCK-9", "a result that is not there yet is WSA_IO_INCOMPLETE") {
    net_begin();
    struct connection c = connection_new();
    struct job* in = job_new();
    DWORD bytes, flags;
    REQUIRE(job_receive(c.far_end, in));
    WSASetLastError(0);
    CHECK(!WSAGetOverlappedResult(c.far_end, &in->ov, &bytes, FALSE, &flags));
    CHECK_EQ(WSAGetLastError(), WSA_IO_INCOMPLETE);
    CHECK_EQ(send(c.near_end, "x", 1, 0), 1);
    CHECK(WSAGetOverlappedResult(c.far_end, &in->ov, &bytes, TRUE, &flags));
    CHECK_EQ(bytes, 1);
    CHECK(CloseHandle(in->ov.hEvent));
    connection_end(&c);
    net_end();
}

TEST("R-SOCK-3", "an overlapped receive of the end of the stream is 0 bytes") {
    net_begin();
    struct connection c = connection_new();
    struct job* in = job_new();
    REQUIRE(job_receive(c.far_end, in));
    CHECK_EQ(shutdown(c.near_end, SD_SEND), 0);
    job_expect(c.far_end, in, 0, "");
    connection_end(&c);
    net_end();
}

TEST("R-SOCK-3", "a receive without room ends when there is data, and takes none") {
    net_begin();
    struct connection c = connection_new();
    struct job* in = job_new();
    char got[4];
    in->buffer.len = 0;
    REQUIRE(job_receive(c.far_end, in));
    CHECK(quiet(in->ov.hEvent));
    CHECK_EQ(send(c.near_end, "abc", 3, 0), 3);
    job_expect(c.far_end, in, 0, "");
    CHECK_EQ(recv(c.far_end, got, 3, MSG_WAITALL), 3);
    connection_end(&c);
    net_end();
}

TEST("R-SOCK-2", "the array of buffers may be gone, the parts are filled in order") {
    net_begin();
    struct connection c = connection_new();
    struct job *in = job_new(), *out = job_new();
    char* parts = fresh(30);
    DWORD flags = MSG_WAITALL, bytes = 0;
    WSABUF array[12];
    for (int i = 0; i < 12; i++) {
        array[i].buf = parts + 2 * i;
        array[i].len = i == 5 ? 0 : 2;
    }
    REQUIRE(under_way(WSARecv(c.far_end, array, 12, NULL, &flags, &in->ov, NULL)));
    memset(array, 0xee, sizeof array);
    array[0].buf = (char*)"abcdefghij";
    array[0].len = 10;
    array[1].buf = (char*)"klmnopqrstuv";
    array[1].len = 12;
    REQUIRE(under_way(WSASend(c.near_end, array, 2, NULL, 0, &out->ov, NULL)));
    memset(array, 0xee, sizeof array);
    CHECK_EQ(job_result(c.near_end, out, &bytes), 0);
    CHECK_EQ(bytes, 22);
    CHECK_EQ(job_result(c.far_end, in, &bytes), 0);
    CHECK_EQ(bytes, 22);
    CHECK(!memcmp(parts, "abcdefghij", 10));
    CHECK(!memcmp(parts + 12, "klmnopqrstuv", 12));
    CloseHandle(in->ov.hEvent);
    CloseHandle(out->ov.hEvent);
    connection_end(&c);
    net_end();
}

TEST("R-SOCK-4", "receives are filled in posting order") {
    enum { JOBS = 8 };

    net_begin();
    struct connection c = connection_new();
    struct job* in[JOBS];
    for (int i = 0; i < JOBS; i++) {
        in[i] = job_new();
        in[i]->buffer.len = 1;
        REQUIRE(job_receive(c.far_end, in[i]));
    }
    CHECK_EQ(send(c.near_end, "01234567", JOBS, 0), JOBS);
    for (int i = 0; i < JOBS; i++) {
        char text[2] = {(char)('0' + i), 0};
        job_expect(c.far_end, in[i], 0, text);
    }
    connection_end(&c);
    net_end();
}

TEST("R-SOCK-8", "a reset is WSAECONNRESET by WSAGetOverlappedResult, 64 by GetOverlappedResult") {
    net_begin();
    struct connection c = connection_new();
    struct job* in = job_new();
    struct linger hard = {1, 0};
    DWORD bytes = 0;
    REQUIRE(job_receive(c.far_end, in));
    CHECK_EQ(setsockopt(c.near_end, SOL_SOCKET, SO_LINGER, (char*)&hard, sizeof hard), 0);
    CHECK_EQ(closesocket(c.near_end), 0);
    c.near_end = INVALID_SOCKET;
    CHECK_EQ(job_result(c.far_end, in, &bytes), WSAECONNRESET);
    CHECK_FAILS(GetOverlappedResult((HANDLE)c.far_end, &in->ov, &bytes, FALSE),
                ERROR_NETNAME_DELETED);
    CloseHandle(in->ov.hEvent);
    connection_end(&c);
    net_end();
}

TEST("R-CANCEL-1", "CancelIoEx ends a receive with WSA_OPERATION_ABORTED") {
    net_begin();
    struct connection c = connection_new();
    struct job* in = job_new();
    REQUIRE(job_receive(c.far_end, in));
    CHECK(CancelIoEx((HANDLE)c.far_end, &in->ov));
    job_expect(c.far_end, in, WSA_OPERATION_ABORTED, "");
    connection_end(&c);
    net_end();
}

TEST("R-SOCK-15", "closesocket ends pending receives, whose results still come") {
    net_begin();
    struct connection c = connection_new();
    struct job* in = job_new();
    REQUIRE(job_receive(c.far_end, in));
    CHECK_EQ(closesocket(c.far_end), 0);
    c.far_end = INVALID_SOCKET;
    CHECK(signaled(in->ov.hEvent));
    CHECK(HasOverlappedIoCompleted(&in->ov));
    CHECK((DWORD)in->ov.Internal >= 0x80000000u);
    CloseHandle(in->ov.hEvent);
    connection_end(&c);
    net_end();
}

TEST("R-SOCK-1", "a call that fails at once") {
    net_begin();
    SOCKET s = tcp();
    struct job* j = job_new();
    DWORD flags = 0;
    CHECK_WSA(WSARecv(s, &j->buffer, 1, NULL, &flags, &j->ov, NULL), WSAENOTCONN);
    CHECK_WSA(WSARecv(s, &j->buffer, 1, NULL, NULL, &j->ov, NULL), WSAEFAULT);
    CHECK_WSA(WSARecv(INVALID_SOCKET, &j->buffer, 1, NULL, &flags, &j->ov, NULL), WSAENOTSOCK);
    CloseHandle(j->ov.hEvent);
    closesocket(s);
    net_end();
}

TEST("R-SOCK-6", "an overlapped datagram, its sender, and one that is too large") {
    net_begin();
    SOCKET a = udp(), b = udp();
    struct sockaddr_in from = bound(a), to = bound(b);
    struct job *in = job_new(), *out = job_new(), *small = job_new();
    DWORD flags = 0, bytes = 0;
    REQUIRE(under_way(WSARecvFrom(b,
                                  &in->buffer,
                                  1,
                                  NULL,
                                  &flags,
                                  (struct sockaddr*)&in->from,
                                  &in->from_size,
                                  &in->ov,
                                  NULL)));
    strcpy(out->data, "ping");
    out->buffer.len = 4;
    REQUIRE(under_way(
        WSASendTo(a, &out->buffer, 1, NULL, 0, (struct sockaddr*)&to, sizeof to, &out->ov, NULL)));
    job_expect(a, out, 0, "ping");
    job_expect(b, in, 0, "ping");
    CHECK_EQ(in->from_size, sizeof in->from);
    CHECK_EQ(in->from.sin_family, AF_INET);
    CHECK_EQ(in->from.sin_port, from.sin_port);
    small->buffer.len = 2;
    flags = 0;
    REQUIRE(job_receive(b, small));
    CHECK_EQ(sendto(a, "abcd", 4, 0, (struct sockaddr*)&to, sizeof to), 4);
    CHECK_EQ(job_result(b, small, &bytes), WSAEMSGSIZE);
    CHECK_EQ((DWORD)small->ov.Internal, 0x80000005);
    CHECK_EQ(small->ov.InternalHigh, 2);
    CHECK(!memcmp(small->data, "ab", 2));
    CloseHandle(small->ov.hEvent);
    closesocket(a);
    closesocket(b);
    net_end();
}

TEST("W32-WSA-6", "ReadFile and WriteFile work on a socket") {
    net_begin();
    struct connection c = connection_new();
    struct job *in = job_new(), *out = job_new();
    CHECK(ReadFile((HANDLE)c.far_end, in->data, 16, NULL, &in->ov) ||
          GetLastError() == ERROR_IO_PENDING);
    CHECK(WriteFile((HANDLE)c.near_end, "file", 4, NULL, &out->ov) ||
          GetLastError() == ERROR_IO_PENDING);
    job_expect(c.far_end, in, 0, "file");
    CHECK(signaled(out->ov.hEvent));
    CloseHandle(out->ov.hEvent);
    connection_end(&c);
    net_end();
}
