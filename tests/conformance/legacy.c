// SPDX-License-Identifier: Apache-2.0
/* The thread pool of Windows 2000: R-QUWI-*, R-RWAIT-*, R-TQ-*, R-BIND-*. */
#include "tests/conformance/disk.h"
#include "tests/conformance/fixture.h"

#define FAR_MS 3600000

/* The legacy functions use the default pool, so every test brings its own counters only. */
struct legacy {
    struct probe* p;
    counter timeouts, signals;
    HANDLE handle; /* of the registration, for callbacks that end themselves */
    HANDLE queue;
    BOOL result;
    DWORD error;
};

static struct legacy* legacy_new(void) {
    struct legacy* l = fresh(sizeof *l);
    l->p = probe_bare();
    return l;
}

static DWORD WINAPI item_count(LPVOID context) {
    work_count(NULL, ((struct legacy*)context)->p, NULL);
    return 12345;
}

TEST("R-QUWI-1", "a work item runs once, on another thread") {
    struct legacy* l = legacy_new();
    for (int i = 0; i < 10; i++)
        CHECK(QueueUserWorkItem(item_count, l, WT_EXECUTEDEFAULT));
    CHECK(take(l->p->done, 10));
    CHECK_EQ(count(&l->p->calls), 10);
    CHECK(count(&l->p->thread) != (LONG)GetCurrentThreadId());
    probe_end(l->p);
}

TEST("R-QUWI-3", "every documented flag is accepted") {
    struct legacy* l = legacy_new();
    const ULONG flags[] = {WT_EXECUTEINIOTHREAD,
                           WT_EXECUTEINPERSISTENTTHREAD,
                           WT_EXECUTELONGFUNCTION,
                           WT_TRANSFER_IMPERSONATION};
    for (int i = 0; i < 4; i++)
        CHECK(QueueUserWorkItem(item_count, l, flags[i]));
    CHECK(take(l->p->done, 4));
    probe_end(l->p);
}

TEST("R-QUWI-4", "the flags may carry a maximum") {
    struct legacy* l = legacy_new();
    ULONG flags = WT_EXECUTEDEFAULT;
    WT_SET_MAX_THREADPOOL_THREADS(flags, 600);
    CHECK(QueueUserWorkItem(item_count, l, flags));
    CHECK(take(l->p->done, 1));
    probe_end(l->p);
}

static VOID CALLBACK on_fired(PVOID context, BOOLEAN timed_out) {
    struct legacy* l = context;
    InterlockedIncrement(timed_out ? &l->timeouts : &l->signals);
    work_count(NULL, l->p, NULL);
}

static VOID CALLBACK on_fired_gated(PVOID context, BOOLEAN timed_out) {
    struct legacy* l = context;
    InterlockedIncrement(timed_out ? &l->timeouts : &l->signals);
    work_gated(NULL, l->p, NULL);
}

TEST("R-RWAIT-1", "bad arguments") {
    struct legacy* l = legacy_new();
    HANDLE wait = NULL, event = auto_event();
    CHECK_FAILS(RegisterWaitForSingleObject(&wait, NULL, on_fired, l, INFINITE, 0),
                ERROR_INVALID_HANDLE);
    CHECK(wait == NULL);
    CHECK_FAILS(
        RegisterWaitForSingleObject(&wait, (HANDLE)(ULONG_PTR)0xabcdef0, on_fired, l, INFINITE, 0),
        ERROR_INVALID_HANDLE);
    CloseHandle(event);
    probe_end(l->p);
}

TEST("R-RWAIT-1", "a wait handle is no kernel handle") {
    struct legacy* l = legacy_new();
    HANDLE wait = NULL, event = auto_event();
    REQUIRE(RegisterWaitForSingleObject(&wait, event, on_fired, l, INFINITE, 0));
    REQUIRE(wait != NULL);
    CHECK_FAILS(CloseHandle(wait), ERROR_INVALID_HANDLE);
    CHECK_EQ(WaitForSingleObject(wait, 0), WAIT_FAILED);
    CHECK(UnregisterWait(wait));
    CloseHandle(event);
    probe_end(l->p);
}

TEST("R-RWAIT-2", "FALSE means signalled, TRUE timed out") {
    struct legacy* l = legacy_new();
    HANDLE wait = NULL, event = auto_event();
    REQUIRE(RegisterWaitForSingleObject(&wait, event, on_fired, l, INFINITE, WT_EXECUTEONLYONCE));
    SetEvent(event);
    CHECK(take(l->p->done, 1));
    CHECK_EQ(count(&l->signals), 1);
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    REQUIRE(RegisterWaitForSingleObject(&wait, event, on_fired, l, 10, WT_EXECUTEONLYONCE));
    CHECK(take(l->p->done, 1));
    CHECK_EQ(count(&l->timeouts), 1);
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    CloseHandle(event);
    probe_end(l->p);
}

