// SPDX-License-Identifier: Apache-2.0
/* Every function that takes a socket, with everything that is none. */
#include "tests/conformance/net_ex.h"

static char byte_of_data;
static int room;
static u_long answer;
static DWORD moved, flags;
static struct sockaddr_in name;
static struct job* unused_job;

static WSABUF* buffer(void) {
    static WSABUF one;
    one.buf = &byte_of_data;
    one.len = 1;
    return &one;
}

static struct sockaddr* any_name(void) {
    name = loopback(9);
    room = sizeof name;
    return (struct sockaddr*)&name;
}

static int ask_for_extension(SOCKET s) {
    GUID id = WSAID_CONNECTEX;
    void* found;
    return WSAIoctl(s,
                    SIO_GET_EXTENSION_FUNCTION_POINTER,
                    &id,
                    sizeof id,
                    &found,
                    sizeof found,
                    &moved,
                    NULL,
                    NULL);
}

static BOOL accept_ex(SOCKET listening, SOCKET accepting) {
    return AcceptEx(
        listening, accepting, unused_job->data, 0, BLOCK, BLOCK, &moved, &unused_job->ov);
}

static SOCKET good; /* listens */

/* The calls, each returning whether it succeeded. */
#define CALL(name, expression)                                                                     \
    static BOOL call_##name(SOCKET s) {                                                            \
        return (expression) ? TRUE : FALSE;                                                        \
    }

CALL(accept, accept(s, NULL, NULL) != INVALID_SOCKET)
CALL(bind, bind(s, any_name(), sizeof name) == 0)
CALL(closesocket, closesocket(s) == 0)
CALL(connect, connect(s, any_name(), sizeof name) == 0)
CALL(getpeername, getpeername(s, any_name(), &room) == 0)
CALL(getsockname, getsockname(s, any_name(), &room) == 0)
CALL(getsockopt, (room = 1, getsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &byte_of_data, &room)) == 0)
CALL(setsockopt, setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, (char*)&answer, sizeof(int)) == 0)
CALL(ioctlsocket, ioctlsocket(s, FIONBIO, &answer) == 0)
CALL(listen, listen(s, 1) == 0)
CALL(recv, recv(s, &byte_of_data, 1, 0) >= 0)
CALL(recvfrom, recvfrom(s, &byte_of_data, 1, 0, any_name(), &room) >= 0)
CALL(send, send(s, &byte_of_data, 1, 0) >= 0)
CALL(sendto, sendto(s, &byte_of_data, 1, 0, any_name(), sizeof name) >= 0)
CALL(shutdown, shutdown(s, SD_BOTH) == 0)
CALL(WSASend, WSASend(s, buffer(), 1, &moved, 0, NULL, NULL) == 0)
CALL(WSARecv, WSARecv(s, buffer(), 1, &moved, &flags, NULL, NULL) == 0)
CALL(WSASendTo, WSASendTo(s, buffer(), 1, &moved, 0, any_name(), sizeof name, NULL, NULL) == 0)
CALL(WSARecvFrom, WSARecvFrom(s, buffer(), 1, &moved, &flags, any_name(), &room, NULL, NULL) == 0)
CALL(WSAGetOverlappedResult, WSAGetOverlappedResult(s, &unused_job->ov, &moved, FALSE, &flags))
CALL(WSAIoctl, ask_for_extension(s) == 0)
CALL(AcceptEx_listening, accept_ex(s, good))
CALL(AcceptEx_accepting, accept_ex(good, s))
CALL(ConnectEx, connects(s, &name, NULL, unused_job))
CALL(DisconnectEx, disconnect_ex(s, NULL, 0, 0))

static const struct function {
    const char* name;
    BOOL (*call)(SOCKET);
} functions[] = {
    {"accept", call_accept},
    {"bind", call_bind},
    {"closesocket", call_closesocket},
    {"connect", call_connect},
    {"getpeername", call_getpeername},
    {"getsockname", call_getsockname},
    {"getsockopt", call_getsockopt},
    {"setsockopt", call_setsockopt},
    {"ioctlsocket", call_ioctlsocket},
    {"listen", call_listen},
    {"recv", call_recv},
    {"recvfrom", call_recvfrom},
    {"send", call_send},
    {"sendto", call_sendto},
    {"shutdown", call_shutdown},
    {"WSASend", call_WSASend},
    {"WSARecv", call_WSARecv},
    {"WSASendTo", call_WSASendTo},
    {"WSARecvFrom", call_WSARecvFrom},
    {"WSAGetOverlappedResult", call_WSAGetOverlappedResult},
    {"WSAIoctl", call_WSAIoctl},
    {"AcceptEx, to listen", call_AcceptEx_listening},
    {"AcceptEx, to accept", call_AcceptEx_accepting},
    {"ConnectEx", call_ConnectEx},
    {"DisconnectEx", call_DisconnectEx},
};

static int is_taken(const struct function* f, SOCKET s, const char* what) {
    WSASetLastError(0);
    BOOL ok = f->call(s);
    int error = WSAGetLastError();
    if (!ok && error == WSAENOTSOCK)
        return 0;
    printf("  %s takes %s: %d, error %d\n", f->name, what, ok, error);
    return 1;
}

TEST("R-SOCK-8", "every function refuses what is no socket with WSAENOTSOCK") {
    const char* file_name = temp_name();
    int taken = 0;
    struct sockaddr_in address;
    net_begin();
    find_extensions();
    good = listener(&address);
    unused_job = fresh(sizeof *unused_job);
    HANDLE event = manual_event();
    HANDLE file = open_file(file_name,
                            GENERIC_READ | GENERIC_WRITE,
                            CREATE_NEW,
                            FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        SOCKET closed = tcp();
        CHECK_EQ(closesocket(closed), 0);
        taken += is_taken(&functions[i], closed, "a closed socket");
        taken += is_taken(&functions[i], INVALID_SOCKET, "INVALID_SOCKET");
        taken += is_taken(&functions[i], 0, "0");
        taken += is_taken(&functions[i], (SOCKET)event, "an event");
        taken += is_taken(&functions[i], (SOCKET)file, "a file");
    }
    CHECK_EQ(taken, 0);
    CHECK_EQ(closesocket(good), 0);
    CHECK(CloseHandle(event));
    CHECK(CloseHandle(file));
    net_end();
}
