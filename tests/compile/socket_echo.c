/* SPDX-License-Identifier: Apache-2.0 */
/* A complete Windows program: an echo server on a completion port, and a client that asks it. */
#include <mswsock.h>
#include <stdio.h>
#include <string.h>

#include <winsock2.h>
#include <ws2tcpip.h>

enum { ADDRESS_BYTES = sizeof(struct sockaddr_in) + 16, QUESTIONS = 100 };

typedef enum { STEP_ACCEPTED, STEP_RECEIVED, STEP_SENT } STEP;

typedef struct CONNECTION {
    WSAOVERLAPPED ov;
    STEP step;
    SOCKET s;
    char addresses[2 * ADDRESS_BYTES];
    char data[512];
} CONNECTION;

static int failed(const char* what) {
    printf("%s: error %d\n", what, WSAGetLastError());
    return 1;
}

static int is_started(int result) {
    return result == 0 || WSAGetLastError() == WSA_IO_PENDING;
}

static int receive(CONNECTION* c) {
    WSABUF buffer = {sizeof c->data, c->data};
    DWORD flags = 0;
    memset(&c->ov, 0, sizeof c->ov);
    c->step = STEP_RECEIVED;
    return is_started(WSARecv(c->s, &buffer, 1, NULL, &flags, &c->ov, NULL));
}

static int answer(CONNECTION* c, DWORD bytes) {
    WSABUF buffer = {bytes, c->data};
    memset(&c->ov, 0, sizeof c->ov);
    c->step = STEP_SENT;
    return is_started(WSASend(c->s, &buffer, 1, NULL, 0, &c->ov, NULL));
}

/* Runs as a callback of the thread pool: serves one connection until the peer closes it. */
static VOID CALLBACK serve(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    HANDLE port = context;
    (void)instance;
    for (;;) {
        DWORD bytes;
        ULONG_PTR key;
        LPOVERLAPPED ov;
        if (!GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE)) {
            return;
        }
        CONNECTION* c = CONTAINING_RECORD(ov, CONNECTION, ov);
        if (c->step == STEP_RECEIVED && bytes == 0) {
            closesocket(c->s);
            return;
        }
        if (!(c->step == STEP_RECEIVED ? answer(c, bytes) : receive(c))) {
            return;
        }
    }
}

static int ask(const struct sockaddr_in* server) {
    char question[32], got[32];
    SOCKET s = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    if (connect(s, (const struct sockaddr*)server, sizeof *server)) {
        return failed("connect");
    }
    for (int i = 0; i < QUESTIONS; i++) {
        int size = snprintf(question, sizeof question, "question %d", i), have = 0;
        if (send(s, question, size, 0) != size) {
            return failed("send");
        }
        while (have < size) {
            int more = recv(s, got + have, size - have, 0);
            if (more <= 0) {
                return failed("recv");
            }
            have += more;
        }
        if (memcmp(question, got, (size_t)size)) {
            return failed("compare");
        }
    }
    return closesocket(s) ? failed("closesocket") : 0;
}

int main(void) {
    static CONNECTION c;
    WSADATA data;
    struct sockaddr_in name;
    int size = sizeof name;
    DWORD bytes;
    memset(&name, 0, sizeof name);
    name.sin_family = AF_INET;
    if (WSAStartup(MAKEWORD(2, 2), &data) || inet_pton(AF_INET, "127.0.0.1", &name.sin_addr) != 1) {
        return failed("WSAStartup");
    }
    SOCKET listener = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    HANDLE port = CreateIoCompletionPort((HANDLE)listener, NULL, 0, 0);
    c.s = WSASocketA(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
    if (!port || CreateIoCompletionPort((HANDLE)c.s, port, 0, 0) != port) {
        return failed("CreateIoCompletionPort");
    }
    if (bind(listener, (struct sockaddr*)&name, size) ||
        getsockname(listener, (struct sockaddr*)&name, &size) || listen(listener, SOMAXCONN)) {
        return failed("listen");
    }
    if (!AcceptEx(listener, c.s, c.addresses, 0, ADDRESS_BYTES, ADDRESS_BYTES, &bytes, &c.ov) &&
        WSAGetLastError() != WSA_IO_PENDING) {
        return failed("AcceptEx");
    }
    if (!TrySubmitThreadpoolCallback(serve, port, NULL) || ask(&name)) {
        return 1;
    }
    closesocket(listener);
    CloseHandle(port);
    WSACleanup();
    printf("%d questions answered\n", QUESTIONS);
    return 0;
}