TEST("R-RWAIT-3", "a registration repeats until it is ended") {
    struct legacy* l = legacy_new();
    HANDLE wait = NULL, event = auto_event();
    REQUIRE(RegisterWaitForSingleObject(&wait, event, on_fired, l, INFINITE, 0));
    for (int i = 0; i < 20; i++) {
        SetEvent(event);
        CHECK(take(l->p->done, 1));
    }
    CHECK_EQ(count(&l->signals), 20);
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    SetEvent(event);
    CHECK(quiet(l->p->entered) || count(&l->signals) == 20);
    CloseHandle(event);
    probe_end(l->p);
}

TEST("R-RWAIT-3", "a repeating registration keeps timing out and keeps watching its handle") {
    struct legacy* l = legacy_new();
    HANDLE wait = NULL, event = auto_event();
    REQUIRE(RegisterWaitForSingleObject(&wait, event, on_fired, l, 15, 0));
    CHECK(take(l->p->done, 3));
    CHECK_OP(count(&l->timeouts), >=, 3);
    SetEvent(event);
    while (count(&l->signals) == 0)
        REQUIRE(take(l->p->done, 1));
    CHECK(take(l->p->done, 2));
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    CloseHandle(event);
    probe_end(l->p);
}

TEST("R-RWAIT-3", "with WT_EXECUTEONLYONCE later signals are left alone") {
    struct legacy* l = legacy_new();
    HANDLE wait = NULL, event = auto_event();
    REQUIRE(RegisterWaitForSingleObject(&wait, event, on_fired, l, INFINITE, WT_EXECUTEONLYONCE));
    SetEvent(event);
    REQUIRE(take(l->p->done, 1));
    SetEvent(event);
    CHECK(quiet(l->p->done));
    CHECK_EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    CloseHandle(event);
    probe_end(l->p);
}

TEST("R-RWAIT-4", "a time of zero tests the object once and calls back") {
    struct legacy* l = legacy_new();
    HANDLE wait = NULL, event = auto_event();
    REQUIRE(RegisterWaitForSingleObject(&wait, event, on_fired, l, 0, WT_EXECUTEONLYONCE));
    CHECK(take(l->p->done, 1));
    CHECK_EQ(count(&l->timeouts), 1);
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    CloseHandle(event);
    probe_end(l->p);
}

TEST("R-RWAIT-6", "with WT_EXECUTEINWAITTHREAD the callbacks of a registration do not overlap") {
    struct legacy* l = legacy_new();
    HANDLE wait = NULL, semaphore = CreateSemaphoreA(NULL, 5, 5, NULL);
    REQUIRE(RegisterWaitForSingleObject(
        &wait, semaphore, on_fired_gated, l, INFINITE, WT_EXECUTEINWAITTHREAD));
    REQUIRE(take(l->p->entered, 1));
    CHECK(quiet(l->p->entered));
    SetEvent(l->p->gate);
    CHECK(take(l->p->done, 5));
    CHECK_EQ(count(&l->p->peak), 1);
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    CloseHandle(semaphore);
    probe_end(l->p);
}

TEST("R-RWAIT-9", "UnregisterWait with a callback running: FALSE and ERROR_IO_PENDING") {
    struct legacy* l = legacy_new();
    HANDLE wait = NULL, event = auto_event();
    REQUIRE(
        RegisterWaitForSingleObject(&wait, event, on_fired_gated, l, INFINITE, WT_EXECUTEONLYONCE));
    SetEvent(event);
    REQUIRE(take(l->p->entered, 1));
    CHECK_FAILS(UnregisterWait(wait), ERROR_IO_PENDING);
    SetEvent(l->p->gate);
    CHECK(take(l->p->done, 1));
    CloseHandle(event);
    probe_end(l->p);
}

static VOID CALLBACK on_fired_ends(PVOID context, BOOLEAN timed_out) {
    struct legacy* l = context;
    (void)timed_out;
    CHECK(signaled(l->p->gate)); /* the handle is known */
    l->result = UnregisterWait(l->handle);
    l->error = GetLastError();
    work_count(NULL, l->p, NULL);
}

TEST("R-RWAIT-9", "a callback may end its own registration") {
    struct legacy* l = legacy_new();
    HANDLE event = manual_event();
    SetEvent(event);
    REQUIRE(RegisterWaitForSingleObject(
        &l->handle, event, on_fired_ends, l, INFINITE, WT_EXECUTEINWAITTHREAD));
    SetEvent(l->p->gate);
    REQUIRE(take(l->p->done, 1));
    CHECK(!l->result);
    CHECK_EQ(l->error, ERROR_IO_PENDING);
    CHECK(quiet(l->p->done));
    CloseHandle(event);
    probe_end(l->p);
}

