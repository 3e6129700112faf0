// SPDX-License-Identifier: Apache-2.0
/* Threads, processes and thread slots: R-SYNC-3, R-SYNC-5, R-SYNC-6 and, where
 * the dossier has no id, W32-THREAD-1 (CreateThread), -2 (exit), -3 (ids), -4 (pseudo handles),
 * W32-PROC-1 (processes), W32-TLS-1 (slots). */
#include "tests/conformance/fixture.h"

#define POLL(handle) WaitForSingleObject(handle, 0)

static DWORD code_of(HANDLE thread) {
    DWORD code = 0xdeadbeef;
    CHECK(GetExitCodeThread(thread, &code));
    return code;
}

static DWORD WINAPI return_argument(LPVOID argument) {
    return (DWORD)(ULONG_PTR)argument;
}

static DWORD WINAPI wait_for_event(LPVOID argument) {
    return WaitForSingleObject(argument, WAIT_LIMIT_MS);
}

TEST("W32-THREAD-1",
     "CreateThread runs the routine with its argument; the result is the exit code") {
    DWORD id = 0;
    HANDLE t = CreateThread(NULL, 0, return_argument, (LPVOID)(ULONG_PTR)4711, 0, &id);
    REQUIRE(t != NULL);
    CHECK(id != 0);
    CHECK(signaled(t));
    CHECK_EQ(code_of(t), 4711);
    CHECK(CloseHandle(t));
}

TEST("W32-THREAD-1", "the thread id may be left out") {
    HANDLE t = CreateThread(NULL, 0, return_argument, NULL, 0, NULL);
    REQUIRE(t != NULL);
    CHECK(signaled(t));
    CHECK_EQ(code_of(t), 0);
    CloseHandle(t);
}

static DWORD WINAPI use_stack(LPVOID argument) {
    volatile char room[600000];
    for (size_t i = 0; i < sizeof room; i += 512)
        room[i] = (char)i;
    return (DWORD)room[512] + (DWORD)(ULONG_PTR)argument;
}

