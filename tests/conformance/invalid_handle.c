// SPDX-License-Identifier: Apache-2.0
/* Every function that takes the handle of a kernel object, with every handle that is not of its
 * kind: NULL, closed, never given out, and one of each other kind. Pseudo-handles are apart. */
#include "tests/conformance/fixture.h"

enum kind { EVENT, SEMAPHORE, MUTEX, TIMER, DISK_FILE, PIPE, PORT, THREAD, PROCESS, KINDS };

static const char* const kind_names[KINDS] = {"an event",
                                              "a semaphore",
                                              "a mutex",
                                              "a timer",
                                              "a file",
                                              "a pipe",
                                              "a port",
                                              "a thread",
                                              "a process"};

#define BIT(kind) (1u << (kind))
#define FILES (BIT(DISK_FILE) | BIT(PIPE))
#define ALL (BIT(KINDS) - 1)

static DWORD scratch;
static BYTE one_byte;
static LARGE_INTEGER number;
static OVERLAPPED overlapped;

static void CALLBACK apc_nothing(ULONG_PTR argument) {
    (void)argument;
}

static void CALLBACK io_done(DWORD error, DWORD bytes, OVERLAPPED* ov) {
    (void)error;
    (void)bytes;
    (void)ov;
}

static HANDLE good; /* an event */

static BOOL wait_for_two(HANDLE h) {
    HANDLE both[2] = {good, h};
    return WaitForMultipleObjects(2, both, FALSE, 0) != WAIT_FAILED;
}

static BOOL signal_and_wait(HANDLE signalled, HANDLE waited) {
    return SignalObjectAndWait(signalled, waited, 0, FALSE) != WAIT_FAILED;
}

static BOOL duplicate(HANDLE h) {
    HANDLE made;
    HANDLE self = GetCurrentProcess();
    return DuplicateHandle(self, h, self, &made, 0, FALSE, DUPLICATE_SAME_ACCESS);
}

static BOOL dequeue(HANDLE h) {
    ULONG_PTR key;
    OVERLAPPED* ov;
    return GetQueuedCompletionStatus(h, &scratch, &key, &ov, 0);
}

static BOOL dequeue_many(HANDLE h) {
    OVERLAPPED_ENTRY entry;
    ULONG count_of;
    return GetQueuedCompletionStatusEx(h, &entry, 1, &count_of, 0, FALSE);
}

/* The calls, each returning whether it succeeded. */
#define CALL(name, expression)                                                                     \
    static BOOL call_##name(HANDLE h) {                                                            \
        return (expression) ? TRUE : FALSE;                                                        \
    }

CALL(SetEvent, SetEvent(h))
CALL(ResetEvent, ResetEvent(h))
CALL(PulseEvent, PulseEvent(h))
CALL(ReleaseSemaphore, ReleaseSemaphore(h, 1, NULL))
CALL(ReleaseMutex, ReleaseMutex(h))
CALL(SetWaitableTimer, SetWaitableTimer(h, &number, 0, NULL, NULL, FALSE))
CALL(SetWaitableTimerEx, SetWaitableTimerEx(h, &number, 0, NULL, NULL, NULL, 0))
CALL(CancelWaitableTimer, CancelWaitableTimer(h))
CALL(ReadFile, ReadFile(h, &one_byte, 1, &scratch, NULL))
CALL(WriteFile, WriteFile(h, &one_byte, 1, &scratch, NULL))
CALL(ReadFileEx, ReadFileEx(h, &one_byte, 1, &overlapped, io_done))
CALL(WriteFileEx, WriteFileEx(h, &one_byte, 1, &overlapped, io_done))
CALL(FlushFileBuffers, FlushFileBuffers(h))
CALL(CancelIo, CancelIo(h))
CALL(CancelIoEx, CancelIoEx(h, NULL))
CALL(SetFileCompletionNotificationModes, SetFileCompletionNotificationModes(h, 0))
CALL(SetFilePointer, SetFilePointer(h, 0, NULL, FILE_CURRENT) != INVALID_SET_FILE_POINTER)
CALL(SetFilePointerEx, SetFilePointerEx(h, number, NULL, FILE_CURRENT))
CALL(GetFileSizeEx, GetFileSizeEx(h, &number))
CALL(GetFileType, GetFileType(h) != FILE_TYPE_UNKNOWN)
CALL(ConnectNamedPipe, ConnectNamedPipe(h, NULL))
CALL(DisconnectNamedPipe, DisconnectNamedPipe(h))
CALL(CreateThreadpoolIo, CreateThreadpoolIo(h, io_nothing, NULL, NULL))
CALL(GetQueuedCompletionStatus, dequeue(h))
CALL(GetQueuedCompletionStatusEx, dequeue_many(h))
CALL(PostQueuedCompletionStatus, PostQueuedCompletionStatus(h, 0, 0, NULL))
CALL(CreateIoCompletionPort, CreateIoCompletionPort(h, NULL, 0, 0))
CALL(ResumeThread, ResumeThread(h) != (DWORD)-1)
CALL(GetExitCodeThread, GetExitCodeThread(h, &scratch))
CALL(GetThreadId, GetThreadId(h))
CALL(QueueUserAPC, QueueUserAPC(apc_nothing, h, 0))
CALL(GetExitCodeProcess, GetExitCodeProcess(h, &scratch))
CALL(GetProcessId, GetProcessId(h))
CALL(WaitForSingleObject, WaitForSingleObject(h, 0) != WAIT_FAILED)
CALL(WaitForSingleObjectEx, WaitForSingleObjectEx(h, 0, TRUE) != WAIT_FAILED)
CALL(WaitForMultipleObjects, wait_for_two(h))
CALL(SignalObjectAndWait_signal, signal_and_wait(h, good))
CALL(SignalObjectAndWait_wait, signal_and_wait(good, h))
CALL(DuplicateHandle, duplicate(h))
CALL(CloseHandle, CloseHandle(h))