TEST("R-RWAIT-10", "UnregisterWaitEx(INVALID_HANDLE_VALUE) waits for the callbacks") {
    struct legacy* l = legacy_new();
    for (int i = 0; i < 20; i++) {
        HANDLE wait = NULL, event = manual_event();
        REQUIRE(RegisterWaitForSingleObject(&wait, event, on_fired, l, INFINITE, 0));
        SetEvent(event);
        REQUIRE(take(l->p->entered, 1));
        CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
        CHECK_EQ(count(&l->p->running), 0);
        CloseHandle(event);
    }
    probe_end(l->p);
}

TEST("R-RWAIT-14", "the completion event is set once everything is over, even if nothing ran") {
    struct legacy* l = legacy_new();
    HANDLE wait = NULL, event = auto_event(), over = auto_event();
    REQUIRE(RegisterWaitForSingleObject(&wait, event, on_fired, l, INFINITE, 0));
    CHECK(UnregisterWaitEx(wait, over));
    CHECK(signaled(over));
    CHECK(quiet(over));
    REQUIRE(
        RegisterWaitForSingleObject(&wait, event, on_fired_gated, l, INFINITE, WT_EXECUTEONLYONCE));
    SetEvent(event);
    REQUIRE(take(l->p->entered, 1));
    CHECK_FAILS(UnregisterWaitEx(wait, over), ERROR_IO_PENDING);
    CHECK(quiet(over));
    SetEvent(l->p->gate);
    CHECK(signaled(over));
    CloseHandle(event);
    CloseHandle(over);
    probe_end(l->p);
}

TEST("R-RWAIT-11", "a bad or stale wait handle is ERROR_INVALID_HANDLE") {
    struct legacy* l = legacy_new();
    HANDLE wait = NULL, event = auto_event();
    CHECK_FAILS(UnregisterWait(NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(UnregisterWaitEx(NULL, NULL), ERROR_INVALID_HANDLE);
    REQUIRE(RegisterWaitForSingleObject(&wait, event, on_fired, l, INFINITE, 0));
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    CloseHandle(event);
    probe_end(l->p);
}

/* ---- timer queues ---- */

TEST("R-TQ-1", "a one-shot timer of the default queue, not early") {
    struct legacy* l = legacy_new();
    HANDLE timer = NULL;
    ULONGLONG begin = GetTickCount64();
    REQUIRE(CreateTimerQueueTimer(&timer, NULL, on_fired, l, 30, 0, WT_EXECUTEONLYONCE));
    CHECK(take(l->p->done, 1));
    CHECK_OP(GetTickCount64() - begin + 1, >=, 30);
    CHECK_EQ(count(&l->timeouts), 1);
    CHECK(quiet(l->p->done));
    CHECK(DeleteTimerQueueTimer(NULL, timer, INVALID_HANDLE_VALUE));
    probe_end(l->p);
}

TEST("R-TQ-2", "a periodic timer of a queue of its own") {
    struct legacy* l = legacy_new();
    HANDLE timer = NULL, queue = CreateTimerQueue();
    REQUIRE(queue != NULL);
    REQUIRE(CreateTimerQueueTimer(&timer, queue, on_fired, l, 0, 5, 0));
    CHECK(take(l->p->done, 5));
    CHECK(DeleteTimerQueueTimer(queue, timer, INVALID_HANDLE_VALUE));
    LONG calls = count(&l->p->calls);
    Sleep(QUIET_MS);
    CHECK_EQ(count(&l->p->calls), calls);
    CHECK(DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE));
    probe_end(l->p);
}

TEST("R-TQ-2", "a callback does not wait for the one before") {
    struct legacy* l = legacy_new();
    HANDLE timer = NULL;
    REQUIRE(CreateTimerQueueTimer(&timer, NULL, on_fired_gated, l, 0, 5, 0));
    CHECK(take(l->p->entered, 2));
    SetEvent(l->p->gate);
    CHECK(DeleteTimerQueueTimer(NULL, timer, INVALID_HANDLE_VALUE));
    probe_end(l->p);
}

TEST("R-TQ-3", "WT_EXECUTEONLYONCE needs a period of zero") {
    struct legacy* l = legacy_new();
    HANDLE timer = NULL, queue = CreateTimerQueue();
    CHECK_FAILS(CreateTimerQueueTimer(&timer, queue, on_fired, l, FAR_MS, 5, WT_EXECUTEONLYONCE),
                ERROR_INVALID_PARAMETER);
    CHECK(DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE));
    probe_end(l->p);
}

