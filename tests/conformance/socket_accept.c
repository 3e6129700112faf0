// SPDX-License-Identifier: Apache-2.0
/* AcceptEx, ConnectEx, DisconnectEx, and sockets on TP_IO and on completion ports (R-SOCK-*). */
#include "tests/conformance/net_ex.h"

/* ---- extensions ---------------------------------------------------------------------------------
 */

TEST("R-SOCK-12", "WSAIoctl finds the extensions, and no others") {
    const GUID accept_id = WSAID_ACCEPTEX, names_id = WSAID_GETACCEPTEXSOCKADDRS;
    GUID unknown = {1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};
    void* function;
    DWORD bytes;
    net_begin();
    find_extensions();
    SOCKET s = tcp();
    CHECK(extension(s, accept_id) != NULL);
    CHECK(extension(s, names_id) != NULL);
    CHECK_WSA(WSAIoctl(s,
                       SIO_GET_EXTENSION_FUNCTION_POINTER,
                       &unknown,
                       sizeof unknown,
                       &function,
                       sizeof function,
                       &bytes,
                       NULL,
                       NULL),
              WSAEINVAL);
    closesocket(s);
    net_end();
}

TEST("R-SOCK-10", "AcceptEx without room ends when a connection comes, with both addresses") {
    net_begin();
    struct sockaddr_in address, own;
    struct sockaddr *local = NULL, *remote = NULL;
    int local_size = 0, remote_size = 0, size = sizeof own;
    SOCKET l = listener(&address), a = tcp();
    struct job* j = job_new();
    DWORD bytes = 77;
    char got[4];
    REQUIRE(accepts(l, a, j, 0));
    CHECK(quiet(j->ov.hEvent));
    SOCKET s = connected_to(&address);
    CHECK_EQ(job_result(l, j, &bytes), 0);
    CHECK_EQ(bytes, 0);
    GetAcceptExSockaddrs(j->data, 0, BLOCK, BLOCK, &local, &local_size, &remote, &remote_size);
    CHECK_EQ(local_size, sizeof own);
    CHECK_EQ(remote_size, sizeof own);
    CHECK_EQ(getsockname(s, (struct sockaddr*)&own, &size), 0);
    CHECK_EQ(((struct sockaddr_in*)remote)->sin_port, own.sin_port);
    CHECK_EQ(((struct sockaddr_in*)local)->sin_port, address.sin_port);
    CHECK_EQ(setsockopt(a, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (char*)&l, sizeof l), 0);
    CHECK_EQ(getpeername(a, (struct sockaddr*)&own, &size), 0);
    CHECK_EQ(own.sin_port, ((struct sockaddr_in*)remote)->sin_port);
    CHECK_EQ(send(s, "abc", 3, 0), 3);
    CHECK_EQ(recv(a, got, 3, MSG_WAITALL), 3);
    CloseHandle(j->ov.hEvent);
    closesocket(a);
    closesocket(s);
    closesocket(l);
    net_end();
}

TEST("R-SOCK-10", "AcceptEx with room ends with the first data, and does not hold up others") {
    net_begin();
    struct sockaddr_in address;
    SOCKET l = listener(&address), a = tcp(), b = tcp();
    struct job *first = job_new(), *second = job_new();
    DWORD bytes = 0;
    REQUIRE(accepts(l, a, first, 100));
    SOCKET silent = connected_to(&address);
    CHECK(quiet(first->ov.hEvent));
    REQUIRE(accepts(l, b, second, 0));
    SOCKET s = connected_to(&address);
    CHECK_EQ(job_result(l, second, &bytes), 0);
    CHECK_EQ(send(silent, "hello", 5, 0), 5);
    job_expect(l, first, 0, "hello");
    CloseHandle(second->ov.hEvent);
    SOCKET all[] = {a, b, s, silent, l};
    for (int i = 0; i < 5; i++)
        closesocket(all[i]);
    net_end();
}

