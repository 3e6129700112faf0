// SPDX-License-Identifier: Apache-2.0
/* Handles and names of objects, and what signals and waits in one call: R-SYNC-5, R-SYNC-8,
 * R-SYNC-10, R-IO-2 and, where the dossier has no id, W32-HANDLE-1 (DuplicateHandle). */
#include "tests/conformance/fixture.h"

#define POLL(handle) WaitForSingleObject(handle, 0)

static DWORD code_of(HANDLE thread) {
    DWORD code = 0xdeadbeef;
    CHECK(GetExitCodeThread(thread, &code));
    return code;
}

static DWORD WINAPI wait_for_event(LPVOID argument) {
    return WaitForSingleObject(argument, WAIT_LIMIT_MS);
}

static HANDLE duplicate(HANDLE source) {
    HANDLE made = NULL;
    CHECK(DuplicateHandle(
        GetCurrentProcess(), source, GetCurrentProcess(), &made, 0, FALSE, DUPLICATE_SAME_ACCESS));
    return made;
}

static DWORD WINAPI wait_for_thread(LPVOID argument) {
    return WaitForSingleObject(argument, WAIT_LIMIT_MS);
}

TEST("W32-HANDLE-1", "a duplicate of GetCurrentThread means this thread to everybody") {
    HANDLE self = duplicate(GetCurrentThread());
    REQUIRE(self != NULL);
    CHECK(self != GetCurrentThread());
    CHECK_EQ(GetThreadId(self), GetCurrentThreadId());
    HANDLE t = CreateThread(NULL, 0, wait_for_thread, self, CREATE_SUSPENDED, NULL);
    HANDLE its = duplicate(t);
    CHECK_EQ(POLL(its), WAIT_TIMEOUT);
    CloseHandle(its);
    HANDLE waiter = CreateThread(NULL, 0, wait_for_thread, t, 0, NULL);
    REQUIRE(t && waiter);
    CHECK(quiet(waiter));
    CHECK_EQ(POLL(t), WAIT_TIMEOUT);
    CloseHandle(self);
    CHECK_EQ(GetThreadId(t) != 0, 1);
    self = duplicate(GetCurrentProcess());
    CHECK_EQ(GetProcessId(self), GetCurrentProcessId());
    CloseHandle(self);
    ResumeThread(t);
    CHECK(signaled(waiter));
    CloseHandle(waiter);
    CloseHandle(t);
}

TEST("W32-HANDLE-1", "both handles mean one object, which lives as long as either") {
    HANDLE e = auto_event(), other = duplicate(e);
    REQUIRE(e && other && e != other);
    CHECK(SetEvent(e));
    CHECK_EQ(POLL(other), WAIT_OBJECT_0);
    CHECK_EQ(POLL(e), WAIT_TIMEOUT);
    CHECK(CloseHandle(e));
    CHECK(SetEvent(other));
    CHECK_EQ(POLL(other), WAIT_OBJECT_0);
    CHECK_FAILS(SetEvent(e), ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(other));
    CHECK_FAILS(CloseHandle(other), ERROR_INVALID_HANDLE);
}

TEST("W32-HANDLE-1", "every kind of handle can be duplicated") {
    const char* name = temp_name();
    REQUIRE(make_file(name, 100));
    HANDLE kinds[7] = {manual_event(),
                       CreateSemaphoreA(NULL, 1, 1, NULL),
                       CreateMutexA(NULL, FALSE, NULL),
                       CreateWaitableTimerA(NULL, TRUE, NULL),
                       open_file(name, GENERIC_READ, OPEN_EXISTING, 0),
                       OpenThread(THREAD_ALL_ACCESS, FALSE, GetCurrentThreadId()),
                       OpenProcess(PROCESS_ALL_ACCESS, FALSE, GetCurrentProcessId())};
    for (int i = 0; i < 7; i++) {
        HANDLE other = duplicate(kinds[i]);
        CHECK(other != NULL && other != kinds[i]);
        CHECK(CloseHandle(kinds[i]));
        if (i == 4) {
            char byte;
            DWORD moved = 0;
            CHECK(ReadFile(other, &byte, 1, &moved, NULL));
            CHECK_EQ(moved, 1);
        } else {
            CHECK(WaitForSingleObject(other, 0) != WAIT_FAILED);
        }
        CHECK(CloseHandle(other));
    }
    CHECK(DeleteFileA(name));
}