TEST("R-TQ-4", "ChangeTimerQueueTimer replaces due time and period") {
    struct legacy* l = legacy_new();
    HANDLE timer = NULL, queue = CreateTimerQueue();
    REQUIRE(CreateTimerQueueTimer(&timer, queue, on_fired, l, FAR_MS, 0, 0));
    CHECK(ChangeTimerQueueTimer(queue, timer, 5, 5));
    CHECK(take(l->p->done, 3));
    CHECK(ChangeTimerQueueTimer(queue, timer, FAR_MS, 0));
    CHECK(DeleteTimerQueueTimer(queue, timer, INVALID_HANDLE_VALUE));
    CHECK(DeleteTimerQueue(queue));
    probe_end(l->p);
}

TEST("R-TQ-4", "changing a one-shot that has expired has no effect") {
    struct legacy* l = legacy_new();
    HANDLE timer = NULL, queue = CreateTimerQueue();
    REQUIRE(CreateTimerQueueTimer(&timer, queue, on_fired, l, 0, 0, 0));
    REQUIRE(take(l->p->done, 1));
    CHECK(ChangeTimerQueueTimer(queue, timer, 1, 0));
    CHECK(quiet(l->p->done));
    CHECK(DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE));
    probe_end(l->p);
}

TEST("R-TQ-5",
     "deleting a timer with a callback running: FALSE, ERROR_IO_PENDING, then the event") {
    struct legacy* l = legacy_new();
    HANDLE timer = NULL, queue = CreateTimerQueue(), over = auto_event();
    REQUIRE(CreateTimerQueueTimer(&timer, queue, on_fired_gated, l, 0, 0, 0));
    REQUIRE(take(l->p->entered, 1));
    CHECK_FAILS(DeleteTimerQueueTimer(queue, timer, over), ERROR_IO_PENDING);
    CHECK(quiet(over));
    SetEvent(l->p->gate);
    CHECK(signaled(over));
    CHECK(DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE));
    CloseHandle(over);
    probe_end(l->p);
}

TEST("R-TQ-6", "deleting a queue deletes its timers and sets the event at the end") {
    struct legacy* l = legacy_new();
    HANDLE timers[8], queue = CreateTimerQueue(), over = auto_event();
    for (int i = 0; i < 8; i++)
        REQUIRE(CreateTimerQueueTimer(
            &timers[i], queue, i ? on_fired : on_fired_gated, l, i ? FAR_MS : 0, 0, 0));
    REQUIRE(take(l->p->entered, 1));
    CHECK_FAILS(DeleteTimerQueueEx(queue, over), ERROR_IO_PENDING);
    CHECK(quiet(over));
    SetEvent(l->p->gate);
    CHECK(signaled(over));
    CHECK(quiet(l->p->entered));
    CloseHandle(over);
    probe_end(l->p);
}

TEST("R-TQ-6", "the default queue cannot be deleted") {
    CHECK_FAILS(DeleteTimerQueueEx(NULL, NULL), ERROR_INVALID_HANDLE);
}

/* ---- BindIoCompletionCallback ---- */

static HANDLE bound_done;
static DWORD bound_error, bound_bytes;
static LPOVERLAPPED bound_overlapped;

static VOID WINAPI on_bound(DWORD error, DWORD bytes, LPOVERLAPPED overlapped) {
    bound_error = error;
    bound_bytes = bytes;
    bound_overlapped = overlapped;
    ReleaseSemaphore(bound_done, 1, NULL);
}

TEST("R-BIND-1", "every completion of a bound file calls back, without Start") {
    const char* name = temp_name();
    BYTE* data = fresh(4096);
    bound_done = CreateSemaphoreA(NULL, 0, 100, NULL);
    REQUIRE(make_file(name, 8192));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK(BindIoCompletionCallback(file, on_bound, 0));
    for (int i = 0; i < 10; i++) {
        OVERLAPPED* overlapped = fresh(sizeof *overlapped);
        overlapped->Offset = 4096;
        CHECK(ReadFile(file, data, 4096, NULL, overlapped) || GetLastError() == ERROR_IO_PENDING);
        REQUIRE(take(bound_done, 1));
        CHECK_EQ(bound_error, 0);
        CHECK_EQ(bound_bytes, 4096);
        CHECK(bound_overlapped == overlapped);
        CHECK(pattern_matches(data, 4096, 4096));
    }
    CloseHandle(file);
    CloseHandle(bound_done);
    DeleteFileA(name);
}

TEST("R-BIND-2", "a second bind, and bad arguments") {
    const char* name = temp_name();
    REQUIRE(make_file(name, 16));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK(BindIoCompletionCallback(file, on_bound, 0));
    CHECK(!BindIoCompletionCallback(file, on_bound, 0));
    CHECK(!BindIoCompletionCallback(NULL, on_bound, 0));
    CloseHandle(file);
    DeleteFileA(name);
}