static const struct function {
    const char* name;
    BOOL (*call)(HANDLE);
    unsigned kinds; /* that it takes, or is not asked about */
} functions[] = {
    {"SetEvent", call_SetEvent, BIT(EVENT)},
    {"ResetEvent", call_ResetEvent, BIT(EVENT)},
    {"PulseEvent", call_PulseEvent, BIT(EVENT)},
    {"ReleaseSemaphore", call_ReleaseSemaphore, BIT(SEMAPHORE)},
    {"ReleaseMutex", call_ReleaseMutex, BIT(MUTEX)},
    {"SetWaitableTimer", call_SetWaitableTimer, BIT(TIMER)},
    {"SetWaitableTimerEx", call_SetWaitableTimerEx, BIT(TIMER)},
    {"CancelWaitableTimer", call_CancelWaitableTimer, BIT(TIMER)},
    {"ReadFile", call_ReadFile, FILES},
    {"WriteFile", call_WriteFile, FILES},
    {"ReadFileEx", call_ReadFileEx, FILES},
    {"WriteFileEx", call_WriteFileEx, FILES},
    {"FlushFileBuffers", call_FlushFileBuffers, FILES},
    {"SetFileCompletionNotificationModes", call_SetFileCompletionNotificationModes, FILES},
    {"SetFilePointer", call_SetFilePointer, FILES},
    {"SetFilePointerEx", call_SetFilePointerEx, FILES},
    {"GetFileSizeEx", call_GetFileSizeEx, FILES},
    {"GetFileType", call_GetFileType, FILES},
    {"ConnectNamedPipe", call_ConnectNamedPipe, FILES},
    {"DisconnectNamedPipe", call_DisconnectNamedPipe, FILES},
    {"CreateThreadpoolIo", call_CreateThreadpoolIo, FILES},
    {"GetQueuedCompletionStatus", call_GetQueuedCompletionStatus, BIT(PORT)},
    {"GetQueuedCompletionStatusEx", call_GetQueuedCompletionStatusEx, BIT(PORT)},
    {"PostQueuedCompletionStatus", call_PostQueuedCompletionStatus, BIT(PORT)},
    {"CreateIoCompletionPort", call_CreateIoCompletionPort, FILES},
    {"ResumeThread", call_ResumeThread, BIT(THREAD)},
    {"GetExitCodeThread", call_GetExitCodeThread, BIT(THREAD)},
    {"GetThreadId", call_GetThreadId, BIT(THREAD)},
    {"QueueUserAPC", call_QueueUserAPC, BIT(THREAD)},
    {"GetExitCodeProcess", call_GetExitCodeProcess, BIT(PROCESS)},
    {"GetProcessId", call_GetProcessId, BIT(PROCESS)},
    {"WaitForSingleObject", call_WaitForSingleObject, ALL},
    {"WaitForSingleObjectEx", call_WaitForSingleObjectEx, ALL},
    {"WaitForMultipleObjects", call_WaitForMultipleObjects, ALL},
    {"SignalObjectAndWait, to signal",
     call_SignalObjectAndWait_signal,
     BIT(EVENT) | BIT(SEMAPHORE) | BIT(MUTEX)},
    {"SignalObjectAndWait, to wait for", call_SignalObjectAndWait_wait, ALL},
    {"DuplicateHandle", call_DuplicateHandle, ALL},
    {"CloseHandle", call_CloseHandle, ALL},
};

