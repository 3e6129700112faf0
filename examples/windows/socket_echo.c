/* SPDX-License-Identifier: Apache-2.0 */
/* A TCP echo server on TP_IO objects: AcceptEx takes connections one after the other while each of
 * them is served on the thread pool. The clients are in the same program. */
#include <mswsock.h>
#include <stdio.h>
#include <string.h>

#include <winsock2.h>
#include <ws2tcpip.h>

#define CLIENTS 4
#define QUESTIONS 25
#define ADDRESS_BYTES (sizeof(struct sockaddr_in) + 16)

typedef enum STEP { ACCEPTED, RECEIVED, SENT } STEP;

typedef struct CONNECTION {
    OVERLAPPED Overlapped; /* first, so that the callback finds its connection */
    STEP Step;             /* what the next completion means */
    SOCKET Socket;
    PTP_IO Io;
    char Addresses[2 * ADDRESS_BYTES];
    char Data[256];
} CONNECTION;

static CONNECTION Connections[CLIENTS];
static SOCKET Listener;
static PTP_IO ListenerIo;
static struct sockaddr_in Server;
static volatile LONG Answers, Closed;
static HANDLE AllClosed;

/* Each start announces a callback; a call that fails at once takes the announcement back. */
static void Start(CONNECTION* connection, STEP step, DWORD bytes) {
    PTP_IO io = step == ACCEPTED ? ListenerIo : connection->Io;
    SOCKET s = connection->Socket;
    WSABUF buffer = {bytes, connection->Data};
    DWORD flags = 0, received;
    LPOVERLAPPED ov = &connection->Overlapped;
    BOOL ok;
    ZeroMemory(ov, sizeof *ov);
    connection->Step = step;
    StartThreadpoolIo(io);
    if (step == ACCEPTED)
        ok = AcceptEx(
            Listener, s, connection->Addresses, 0, ADDRESS_BYTES, ADDRESS_BYTES, &received, ov);
    else if (step == RECEIVED)
        ok = WSARecv(s, &buffer, 1, NULL, &flags, ov, NULL) == 0;
    else
        ok = WSASend(s, &buffer, 1, NULL, 0, ov, NULL) == 0;
    if (!ok && WSAGetLastError() != WSA_IO_PENDING) {
        CancelThreadpoolIo(io);
        ExitProcess(2);
    }
}

static void AcceptNext(CONNECTION* connection) {
    connection->Socket =
        WSASocketA(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
    Start(connection, ACCEPTED, 0);
}

static VOID CALLBACK OnCompletion(PTP_CALLBACK_INSTANCE Instance,
                                  PVOID Context,
                                  PVOID Overlapped,
                                  ULONG IoResult,
                                  ULONG_PTR Bytes,
                                  PTP_IO Io) {
    CONNECTION* connection = (CONNECTION*)Overlapped;
    SOCKET s = connection->Socket;
    const char* listener = (const char*)&Listener;
    UNREFERENCED_PARAMETER(Context);
    if (IoResult != NO_ERROR)
        ExitProcess(3);
    if (connection->Step == ACCEPTED) {
        if (connection + 1 < Connections + CLIENTS)
            AcceptNext(connection + 1);
        if (setsockopt(s, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, listener, sizeof Listener) != 0)
            ExitProcess(4);
        connection->Io = CreateThreadpoolIo((HANDLE)s, OnCompletion, NULL, NULL);
        if (!connection->Io)
            ExitProcess(5);
        Start(connection, RECEIVED, sizeof connection->Data);
    } else if (connection->Step == SENT) {
        InterlockedIncrement(&Answers);
        Start(connection, RECEIVED, sizeof connection->Data);
    } else if (Bytes > 0) {
        Start(connection, SENT, (DWORD)Bytes);
    } else { /* the client has closed its end */
        closesocket(s);
        CloseThreadpoolIo(Io);
        if (InterlockedIncrement(&Closed) == CLIENTS)
            SetEventWhenCallbackReturns(Instance, AllClosed);
    }
}

static BOOL Listen(void) {
    int size = sizeof Server;
    Server.sin_family = AF_INET;
    if (inet_pton(AF_INET, "127.0.0.1", &Server.sin_addr) != 1)
        return FALSE;
    Listener = WSASocketA(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
    if (Listener == INVALID_SOCKET || bind(Listener, (struct sockaddr*)&Server, size) ||
        getsockname(Listener, (struct sockaddr*)&Server, &size) || listen(Listener, SOMAXCONN))
        return FALSE;
    ListenerIo = CreateThreadpoolIo((HANDLE)Listener, OnCompletion, NULL, NULL);
    if (ListenerIo)
        AcceptNext(&Connections[0]);
    return ListenerIo != NULL;
}

/* How many of its questions come back as they were sent. */
static int Ask(int client) {
    char question[32], answer[32];
    int good = 0;
    SOCKET s = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    if (s == INVALID_SOCKET || connect(s, (const struct sockaddr*)&Server, sizeof Server))
        return -1;
    for (int i = 0; i < QUESTIONS; i++) {
        int size = snprintf(question, sizeof question, "client %d, question %d", client, i);
        int have = 0, more = send(s, question, size, 0) == size;
        while (more > 0 && have < size) {
            more = recv(s, answer + have, size - have, 0);
            have += more;
        }
        good += have == size && memcmp(question, answer, (size_t)size) == 0;
    }
    closesocket(s);
    return good;
}

int main(void) {
    WSADATA data;
    AllClosed = CreateEventA(NULL, TRUE, FALSE, NULL);
    if (!AllClosed || WSAStartup(MAKEWORD(2, 2), &data) || !Listen())
        return 1;
    for (int client = 0; client < CLIENTS; client++)
        printf("client %d: %d answers\n", client, Ask(client));
    WaitForSingleObject(AllClosed, INFINITE);
    WaitForThreadpoolIoCallbacks(ListenerIo, FALSE);
    CloseThreadpoolIo(ListenerIo);
    closesocket(Listener);
    WSACleanup();
    CloseHandle(AllClosed);
    printf("%d answers, %d connections closed\n", (int)Answers, (int)Closed);
    return 0;
}
