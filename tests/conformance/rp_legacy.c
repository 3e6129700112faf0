// SPDX-License-Identifier: Apache-2.0
/* What of the legacy pool and the timers needs Linux, or is answered differently elsewhere. */
#include "tests/conformance/fixture.h"

#include <sys/wait.h>
#include <time.h>

#define FAR_MS 3600000

static VOID CALLBACK on_fired(PVOID context, BOOLEAN timed_out) {
    (void)timed_out;
    work_count(NULL, context, NULL);
}

TEST("R-RWAIT-7", "a mutex cannot be registered") {
    struct probe* p = probe_bare();
    HANDLE wait = NULL, mutex = CreateMutexA(NULL, FALSE, NULL);
    CHECK_FAILS(RegisterWaitForSingleObject(&wait, mutex, on_fired, p, INFINITE, 0),
                ERROR_INVALID_PARAMETER);
    CHECK(wait == NULL);
    CloseHandle(mutex);
    probe_end(p);
}

TEST("R-RWAIT-13", "RegisterWaitForSingleObjectEx returns the handle") {
    struct probe* p = probe_bare();
    HANDLE event = auto_event();
    HANDLE wait = RegisterWaitForSingleObjectEx(event, on_fired, p, INFINITE, WT_EXECUTEONLYONCE);
    REQUIRE(wait != NULL);
    SetEvent(event);
    CHECK(take(p->done, 1));
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    CHECK_FAILS(RegisterWaitForSingleObjectEx(NULL, on_fired, p, INFINITE, 0),
                ERROR_INVALID_HANDLE);
    CloseHandle(event);
    probe_end(p);
}

TEST("R-RWAIT-6", "unknown flags are refused") {
    struct probe* p = probe_bare();
    HANDLE wait = NULL, event = auto_event();
    CHECK_FAILS(RegisterWaitForSingleObject(&wait, event, on_fired, p, INFINITE, 0x8000),
                ERROR_INVALID_PARAMETER);
    CloseHandle(event);
    probe_end(p);
}

TEST("R-TQ-3", "a timer without a routine or a place for its handle is refused") {
    struct probe* p = probe_bare();
    HANDLE timer = NULL;
    CHECK_FAILS(CreateTimerQueueTimer(&timer, NULL, NULL, p, 0, 5, 0), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateTimerQueueTimer(NULL, NULL, on_fired, p, 0, 5, 0), ERROR_INVALID_PARAMETER);
    probe_end(p);
}

TEST("R-TQ-8", "queue and timer handles are no kernel handles, and do not mix") {
    struct probe* p = probe_bare();
    HANDLE timer = NULL, queue = CreateTimerQueue(), other = CreateTimerQueue();
    REQUIRE(CreateTimerQueueTimer(&timer, queue, on_fired, p, FAR_MS, 0, 0));
    CHECK_FAILS(CloseHandle(timer), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CloseHandle(queue), ERROR_INVALID_HANDLE);
    CHECK_FAILS(DeleteTimerQueueTimer(other, timer, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(ChangeTimerQueueTimer(NULL, timer, 1, 1), ERROR_INVALID_HANDLE);
    CHECK_FAILS(UnregisterWait(timer), ERROR_INVALID_HANDLE);
    CHECK_FAILS(DeleteTimerQueue(timer), ERROR_INVALID_HANDLE);
    CHECK(DeleteTimerQueueTimer(queue, timer, NULL));
    CHECK_FAILS(DeleteTimerQueueTimer(queue, timer, NULL), ERROR_INVALID_HANDLE);
    CHECK(DeleteTimerQueue(queue));
    CHECK_FAILS(DeleteTimerQueue(queue), ERROR_INVALID_HANDLE);
    CHECK(DeleteTimerQueue(other));
    probe_end(p);
}

static HANDLE bound_done;
static DWORD bound_error;

static VOID WINAPI on_bound(DWORD error, DWORD bytes, LPOVERLAPPED overlapped) {
    (void)bytes;
    (void)overlapped;
    bound_error = error;
    SetEvent(bound_done);
}

static VOID CALLBACK on_io(PTP_CALLBACK_INSTANCE instance,
                           PVOID context,
                           PVOID overlapped,
                           ULONG result,
                           ULONG_PTR bytes,
                           PTP_IO io) {
    (void)instance, (void)context, (void)overlapped, (void)result, (void)bytes, (void)io;
}

TEST("R-BIND-3", "the routine receives a Win32 error code") {
    const char* name = temp_name();
    OVERLAPPED* overlapped = fresh(sizeof *overlapped);
    BYTE* data = fresh(16);
    bound_done = auto_event();
    REQUIRE(make_file(name, 16));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK(BindIoCompletionCallback(file, on_bound, 0));
    overlapped->Offset = 4096;
    CHECK(!ReadFile(file, data, 16, NULL, overlapped));
    CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
    CHECK(signaled(bound_done));
    CHECK_EQ(bound_error, ERROR_HANDLE_EOF);
    CloseHandle(file);
    CloseHandle(bound_done);
    DeleteFileA(name);
}

TEST("R-BIND-4", "a bound handle takes no TP_IO, and flags are refused") {
    const char* name = temp_name();
    REQUIRE(make_file(name, 16));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK_FAILS(BindIoCompletionCallback(file, on_bound, 1), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(BindIoCompletionCallback(file, NULL, 0), ERROR_INVALID_PARAMETER);
    CHECK(BindIoCompletionCallback(file, on_bound, 0));
    CHECK_FAILS(CreateThreadpoolIo(file, on_io, NULL, NULL), ERROR_INVALID_PARAMETER);
    CloseHandle(file);
    DeleteFileA(name);
}

static VOID CALLBACK timer_count(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer) {
    (void)timer;
    work_count(instance, context, NULL);
}

TEST("R-TIMER-9", "ticks missed while the process stood still collapse") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = CreateThreadpoolTimer(timer_count, p, &p->env);
    FILETIME now = {0, 0};
    SetThreadpoolTimer(timer, &now, 10, 0);
    REQUIRE(take(p->done, 2));
    LONG before = count(&p->calls);
    ULONGLONG begin = GetTickCount64();
    pid_t self = getpid();
    pid_t stopper = fork();
    if (stopper == 0) {
        struct timespec pause = {0, 500 * 1000 * 1000};
        kill(self, SIGSTOP);
        nanosleep(&pause, NULL);
        kill(self, SIGCONT);
        _exit(0);
    }
    CHECK_EQ(waitpid(stopper, NULL, 0), stopper);
    LONG ticks = count(&p->calls) - before;
    ULONGLONG periods = (GetTickCount64() - begin) / 10;
    CHECK_OP(periods, >=, 45);
    CHECK_OP(ticks, <, periods - 20);
    SetThreadpoolTimer(timer, NULL, 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    CloseThreadpoolTimer(timer);
    probe_end(p);
}