TEST("W32-HANDLE-1", "a name lives as long as the last duplicate") {
    HANDLE e = CreateEventA(NULL, TRUE, FALSE, "object.c-duplicate");
    HANDLE other = duplicate(e);
    CloseHandle(e);
    e = OpenEventA(EVENT_ALL_ACCESS, FALSE, "object.c-duplicate");
    CHECK(e != NULL);
    CloseHandle(e);
    CloseHandle(other);
    CHECK_FAILS(OpenEventA(EVENT_ALL_ACCESS, FALSE, "object.c-duplicate"), ERROR_FILE_NOT_FOUND);
}

TEST("W32-HANDLE-1", "DUPLICATE_CLOSE_SOURCE closes the source") {
    HANDLE e = manual_event(), other = NULL;
    CHECK(DuplicateHandle(GetCurrentProcess(),
                          e,
                          GetCurrentProcess(),
                          &other,
                          0,
                          FALSE,
                          DUPLICATE_CLOSE_SOURCE | DUPLICATE_SAME_ACCESS));
    if (other != e) /* Wine gives the handle that was just closed again */
        CHECK_FAILS(SetEvent(e), ERROR_INVALID_HANDLE);
    CHECK(SetEvent(other));
    CHECK_EQ(POLL(other), WAIT_OBJECT_0);
    CHECK(CloseHandle(other));
}

TEST("R-IO-2", "a file is bound once, whichever of its handles is used") {
    const char* name = temp_name();
    REQUIRE(make_file(name, 10));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    HANDLE other = duplicate(file);
    PTP_IO io = CreateThreadpoolIo(file, io_nothing, NULL, NULL);
    REQUIRE(io != NULL);
    CHECK_FAILS(CreateThreadpoolIo(other, io_nothing, NULL, NULL), ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(file));
    CHECK_FAILS(CreateThreadpoolIo(other, io_nothing, NULL, NULL), ERROR_INVALID_PARAMETER);
    CloseThreadpoolIo(io);
    CHECK(CloseHandle(other));
    CHECK(DeleteFileA(name));
}

TEST("W32-HANDLE-1", "bad handles fail with 6") {
    HANDLE e = manual_event(), made = NULL, me = GetCurrentProcess();
    DWORD same = DUPLICATE_SAME_ACCESS;
    CHECK_FAILS(DuplicateHandle(NULL, e, me, &made, 0, FALSE, same), ERROR_INVALID_HANDLE);
    CHECK_FAILS(DuplicateHandle(e, e, me, &made, 0, FALSE, same), ERROR_INVALID_HANDLE);
    CHECK_FAILS(DuplicateHandle(me, NULL, me, &made, 0, FALSE, same), ERROR_INVALID_HANDLE);
    CloseHandle(e);
    CHECK_FAILS(DuplicateHandle(me, e, me, &made, 0, FALSE, same), ERROR_INVALID_HANDLE);
}

TEST("R-SYNC-8", "OpenEvent, OpenSemaphore and OpenMutex find objects by name") {
    HANDLE e = CreateEventA(NULL, TRUE, FALSE, "object.c-event");
    HANDLE s = CreateSemaphoreA(NULL, 1, 2, "object.c-semaphore");
    HANDLE m = CreateMutexA(NULL, FALSE, "object.c-mutex");
    const WCHAR wide[] = {'o', 'b', 'j', 'e', 'c', 't', '.', 'c', '-', 'e', 'v', 'e', 'n', 't', 0};
    HANDLE e2 = OpenEventA(EVENT_ALL_ACCESS, FALSE, "object.c-event");
    HANDLE e3 = OpenEventW(SYNCHRONIZE, FALSE, wide);
    HANDLE s2 = OpenSemaphoreA(SEMAPHORE_ALL_ACCESS, FALSE, "object.c-semaphore");
    HANDLE m2 = OpenMutexA(SYNCHRONIZE | MUTANT_QUERY_STATE, FALSE, "object.c-mutex");
    REQUIRE(e && s && m && e2 && e3 && s2 && m2);
    CHECK(SetEvent(e));
    CHECK_EQ(POLL(e2), WAIT_OBJECT_0);
    CHECK_EQ(POLL(e3), WAIT_OBJECT_0);
    CHECK_EQ(POLL(s2), WAIT_OBJECT_0);
    CHECK_EQ(POLL(s), WAIT_TIMEOUT);
    CHECK_EQ(POLL(m2), WAIT_OBJECT_0);
    CHECK(ReleaseMutex(m));
    HANDLE all[7] = {e, s, m, e2, e3, s2, m2};
    for (int i = 0; i < 7; i++)
        CHECK(CloseHandle(all[i]));
}