TEST("R-SOCK-15", "closing the listener ends its AcceptEx, and the socket can be used again") {
    net_begin();
    struct sockaddr_in address;
    SOCKET l = listener(&address), a = tcp();
    struct job *j = job_new(), *again = job_new();
    DWORD bytes;
    REQUIRE(accepts(l, a, j, 0));
    CHECK_EQ(closesocket(l), 0);
    CHECK(signaled(j->ov.hEvent));
    CHECK((DWORD)j->ov.Internal == 0xC0000120 || (DWORD)j->ov.Internal == 0xC000013B);
    l = listener(&address);
    REQUIRE(accepts(l, a, again, 0));
    SOCKET s = connected_to(&address);
    CHECK_EQ(job_result(l, again, &bytes), 0);
    CloseHandle(j->ov.hEvent);
    CloseHandle(again->ov.hEvent);
    closesocket(s);
    closesocket(a);
    closesocket(l);
    net_end();
}

TEST("R-SOCK-12", "ConnectEx wants a bound socket, connects it and sends the first data") {
    net_begin();
    find_extensions();
    struct sockaddr_in address, name;
    int size = sizeof name;
    SOCKET l = listener(&address), s = tcp();
    struct job* j = job_new();
    DWORD bytes = 0;
    char got[8] = "";
    CHECK(!connects(s, &address, NULL, j));
    CHECK_EQ(WSAGetLastError(), WSAEINVAL);
    bound(s);
    REQUIRE(connects(s, &address, "first", j));
    CHECK_EQ(job_result(s, j, &bytes), 0);
    CHECK_EQ(bytes, 5);
    CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL, 0), 0);
    CHECK_EQ(getpeername(s, (struct sockaddr*)&name, &size), 0);
    SOCKET a = accept(l, NULL, NULL);
    REQUIRE(a != INVALID_SOCKET);
    CHECK_EQ(recv(a, got, 5, MSG_WAITALL), 5);
    CHECK(!memcmp(got, "first", 5));
    CloseHandle(j->ov.hEvent);
    closesocket(a);
    closesocket(s);
    closesocket(l);
    net_end();
}

TEST("R-SOCK-12", "a refused ConnectEx is WSAECONNREFUSED, and 1225 as a Win32 error") {
    net_begin();
    find_extensions();
    struct sockaddr_in absent = nobody();
    SOCKET s = tcp();
    struct job* j = job_new();
    DWORD bytes = 0;
    bound(s);
    REQUIRE(connects(s, &absent, NULL, j));
    CHECK_EQ(job_result(s, j, &bytes), WSAECONNREFUSED);
    CHECK_FAILS(GetOverlappedResult((HANDLE)s, &j->ov, &bytes, FALSE), ERROR_CONNECTION_REFUSED);
    CloseHandle(j->ov.hEvent);
    closesocket(s);
    net_end();
}

/* ---- on TP_IO and ports ------------------------------------------------------------------------
 */

struct server {
    struct probe* p;
    SOCKET listen_socket, accepted;
    PTP_IO accept_io, io;
    struct job *accept_job, *job;
    HANDLE done;
    ULONG result;
};

static VOID CALLBACK on_received(PTP_CALLBACK_INSTANCE instance,
                                 PVOID context,
                                 PVOID overlapped,
                                 ULONG result,
                                 ULONG_PTR bytes,
                                 PTP_IO io) {
    struct server* s = context;
    (void)instance;
    (void)overlapped;
    (void)io;
    s->result = result;
    if (!result)
        CHECK_EQ(send(s->accepted, s->job->data, (int)bytes, 0), bytes);
    SetEvent(s->done);
}

