/* SPDX-License-Identifier: Apache-2.0 */
/* A server on a completion port: worker threads of its own take completions of all pipe instances
 * from one port. A request is a line of numbers, the answer is their sum. */
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSTANCES 2
#define WORKERS 2
#define CLIENTS 3
#define REQUESTS 20
#define PIPE_NAME "\\\\.\\pipe\\ringpool_port_server"
#define MODE (PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED)

typedef enum STEP { CONNECTED, RECEIVED, SENT } STEP;

typedef struct INSTANCE {
    OVERLAPPED Overlapped;
    STEP Step; /* what the next completion means */
    HANDLE Pipe;
    char Data[128];
} INSTANCE;

static INSTANCE Instances[INSTANCES];
static HANDLE Port;
static volatile LONG Served;

/* An instance has one operation under way at any time, so one worker at a time has it. */
static void Connect(INSTANCE* instance) {
    ZeroMemory(&instance->Overlapped, sizeof(OVERLAPPED));
    instance->Step = CONNECTED;
    while (!ConnectNamedPipe(instance->Pipe, &instance->Overlapped)) {
        DWORD error = GetLastError();
        if (error == ERROR_IO_PENDING)
            return;
        if (error == ERROR_PIPE_CONNECTED) { /* the client was faster: nothing will complete */
            PostQueuedCompletionStatus(Port, 0, (ULONG_PTR)instance, &instance->Overlapped);
            return;
        }
        if (error != ERROR_NO_DATA) /* it came, and went again */
            ExitProcess(2);
        DisconnectNamedPipe(instance->Pipe);
    }
}

static BOOL Transfer(INSTANCE* instance, STEP step) {
    LPOVERLAPPED overlapped = &instance->Overlapped;
    char* data = instance->Data;
    BOOL ok;
    ZeroMemory(overlapped, sizeof(OVERLAPPED));
    instance->Step = step;
    ok = step == RECEIVED
             ? ReadFile(instance->Pipe, data, sizeof instance->Data - 1, NULL, overlapped)
             : WriteFile(instance->Pipe, data, (DWORD)strlen(data), NULL, overlapped);
    return ok || GetLastError() == ERROR_IO_PENDING;
}

static void Answer(INSTANCE* instance, DWORD bytes) {
    long sum = 0;
    char* at = instance->Data;
    instance->Data[bytes] = '\0';
    for (char* end; *at; at = end + (*end != '\0'))
        sum += strtol(at, &end, 10);
    snprintf(instance->Data, sizeof instance->Data, "%ld\n", sum);
    InterlockedIncrement(&Served);
}

static DWORD WINAPI Work(LPVOID Parameter) {
    UNREFERENCED_PARAMETER(Parameter);
    for (;;) {
        DWORD bytes;
        ULONG_PTR key;
        LPOVERLAPPED overlapped;
        BOOL ok = GetQueuedCompletionStatus(Port, &bytes, &key, &overlapped, INFINITE);
        INSTANCE* instance = (INSTANCE*)key;
        if (overlapped == NULL)
            return ok && key == 0 ? 0 : 1; /* main has posted the end, or the port is broken */
        if (ok && instance->Step == RECEIVED)
            Answer(instance, bytes);
        if (ok && Transfer(instance, instance->Step == RECEIVED ? SENT : RECEIVED))
            continue;
        DisconnectNamedPipe(instance->Pipe); /* the client has left: take the next one */
        Connect(instance);
    }
}

static HANDLE OpenPipe(void) {
    for (;;) {
        HANDLE pipe =
            CreateFileA(PIPE_NAME, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
        if (pipe != INVALID_HANDLE_VALUE || GetLastError() != ERROR_PIPE_BUSY)
            return pipe;
        WaitNamedPipeA(PIPE_NAME, NMPWAIT_WAIT_FOREVER);
    }
}

/* Returns how many answers were right. */
static DWORD WINAPI RunClient(LPVOID Parameter) {
    HANDLE pipe = OpenPipe();
    int first = (int)(INT_PTR)Parameter;
    DWORD right = 0, bytes;
    char line[128];
    for (int i = 0; i < REQUESTS; i++) {
        int size = snprintf(line, sizeof line, "%d %d 1000", first, i);
        if (!WriteFile(pipe, line, (DWORD)size, &bytes, NULL) ||
            !ReadFile(pipe, line, sizeof line - 1, &bytes, NULL))
            break;
        line[bytes] = '\0';
        right += strtol(line, NULL, 10) == first + i + 1000;
    }
    CloseHandle(pipe);
    return right;
}

int main(void) {
    HANDLE workers[WORKERS], clients[CLIENTS];
    Port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, WORKERS);
    for (INSTANCE* instance = Instances; instance < Instances + INSTANCES; instance++) {
        instance->Pipe =
            CreateNamedPipeA(PIPE_NAME, MODE, PIPE_TYPE_BYTE, INSTANCES, 512, 512, 0, NULL);
        if (instance->Pipe == INVALID_HANDLE_VALUE ||
            CreateIoCompletionPort(instance->Pipe, Port, (ULONG_PTR)instance, 0) != Port)
            return 1;
        Connect(instance);
    }
    for (int i = 0; i < WORKERS; i++)
        workers[i] = CreateThread(NULL, 0, Work, NULL, 0, NULL);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = CreateThread(NULL, 0, RunClient, (LPVOID)(INT_PTR)(100 * i), 0, NULL);
    WaitForMultipleObjects(CLIENTS, clients, TRUE, INFINITE);
    for (int i = 0; i < WORKERS; i++)
        PostQueuedCompletionStatus(Port, 0, 0, NULL);
    WaitForMultipleObjects(WORKERS, workers, TRUE, INFINITE);

    for (int i = 0; i < CLIENTS; i++) {
        DWORD right;
        GetExitCodeThread(clients[i], &right);
        printf("client %d: %u right answers\n", i, (unsigned)right);
        CloseHandle(clients[i]);
    }
    for (int i = 0; i < INSTANCES; i++)
        CloseHandle(Instances[i].Pipe);
    for (int i = 0; i < WORKERS; i++)
        CloseHandle(workers[i]);
    CloseHandle(Port);
    printf("%d requests served\n", (int)Served);
    return 0;
}