static const struct function cancels[] = {
    {"CancelIo", call_CancelIo, FILES},
    {"CancelIoEx", call_CancelIoEx, FILES},
};

#define COUNT_OF(table) (sizeof(table) / sizeof *(table))

static DWORD WINAPI thread_waits(void* gate) {
    return WaitForSingleObject(gate, WAIT_LIMIT_MS);
}

/* Not refused as a handle of another kind should be: counts, and says which. */
static int is_taken(const struct function* f, HANDLE h, const char* what) {
    SetLastError(0);
    BOOL ok = f->call(h);
    DWORD error = GetLastError();
    if (!ok && error == ERROR_INVALID_HANDLE)
        return 0;
    printf("  %s takes %s: %d, error %lu\n", f->name, what, ok, (unsigned long)error);
    return 1;
}

static void check_not_open(const struct function* f) {
    HANDLE closed = manual_event();
    HANDLE never = (HANDLE)(ULONG_PTR)0x7FFFFFF0;
    CHECK(CloseHandle(closed)); /* and nothing is opened before the call */
    int taken = is_taken(f, closed, "a closed handle");
    taken += is_taken(f, NULL, "NULL");
    taken += is_taken(f, never, "a handle that never was");
    CHECK_EQ(taken, 0);
}

TEST("R-SYNC-5", "handles that are not open are refused with 6 by every function") {
    good = manual_event();
    call_CreateThreadpoolIo(NULL); /* what the process opens once is open now */
    for (size_t i = 0; i < COUNT_OF(functions); i++)
        check_not_open(&functions[i]);
    for (size_t i = 0; i < COUNT_OF(cancels); i++)
        check_not_open(&cancels[i]);
    CHECK(CloseHandle(good));
}

/* One object of each kind; the thread runs until the event is set. */
static void open_all(HANDLE of[KINDS]) {
    char pipe_name[64];
    HANDLE self = GetCurrentProcess();
    snprintf(pipe_name,
             sizeof pipe_name,
             "\\\\.\\pipe\\rpconf-%lu-kinds",
             (unsigned long)GetCurrentProcessId());
    of[EVENT] = manual_event();
    of[SEMAPHORE] = CreateSemaphoreA(NULL, 0, 10, NULL);
    of[MUTEX] = CreateMutexA(NULL, FALSE, NULL);
    of[TIMER] = CreateWaitableTimerA(NULL, TRUE, NULL);
    of[DISK_FILE] = open_file(temp_name(),
                              GENERIC_READ | GENERIC_WRITE,
                              CREATE_NEW,
                              FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE);
    of[PIPE] = CreateNamedPipeA(
        pipe_name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 1, 64, 64, 0, NULL);
    of[PORT] = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    of[THREAD] = CreateThread(NULL, 0, thread_waits, of[EVENT], 0, NULL);
    if (!DuplicateHandle(self, self, self, &of[PROCESS], 0, FALSE, DUPLICATE_SAME_ACCESS))
        abort();
    for (int k = 0; k < KINDS; k++)
        if (of[k] == NULL || of[k] == INVALID_HANDLE_VALUE)
            abort();
}

static void check_other_kinds(const struct function* table, size_t size) {
    HANDLE of[KINDS];
    int taken = 0;
    good = manual_event();
    open_all(of);
    for (size_t i = 0; i < size; i++)
        for (int k = 0; k < KINDS; k++)
            if (!(table[i].kinds & BIT(k)))
                taken += is_taken(&table[i], of[k], kind_names[k]);
    CHECK_EQ(taken, 0);
    CHECK(SetEvent(of[EVENT]));
    CHECK(signaled(of[THREAD]));
    for (int k = 0; k < KINDS; k++)
        CHECK(CloseHandle(of[k]));
    CHECK(CloseHandle(good));
}

TEST("R-SYNC-5", "handles of another kind are refused with 6 by every function") {
    check_other_kinds(functions, COUNT_OF(functions));
}

TEST("R-SYNC-5", "what is no file cannot be cancelled, and that is 6") {
    check_other_kinds(cancels, COUNT_OF(cancels));
}