static VOID CALLBACK on_accepted(PTP_CALLBACK_INSTANCE instance,
                                 PVOID context,
                                 PVOID overlapped,
                                 ULONG result,
                                 ULONG_PTR bytes,
                                 PTP_IO io) {
    struct server* s = context;
    (void)instance;
    (void)overlapped;
    (void)io;
    CHECK_EQ(result, 0);
    CHECK_EQ(bytes, 0);
    SOCKET l = s->listen_socket;
    CHECK_EQ(setsockopt(s->accepted, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (char*)&l, sizeof l), 0);
    StartThreadpoolIo(s->io);
    CHECK(job_receive(s->accepted, s->job));
}

TEST("R-SOCK-10", "an echo server of TP_IO: AcceptEx, WSARecv, and the reset as 64") {
    net_begin();
    struct server* s = fresh(sizeof *s);
    struct sockaddr_in address;
    struct linger hard = {1, 0};
    char got[8] = "";
    s->p = probe_new(0, 2);
    s->done = auto_event();
    s->listen_socket = listener(&address);
    s->accepted = tcp();
    s->accept_job = job_new();
    s->job = job_new();
    s->accept_io = CreateThreadpoolIo((HANDLE)s->listen_socket, on_accepted, s, &s->p->env);
    s->io = CreateThreadpoolIo((HANDLE)s->accepted, on_received, s, &s->p->env);
    REQUIRE(s->accept_io && s->io);
    StartThreadpoolIo(s->accept_io);
    REQUIRE(accepts(s->listen_socket, s->accepted, s->accept_job, 0));
    SOCKET client = connected_to(&address);
    CHECK_EQ(send(client, "echo", 4, 0), 4);
    CHECK_EQ(recv(client, got, 4, MSG_WAITALL), 4);
    CHECK(!memcmp(got, "echo", 4));
    CHECK(signaled(s->done));
    CHECK_EQ(s->result, 0);
    StartThreadpoolIo(s->io);
    REQUIRE(job_receive(s->accepted, s->job));
    CHECK_EQ(setsockopt(client, SOL_SOCKET, SO_LINGER, (char*)&hard, sizeof hard), 0);
    CHECK_EQ(closesocket(client), 0);
    CHECK(signaled(s->done));
    CHECK_EQ(s->result, ERROR_NETNAME_DELETED);
    WaitForThreadpoolIoCallbacks(s->io, FALSE);
    CloseThreadpoolIo(s->io);
    CloseThreadpoolIo(s->accept_io);
    closesocket(s->accepted);
    closesocket(s->listen_socket);
    CloseHandle(s->accept_job->ov.hEvent);
    CloseHandle(s->job->ov.hEvent);
    CloseHandle(s->done);
    probe_end(s->p);
    net_end();
}

TEST("R-IOCP-8", "receives of two sockets end as packets of one port") {
    net_begin();
    struct connection c = connection_new();
    HANDLE port = CreateIoCompletionPort((HANDLE)c.near_end, NULL, 1, 1);
    REQUIRE(port != NULL);
    REQUIRE(CreateIoCompletionPort((HANDLE)c.far_end, port, 2, 0) == port);
    struct job *one = job_new(), *two = job_new();
    DWORD bytes;
    ULONG_PTR key;
    OVERLAPPED* ov;
    REQUIRE(job_receive(c.near_end, one));
    REQUIRE(job_receive(c.far_end, two));
    CHECK_EQ(send(c.near_end, "abc", 3, 0), 3);
    CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, WAIT_LIMIT_MS));
    CHECK_EQ(key, 2);
    CHECK_EQ(bytes, 3);
    CHECK(ov == &two->ov);
    CHECK_EQ(closesocket(c.far_end), 0);
    c.far_end = INVALID_SOCKET;
    CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, WAIT_LIMIT_MS));
    CHECK_EQ(key, 1);
    CHECK_EQ(bytes, 0);
    CHECK(ov == &one->ov);
    CloseHandle(one->ov.hEvent);
    CloseHandle(two->ov.hEvent);
    connection_end(&c);
    CHECK(CloseHandle(port));
    net_end();
}