TEST("W32-THREAD-1", "a stack size is a lower bound that is kept") {
    HANDLE t =
        CreateThread(NULL, 2 << 20, use_stack, (LPVOID)5, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    REQUIRE(t != NULL);
    CHECK(signaled(t));
    CHECK_EQ(code_of(t), 5);
    CloseHandle(t);
    t = CreateThread(NULL, 1, use_stack, (LPVOID)6, 0, NULL); /* to begin with; it may grow */
    REQUIRE(t != NULL);
    CHECK(signaled(t));
    CHECK_EQ(code_of(t), 6);
    CloseHandle(t);
    t = CreateThread(NULL, 1, return_argument, (LPVOID)7, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    REQUIRE(t != NULL);
    CHECK(signaled(t));
    CHECK_EQ(code_of(t), 7);
    CloseHandle(t);
}

TEST("R-SYNC-5", "a thread handle is signaled when the thread has ended, and stays so") {
    HANDLE go = manual_event();
    HANDLE t = CreateThread(NULL, 0, wait_for_event, go, 0, NULL);
    REQUIRE(t != NULL);
    CHECK_EQ(POLL(t), WAIT_TIMEOUT);
    CHECK_EQ(code_of(t), STILL_ACTIVE);
    CHECK(SetEvent(go));
    CHECK(signaled(t));
    CHECK_EQ(POLL(t), WAIT_OBJECT_0);
    CHECK_EQ(POLL(t), WAIT_OBJECT_0);
    CHECK_EQ(code_of(t), WAIT_OBJECT_0);
    CloseHandle(t);
    CloseHandle(go);
}

TEST("R-SYNC-6", "waiting for all of several threads") {
    HANDLE go = manual_event(), threads[8];
    for (int i = 0; i < 8; i++)
        REQUIRE((threads[i] = CreateThread(NULL, 0, wait_for_event, go, 0, NULL)) != NULL);
    CHECK_EQ(WaitForMultipleObjects(8, threads, TRUE, 0), WAIT_TIMEOUT);
    CHECK(SetEvent(go));
    CHECK_EQ(WaitForMultipleObjects(8, threads, TRUE, WAIT_LIMIT_MS), WAIT_OBJECT_0);
    CHECK_EQ(WaitForMultipleObjects(8, threads, FALSE, 0), WAIT_OBJECT_0);
    for (int i = 0; i < 8; i++)
        CloseHandle(threads[i]);
    CloseHandle(go);
}

TEST("W32-THREAD-1", "a suspended thread begins with ResumeThread") {
    HANDLE go = CreateEventA(NULL, TRUE, TRUE, NULL);
    HANDLE t = CreateThread(NULL, 0, wait_for_event, go, CREATE_SUSPENDED, NULL);
    REQUIRE(t != NULL);
    CHECK(quiet(t));
    CHECK_EQ(code_of(t), STILL_ACTIVE);
    CHECK_EQ(ResumeThread(t), 1);
    CHECK(signaled(t));
    CHECK_EQ(ResumeThread(t), 0);
    CloseHandle(t);
    CloseHandle(go);
}

TEST("W32-THREAD-1", "ResumeThread of a running thread is 0, of no thread -1") {
    HANDLE go = manual_event();
    HANDLE t = CreateThread(NULL, 0, wait_for_event, go, 0, NULL);
    REQUIRE(t != NULL);
    CHECK_EQ(ResumeThread(t), 0);
    SetLastError(0xdeadbeef);
    CHECK_EQ(ResumeThread(go), (DWORD)-1);
    CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    SetEvent(go);
    CHECK(signaled(t));
    CloseHandle(t);
    CloseHandle(go);
}

static void leave(DWORD code) {
    ExitThread(code);
}

static DWORD WINAPI leave_early(LPVOID argument) {
    leave((DWORD)(ULONG_PTR)argument);
    return 1;
}

TEST("W32-THREAD-2", "ExitThread ends the thread with its code") {
    for (DWORD code = 0; code < 20; code++) {
        HANDLE t = CreateThread(NULL, 0, leave_early, (LPVOID)(ULONG_PTR)(code + 100), 0, NULL);
        REQUIRE(t != NULL);
        CHECK(signaled(t));
        CHECK_EQ(code_of(t), code + 100);
        CloseHandle(t);
    }
}

static DWORD WINAPI own_mutex(LPVOID argument) {
    return WaitForSingleObject(argument, WAIT_LIMIT_MS);
}

static DWORD WINAPI own_mutex_and_leave(LPVOID argument) {
    WaitForSingleObject(argument, WAIT_LIMIT_MS);
    ExitThread(0);
}

TEST("R-SYNC-3", "when a thread's handle is signaled its mutexes are abandoned already") {
    LPTHREAD_START_ROUTINE routines[2] = {own_mutex, own_mutex_and_leave};
    for (int i = 0; i < 40; i++) {
        HANDLE m = CreateMutexA(NULL, FALSE, NULL);
        HANDLE t = CreateThread(NULL, 0, routines[i % 2], m, 0, NULL);
        REQUIRE(m && t);
        CHECK(signaled(t));
        CHECK_EQ(POLL(m), WAIT_ABANDONED);
        CHECK(ReleaseMutex(m));
        CloseHandle(t);
        CloseHandle(m);
    }
}

TEST("W32-THREAD-1", "a closed handle leaves the thread running") {
    HANDLE go = manual_event(), m = CreateMutexA(NULL, FALSE, NULL), done = manual_event();
    DWORD id;
    HANDLE t = CreateThread(NULL, 0, wait_for_event, go, 0, &id);
    REQUIRE(t != NULL);
    CHECK(CloseHandle(t));
    t = OpenThread(SYNCHRONIZE, FALSE, id);
    REQUIRE(t != NULL);
    CHECK_EQ(POLL(t), WAIT_TIMEOUT);
    SetEvent(go);
    CHECK(signaled(t));
    CloseHandle(t);
    CloseHandle(go);
    CloseHandle(m);
    CloseHandle(done);
}

static DWORD WINAPI tell_id(LPVOID argument) {
    (void)argument;
    return GetCurrentThreadId();
}

TEST("W32-THREAD-3", "one id for the creator, the thread, and GetThreadId") {
    DWORD id = 0;
    HANDLE t = CreateThread(NULL, 0, tell_id, NULL, CREATE_SUSPENDED, &id);
    REQUIRE(t != NULL);
    CHECK_EQ(GetThreadId(t), id);
    ResumeThread(t);
    CHECK(signaled(t));
    CHECK_EQ(code_of(t), id);
    CHECK_EQ(GetThreadId(t), id);
    CHECK(id != GetCurrentThreadId());
    CloseHandle(t);
}

TEST("W32-THREAD-3", "OpenThread finds threads by id, also ended ones with a handle") {
    DWORD id;
    HANDLE t = CreateThread(NULL, 0, return_argument, (LPVOID)9, CREATE_SUSPENDED, &id);
    HANDLE other = OpenThread(THREAD_ALL_ACCESS, FALSE, id);
    REQUIRE(t && other);
    CHECK(t != other);
    CHECK_EQ(ResumeThread(other), 1);
    CHECK(signaled(t));
    CHECK(signaled(other));
    CloseHandle(other);
    other = OpenThread(SYNCHRONIZE | THREAD_QUERY_INFORMATION, FALSE, id);
    REQUIRE(other != NULL);
    CHECK_EQ(code_of(other), 9);
    CloseHandle(other);
    CloseHandle(t);
}

TEST("W32-THREAD-3", "OpenThread of an id nobody has fails with 87") {
    CHECK_FAILS(OpenThread(SYNCHRONIZE, FALSE, 0), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(OpenThread(SYNCHRONIZE, FALSE, 0x7ffffff0), ERROR_INVALID_PARAMETER);
}

TEST("W32-THREAD-3", "the main thread can be opened by its id") {
    HANDLE self = OpenThread(THREAD_ALL_ACCESS, FALSE, GetCurrentThreadId());
    REQUIRE(self != NULL);
    CHECK_EQ(POLL(self), WAIT_TIMEOUT);
    CHECK_EQ(code_of(self), STILL_ACTIVE);
    CHECK_EQ(GetThreadId(self), GetCurrentThreadId());
    CloseHandle(self);
}

TEST("W32-THREAD-4", "the pseudo handles are constants that closing does not end") {
    CHECK_EQ((LONG_PTR)GetCurrentProcess(), -1);
    CHECK_EQ((LONG_PTR)GetCurrentThread(), -2);
    CHECK(CloseHandle(GetCurrentThread()));
    CHECK(CloseHandle(GetCurrentProcess()));
    CHECK_EQ(GetThreadId(GetCurrentThread()), GetCurrentThreadId());
}

TEST("W32-THREAD-4", "pseudo handles can be waited for") {
    HANDLE e = CreateEventA(NULL, TRUE, TRUE, NULL);
    HANDLE set[3] = {GetCurrentThread(), GetCurrentProcess(), e};
    CHECK_EQ(POLL(GetCurrentThread()), WAIT_TIMEOUT);
    CHECK_EQ(POLL(GetCurrentProcess()), WAIT_TIMEOUT);
    CHECK_EQ(WaitForMultipleObjects(3, set, FALSE, 0), WAIT_OBJECT_0 + 2);
    CloseHandle(e);
}

TEST("W32-THREAD-4", "a pseudo handle is not an event, a semaphore or a mutex") {
    CHECK_FAILS(SetEvent(GetCurrentThread()), ERROR_INVALID_HANDLE);
    CHECK_FAILS(SetEvent(GetCurrentProcess()), ERROR_INVALID_HANDLE);
    CHECK_FAILS(ReleaseSemaphore(GetCurrentProcess(), 1, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(ReleaseMutex(GetCurrentThread()), ERROR_INVALID_HANDLE);
}

TEST("W32-THREAD-4", "thread functions refuse handles of other kinds") {
    HANDLE e = manual_event();
    DWORD code;
    CHECK_FAILS(GetExitCodeThread(e, &code), ERROR_INVALID_HANDLE);
    CHECK_FAILS(GetThreadId(e), ERROR_INVALID_HANDLE);
    CHECK_FAILS(GetExitCodeProcess(e, &code), ERROR_INVALID_HANDLE);
    CHECK_FAILS(GetProcessId(e), ERROR_INVALID_HANDLE);
    CHECK_FAILS(GetExitCodeThread(GetCurrentProcess(), &code), ERROR_INVALID_HANDLE);
    CHECK_FAILS(GetProcessId(GetCurrentThread()), ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(e));
    CHECK_FAILS(GetThreadId(e), ERROR_INVALID_HANDLE);
}

TEST("W32-PROC-1", "this process: its id, and that it is still active") {
    DWORD code = 0;
    CHECK_EQ(GetProcessId(GetCurrentProcess()), GetCurrentProcessId());
    CHECK(GetExitCodeProcess(GetCurrentProcess(), &code));
    CHECK_EQ(code, STILL_ACTIVE);
    HANDLE self =
        OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, GetCurrentProcessId());
    REQUIRE(self != NULL);
    CHECK_EQ(GetProcessId(self), GetCurrentProcessId());
    CHECK_EQ(POLL(self), WAIT_TIMEOUT);
    CHECK(CloseHandle(self));
}

TEST("W32-PROC-1", "OpenProcess of no process fails with 87") {
    CHECK_FAILS(OpenProcess(SYNCHRONIZE, FALSE, 0), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(OpenProcess(SYNCHRONIZE, FALSE, 0x7ffffff0), ERROR_INVALID_PARAMETER);
}

TEST("W32-THREAD-1", "SwitchToThread returns") {
    for (int i = 0; i < 100; i++) {
        BOOL switched = SwitchToThread();
        CHECK(switched == TRUE || switched == FALSE);
    }
}

static DWORD slot;

static DWORD WINAPI use_slot(LPVOID argument) {
    if (TlsGetValue(slot) != NULL)
        return 1;
    if (!TlsSetValue(slot, argument))
        return 2;
    return TlsGetValue(slot) == argument ? 0 : 3;
}

TEST("W32-TLS-1", "each thread has its own value, NULL at first") {
    slot = TlsAlloc();
    REQUIRE(slot != TLS_OUT_OF_INDEXES);
    CHECK(TlsGetValue(slot) == NULL);
    CHECK(TlsSetValue(slot, &slot));
    HANDLE t[4];
    for (int i = 0; i < 4; i++)
        REQUIRE((t[i] = CreateThread(NULL, 0, use_slot, &t[i], 0, NULL)) != NULL);
    for (int i = 0; i < 4; i++) {
        CHECK(signaled(t[i]));
        CHECK_EQ(code_of(t[i]), 0);
        CloseHandle(t[i]);
    }
    CHECK(TlsGetValue(slot) == &slot);
    CHECK(TlsFree(slot));
}

TEST("W32-TLS-1", "a slot that is taken again reads as NULL") {
    DWORD first = TlsAlloc();
    CHECK(TlsSetValue(first, &first));
    CHECK(TlsFree(first));
    DWORD again = TlsAlloc();
    REQUIRE(again != TLS_OUT_OF_INDEXES);
    CHECK(TlsGetValue(again) == NULL);
    CHECK(TlsFree(again));
}

TEST("W32-TLS-1", "a program gets a thousand slots at least, and then no more") {
    static DWORD taken[1100];
    int count_taken = 0;
    while (count_taken < 1100 && (taken[count_taken] = TlsAlloc()) != TLS_OUT_OF_INDEXES)
        count_taken++;
    CHECK_OP(count_taken, >=, 1000);
    CHECK_OP(count_taken, <, 1100);
    CHECK(TlsSetValue(taken[count_taken - 1], &slot));
    CHECK(TlsGetValue(taken[count_taken - 1]) == &slot);
    CHECK(TlsGetValue(taken[0]) == NULL);
    for (int i = 0; i < count_taken; i++)
        CHECK(TlsFree(taken[i]));
}

TEST("W32-TLS-1", "bad indices fail with 87; a good TlsGetValue clears the last error") {
    CHECK_FAILS(TlsSetValue(5000, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(TlsFree(5000), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(TlsGetValue(5000), ERROR_INVALID_PARAMETER);
    DWORD mine = TlsAlloc();
    SetLastError(0xdeadbeef);
    CHECK(TlsGetValue(mine) == NULL);
    CHECK_EQ(GetLastError(), ERROR_SUCCESS);
    CHECK(TlsFree(mine));
    CHECK_FAILS(TlsFree(mine), ERROR_INVALID_PARAMETER);
}