TEST("R-SYNC-8", "opening a name that is not there: 2, of another kind: 6, none at all: 87") {
    HANDLE e = CreateEventA(NULL, TRUE, FALSE, "object.c-kind");
    CHECK_FAILS(OpenEventA(SYNCHRONIZE, FALSE, "object.c-none"), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(OpenSemaphoreA(SYNCHRONIZE, FALSE, "object.c-none"), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(OpenMutexA(SYNCHRONIZE, FALSE, "object.c-none"), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(OpenWaitableTimerA(SYNCHRONIZE, FALSE, "object.c-none"), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(OpenSemaphoreA(SYNCHRONIZE, FALSE, "object.c-kind"), ERROR_INVALID_HANDLE);
    CHECK_FAILS(OpenMutexA(SYNCHRONIZE, FALSE, "object.c-kind"), ERROR_INVALID_HANDLE);
    CHECK_FAILS(OpenWaitableTimerA(SYNCHRONIZE, FALSE, "object.c-kind"), ERROR_INVALID_HANDLE);
    CHECK_FAILS(OpenEventA(SYNCHRONIZE, FALSE, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(OpenMutexA(SYNCHRONIZE, FALSE, NULL), ERROR_INVALID_PARAMETER);
    CloseHandle(e);
}

TEST("R-SYNC-8", "the wide functions refuse what the narrow ones do") {
    static const WCHAR none[] = {'o', 'b', 'j', '.', 'n', 'o', 'n', 'e', 0};
    static const WCHAR kind[] = {'o', 'b', 'j', '.', 'k', 'i', 'n', 'd', 0};
    HANDLE e = CreateEventW(NULL, TRUE, FALSE, kind);
    REQUIRE(e != NULL);
    CHECK_FAILS(OpenEventW(SYNCHRONIZE, FALSE, none), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(OpenSemaphoreW(SYNCHRONIZE, FALSE, none), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(OpenMutexW(SYNCHRONIZE, FALSE, none), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(OpenWaitableTimerW(SYNCHRONIZE, FALSE, none), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(OpenSemaphoreW(SYNCHRONIZE, FALSE, kind), ERROR_INVALID_HANDLE);
    CHECK_FAILS(OpenMutexW(SYNCHRONIZE, FALSE, kind), ERROR_INVALID_HANDLE);
    CHECK_FAILS(OpenWaitableTimerW(SYNCHRONIZE, FALSE, kind), ERROR_INVALID_HANDLE);
    CHECK_FAILS(OpenEventW(SYNCHRONIZE, FALSE, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(OpenSemaphoreW(SYNCHRONIZE, FALSE, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(OpenMutexW(SYNCHRONIZE, FALSE, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(OpenWaitableTimerW(SYNCHRONIZE, FALSE, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateSemaphoreW(NULL, 1, 2, kind), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateMutexW(NULL, FALSE, kind), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateWaitableTimerW(NULL, FALSE, kind), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateWaitableTimerExW(NULL, kind, 0, TIMER_ALL_ACCESS), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateSemaphoreW(NULL, 3, 2, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateSemaphoreW(NULL, -1, 2, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateSemaphoreW(NULL, 0, 0, NULL), ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(e));
}

TEST("R-SYNC-10", "PulseEvent leaves the event nonsignaled, whoever waited") {
    HANDLE manual = CreateEventA(NULL, TRUE, TRUE, NULL), once = auto_event();
    CHECK(PulseEvent(manual));
    CHECK_EQ(POLL(manual), WAIT_TIMEOUT);
    CHECK(PulseEvent(once));
    CHECK_EQ(POLL(once), WAIT_TIMEOUT);
    CloseHandle(manual);
    CHECK_FAILS(PulseEvent(manual), ERROR_INVALID_HANDLE);
    CloseHandle(once);
}

TEST("R-SYNC-10", "PulseEvent releases a thread that waits") {
    HANDLE e = manual_event();
    HANDLE t = CreateThread(NULL, 0, wait_for_event, e, 0, NULL);
    REQUIRE(t != NULL);
    /* Nobody can tell when it waits, so pulse until it was. */
    for (int i = 0; i < 8000 && WaitForSingleObject(t, 1) == WAIT_TIMEOUT; i++)
        CHECK(PulseEvent(e));
    CHECK_EQ(POLL(t), WAIT_OBJECT_0);
    CHECK_EQ(code_of(t), WAIT_OBJECT_0);
    CloseHandle(t);
    CloseHandle(e);
}

struct ping {
    HANDLE there, back;
    counter rounds;
};

static DWORD WINAPI answer(LPVOID argument) {
    struct ping* p = argument;
    for (int i = 0; i < 500; i++) {
        if (WaitForSingleObject(p->there, WAIT_LIMIT_MS) != WAIT_OBJECT_0)
            return 1;
        InterlockedIncrement(&p->rounds);
        SetEvent(p->back);
    }
    return 0;
}

TEST("R-SYNC-5", "SignalObjectAndWait signals one object and waits for another") {
    struct ping* p = fresh(sizeof *p);
    p->there = auto_event();
    p->back = auto_event();
    HANDLE t = CreateThread(NULL, 0, answer, p, 0, NULL);
    REQUIRE(t != NULL);
    for (int i = 0; i < 500; i++) {
        REQUIRE_EQ(SignalObjectAndWait(p->there, p->back, WAIT_LIMIT_MS, FALSE), WAIT_OBJECT_0);
        CHECK_EQ(count(&p->rounds), i + 1);
    }
    CHECK(signaled(t));
    CHECK_EQ(code_of(t), 0);
    CloseHandle(t);
    CloseHandle(p->there);
    CloseHandle(p->back);
}

TEST("R-SYNC-5", "SignalObjectAndWait posts one unit, or releases a mutex once") {
    HANDLE s = CreateSemaphoreA(NULL, 0, 1, NULL), m = CreateMutexA(NULL, TRUE, NULL);
    HANDLE e = CreateEventA(NULL, TRUE, TRUE, NULL), never = manual_event();
    CHECK_EQ(SignalObjectAndWait(s, e, 0, FALSE), WAIT_OBJECT_0);
    SetLastError(0xdeadbeef);
    CHECK_EQ(SignalObjectAndWait(s, e, 0, FALSE), WAIT_FAILED);
    CHECK_EQ(GetLastError(), ERROR_TOO_MANY_POSTS);
    CHECK_EQ(POLL(s), WAIT_OBJECT_0);
    CHECK_EQ(SignalObjectAndWait(m, never, 0, FALSE), WAIT_TIMEOUT);
    SetLastError(0xdeadbeef);
    CHECK_EQ(SignalObjectAndWait(m, never, 0, FALSE), WAIT_FAILED);
    CHECK_EQ(GetLastError(), ERROR_NOT_OWNER);
    HANDLE all[4] = {s, m, e, never};
    for (int i = 0; i < 4; i++)
        CloseHandle(all[i]);
}

TEST("R-SYNC-5", "SignalObjectAndWait refuses what cannot be signaled, or waited for, with 6") {
    HANDLE e = manual_event(), on = CreateEventA(NULL, TRUE, TRUE, NULL);
    HANDLE closed = manual_event();
    CloseHandle(closed);
    SetLastError(0xdeadbeef);
    CHECK_EQ(SignalObjectAndWait(closed, on, 0, FALSE), WAIT_FAILED);
    CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    SetLastError(0xdeadbeef);
    CHECK_EQ(SignalObjectAndWait(GetCurrentThread(), on, 0, FALSE), WAIT_FAILED);
    CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    SetLastError(0xdeadbeef);
    CHECK_EQ(SignalObjectAndWait(e, closed, 0, FALSE), WAIT_FAILED);
    CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    CHECK_EQ(POLL(e), WAIT_TIMEOUT);
    CloseHandle(e);
    CloseHandle(on);
}
