// SPDX-License-Identifier: Apache-2.0
/* Waitable timers: R-SYNC-4. */
#include "tests/conformance/fixture.h"

#define POLL(handle) WaitForSingleObject(handle, 0)
#define FAR_MS 3600000

static LARGE_INTEGER after_ms(LONGLONG ms) {
    LARGE_INTEGER due;
    due.QuadPart = -ms * 10000;
    return due;
}

static LONGLONG utc_now(void) {
    FILETIME now;
    GetSystemTimeAsFileTime(&now);
    return (LONGLONG)((ULONGLONG)now.dwHighDateTime << 32 | now.dwLowDateTime);
}

static BOOL set_ms(HANDLE timer, LONGLONG ms, LONG period) {
    LARGE_INTEGER due = after_ms(ms);
    return SetWaitableTimer(timer, &due, period, NULL, NULL, FALSE);
}

static HANDLE manual_timer(void) {
    return CreateWaitableTimerA(NULL, TRUE, NULL);
}

static HANDLE auto_timer(void) {
    return CreateWaitableTimerA(NULL, FALSE, NULL);
}

TEST("R-SYNC-4", "a new timer is not signaled") {
    HANDLE t = manual_timer(), a = CreateWaitableTimerW(NULL, FALSE, NULL);
    REQUIRE(t && a);
    CHECK_EQ(POLL(t), WAIT_TIMEOUT);
    CHECK_EQ(WaitForSingleObject(a, 1), WAIT_TIMEOUT);
    CHECK(CloseHandle(t));
    CHECK(CloseHandle(a));
}

TEST("R-SYNC-4", "a relative due time is waited for, never shorter") {
    HANDLE t = auto_timer();
    ULONGLONG begin = GetTickCount64();
    CHECK(set_ms(t, 60, 0));
    CHECK_EQ(POLL(t), WAIT_TIMEOUT);
    CHECK(signaled(t));
    CHECK_OP(GetTickCount64() - begin, >=, 59);
    CloseHandle(t);
}

TEST("R-SYNC-4", "a manual-reset timer stays signaled, a synchronization timer for one wait") {
    HANDLE manual = manual_timer(), once = auto_timer();
    CHECK(set_ms(manual, 1, 0));
    CHECK(set_ms(once, 1, 0));
    CHECK(signaled(manual));
    CHECK_EQ(POLL(manual), WAIT_OBJECT_0);
    CHECK_EQ(POLL(manual), WAIT_OBJECT_0);
    CHECK(signaled(once));
    CHECK_EQ(POLL(once), WAIT_TIMEOUT);
    CloseHandle(manual);
    CloseHandle(once);
}

TEST("R-SYNC-4", "setting makes a timer nonsignaled") {
    HANDLE t = manual_timer();
    CHECK(set_ms(t, 0, 0));
    CHECK(signaled(t));
    CHECK(set_ms(t, FAR_MS, 0));
    CHECK_EQ(POLL(t), WAIT_TIMEOUT);
    CloseHandle(t);
}

TEST("R-SYNC-4", "cancelling does not change the signaled state") {
    HANDLE t = manual_timer();
    CHECK(set_ms(t, 1, 0));
    CHECK(signaled(t));
    CHECK(CancelWaitableTimer(t));
    CHECK_EQ(POLL(t), WAIT_OBJECT_0);
    CHECK(set_ms(t, FAR_MS, 0));
    CHECK(CancelWaitableTimer(t));
    CHECK_EQ(POLL(t), WAIT_TIMEOUT);
    CHECK(CancelWaitableTimer(t));
    CloseHandle(t);
}

TEST("R-SYNC-4", "a cancelled timer does not expire") {
    HANDLE t = auto_timer();
    CHECK(set_ms(t, 20, 20));
    CHECK(CancelWaitableTimer(t));
    CHECK(quiet(t));
    CloseHandle(t);
}

TEST("R-SYNC-4", "a due time of 0 or in the past signals at once") {
    HANDLE t = auto_timer();
    LARGE_INTEGER due;
    due.QuadPart = 0;
    CHECK(SetWaitableTimer(t, &due, 0, NULL, NULL, FALSE));
    CHECK(signaled(t));
    due.QuadPart = utc_now() - 10000000;
    CHECK(SetWaitableTimer(t, &due, 0, NULL, NULL, FALSE));
    CHECK(signaled(t));
    CHECK_EQ(POLL(t), WAIT_TIMEOUT);
    CloseHandle(t);
}

TEST("R-SYNC-4", "an absolute due time is a FILETIME") {
    HANDLE t = auto_timer();
    LARGE_INTEGER due;
    due.QuadPart = utc_now() + 60 * 10000;
    CHECK(SetWaitableTimer(t, &due, 0, NULL, NULL, FALSE));
    CHECK_EQ(POLL(t), WAIT_TIMEOUT);
    CHECK(signaled(t));
    CHECK(utc_now() >= due.QuadPart);
    due.QuadPart = utc_now() + (LONGLONG)FAR_MS * 10000;
    CHECK(SetWaitableTimer(t, &due, 0, NULL, NULL, FALSE));
    CHECK(quiet(t));
    CloseHandle(t);
}

TEST("R-SYNC-4", "a period signals again and again") {
    HANDLE t = auto_timer();
    ULONGLONG begin = GetTickCount64();
    CHECK(set_ms(t, 10, 10));
    for (int i = 0; i < 5; i++)
        CHECK(signaled(t));
    CHECK_OP(GetTickCount64() - begin, >=, 49);
    CHECK(CancelWaitableTimer(t));
    CloseHandle(t);
}

TEST("R-SYNC-4", "a period after an absolute time far back counts from now") {
    HANDLE t = auto_timer();
    LARGE_INTEGER due;
    due.QuadPart = 1;
    CHECK(SetWaitableTimer(t, &due, 30, NULL, NULL, FALSE));
    CHECK(signaled(t));
    CHECK(signaled(t));
    CHECK(signaled(t));
    CloseHandle(t);
}

TEST("R-SYNC-4", "missed periods coalesce into one signal") {
    HANDLE t = auto_timer(), never = manual_event();
    CHECK(set_ms(t, 1, 1));
    CHECK(quiet(never));
    CHECK(signaled(t));
    CHECK(CancelWaitableTimer(t));
    while (POLL(t) == WAIT_OBJECT_0) /* the one between the last two calls */
        continue;
    CHECK_EQ(POLL(t), WAIT_TIMEOUT);
    CloseHandle(t);
    CloseHandle(never);
}

TEST("R-SYNC-4", "a negative period fails with 87 and leaves the timer") {
    HANDLE t = manual_timer();
    LARGE_INTEGER due = after_ms(0);
    CHECK(set_ms(t, 0, 0));
    CHECK(signaled(t));
    CHECK_FAILS(SetWaitableTimer(t, &due, -1, NULL, NULL, FALSE), ERROR_INVALID_PARAMETER);
    CHECK_EQ(POLL(t), WAIT_OBJECT_0);
    CloseHandle(t);
}

TEST("R-SYNC-4", "bad handles fail with 6") {
    HANDLE e = manual_event(), t = manual_timer();
    LARGE_INTEGER due = after_ms(1);
    CHECK_FAILS(SetWaitableTimer(e, &due, 0, NULL, NULL, FALSE), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CancelWaitableTimer(e), ERROR_INVALID_HANDLE);
    CHECK_FAILS(SetEvent(t), ERROR_INVALID_HANDLE);
    CloseHandle(t);
    CHECK_FAILS(SetWaitableTimer(t, &due, 0, NULL, NULL, FALSE), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CancelWaitableTimer(t), ERROR_INVALID_HANDLE);
    CloseHandle(e);
}

TEST("R-SYNC-4", "CreateWaitableTimerEx takes the kind as a flag") {
    HANDLE once = CreateWaitableTimerExA(NULL, NULL, 0, TIMER_ALL_ACCESS);
    HANDLE manual =
        CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_MANUAL_RESET, TIMER_ALL_ACCESS);
    REQUIRE(once && manual);
    CHECK(set_ms(once, 0, 0));
    CHECK(set_ms(manual, 0, 0));
    CHECK(signaled(once));
    CHECK_EQ(POLL(once), WAIT_TIMEOUT);
    CHECK(signaled(manual));
    CHECK_EQ(POLL(manual), WAIT_OBJECT_0);
    CloseHandle(once);
    CloseHandle(manual);
}

TEST("R-SYNC-4", "SetWaitableTimerEx with a tolerable delay") {
    HANDLE t = auto_timer();
    LARGE_INTEGER due = after_ms(5);
    CHECK(SetWaitableTimerEx(t, &due, 0, NULL, NULL, NULL, 10));
    CHECK(signaled(t));
    CloseHandle(t);
}

TEST("R-SYNC-8", "a timer has a name in the namespace of all objects") {
    HANDLE t = CreateWaitableTimerA(NULL, TRUE, "waitable_timer.c-name");
    CHECK_EQ(GetLastError(), ERROR_SUCCESS);
    HANDLE again = CreateWaitableTimerA(NULL, FALSE, "waitable_timer.c-name");
    CHECK_EQ(GetLastError(), ERROR_ALREADY_EXISTS);
    HANDLE opened = OpenWaitableTimerA(TIMER_ALL_ACCESS, FALSE, "waitable_timer.c-name");
    REQUIRE(t && again && opened);
    CHECK(set_ms(t, 0, 0));
    CHECK(signaled(again));
    CHECK_EQ(POLL(opened), WAIT_OBJECT_0); /* it is the manual-reset one */
    CHECK_FAILS(CreateEventA(NULL, TRUE, FALSE, "waitable_timer.c-name"), ERROR_INVALID_HANDLE);
    CloseHandle(t);
    CloseHandle(again);
    CloseHandle(opened);
}

TEST("R-SYNC-6", "timers among other objects, for any and for all") {
    HANDLE t = auto_timer(), e = auto_event(), later = manual_timer();
    HANDLE set[3] = {later, e, t}, both[2] = {e, t};
    CHECK(set_ms(later, FAR_MS, 0));
    CHECK(set_ms(t, 5, 0));
    CHECK_EQ(WaitForMultipleObjects(3, set, FALSE, WAIT_LIMIT_MS), WAIT_OBJECT_0 + 2);
    CHECK_EQ(WaitForMultipleObjects(3, set, FALSE, 5), WAIT_TIMEOUT);
    CHECK(set_ms(t, 5, 0));
    CHECK_EQ(WaitForMultipleObjects(2, both, TRUE, 30), WAIT_TIMEOUT);
    CHECK(SetEvent(e));
    CHECK_EQ(WaitForMultipleObjects(2, both, TRUE, WAIT_LIMIT_MS), WAIT_OBJECT_0);
    CHECK_EQ(POLL(e), WAIT_TIMEOUT);
    CHECK_EQ(POLL(t), WAIT_TIMEOUT);
    CHECK(SetEvent(e));
    CHECK(set_ms(t, 20, 0));
    CHECK_EQ(WaitForMultipleObjects(2, both, TRUE, WAIT_LIMIT_MS), WAIT_OBJECT_0);
    CloseHandle(t);
    CloseHandle(e);
    CloseHandle(later);
}

struct waiting {
    HANDLE timer, through;
    counter released;
};

static DWORD WINAPI wait_for_timer(LPVOID argument) {
    struct waiting* w = argument;
    DWORD result = WaitForSingleObject(w->timer, WAIT_LIMIT_MS);
    InterlockedIncrement(&w->released);
    ReleaseSemaphore(w->through, 1, NULL);
    return result;
}

TEST("R-SYNC-4", "a manual-reset timer releases all that wait, a synchronization timer one") {
    for (int manual = 0; manual < 2; manual++) {
        struct waiting* w = fresh(sizeof *w);
        HANDLE threads[3];
        w->timer = manual ? manual_timer() : auto_timer();
        w->through = CreateSemaphoreA(NULL, 0, 3, NULL);
        for (int i = 0; i < 3; i++)
            REQUIRE((threads[i] = CreateThread(NULL, 0, wait_for_timer, w, 0, NULL)) != NULL);
        CHECK(set_ms(w->timer, 10, 0));
        CHECK(signaled(w->through));
        if (!manual) {
            CHECK(quiet(w->through));
            CHECK_EQ(count(&w->released), 1);
            CHECK(set_ms(w->timer, 1, 1));
        }
        CHECK_EQ(WaitForMultipleObjects(3, threads, TRUE, WAIT_LIMIT_MS), WAIT_OBJECT_0);
        for (int i = 0; i < 3; i++)
            CloseHandle(threads[i]);
        CloseHandle(w->timer);
        CloseHandle(w->through);
    }
}

TEST("R-SYNC-4", "setting a timer earlier moves those who already wait for it") {
    struct waiting* w = fresh(sizeof *w);
    w->timer = manual_timer();
    w->through = CreateSemaphoreA(NULL, 0, 1, NULL);
    CHECK(set_ms(w->timer, FAR_MS, 0));
    HANDLE t = CreateThread(NULL, 0, wait_for_timer, w, 0, NULL);
    REQUIRE(t != NULL);
    CHECK(quiet(w->through));
    CHECK(set_ms(w->timer, 1, 0));
    CHECK(signaled(t));
    DWORD code = 0;
    CHECK(GetExitCodeThread(t, &code));
    CHECK_EQ(code, WAIT_OBJECT_0);
    CloseHandle(t);
    CloseHandle(w->timer);
    CloseHandle(w->through);
}

/* ---- completion routines
 * ---------------------------------------------------------------------- */

static char trace[64];
static counter calls;
static DWORD ran_on;
static ULONGLONG told;

static VOID CALLBACK note_timer(LPVOID argument, DWORD low, DWORD high) {
    size_t length = strlen(trace);
    if (length + 1 < sizeof trace)
        trace[length] = *(const char*)argument;
    ran_on = GetCurrentThreadId();
    told = (ULONGLONG)high << 32 | low;
    InterlockedIncrement(&calls);
}

static VOID CALLBACK note_apc(ULONG_PTR what) {
    size_t length = strlen(trace);
    if (length + 1 < sizeof trace)
        trace[length] = (char)what;
    InterlockedIncrement(&calls);
}

static void begin(void) {
    memset(trace, 0, sizeof trace);
    InterlockedExchange(&calls, 0);
    ran_on = 0;
    told = 0;
}

static BOOL set_apc_ms(HANDLE timer, LONGLONG ms, LONG period, const char* what) {
    LARGE_INTEGER due = after_ms(ms);
    return SetWaitableTimer(timer, &due, period, note_timer, (LPVOID)(ULONG_PTR)what, FALSE);
}

TEST("R-SYNC-4", "the completion routine runs in an alertable wait of the thread that set it") {
    HANDLE t = manual_timer();
    begin();
    LONGLONG before = utc_now();
    CHECK(set_apc_ms(t, 20, 0, "t"));
    CHECK_EQ(SleepEx(WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(count(&calls), 1);
    CHECK_EQ(ran_on, GetCurrentThreadId());
    /* When it was signaled, by a clock that may advance in steps of 16 ms. */
    CHECK((LONGLONG)told + 200000 > before);
    CHECK((LONGLONG)told <= utc_now() + 200000);
    CHECK_EQ(POLL(t), WAIT_OBJECT_0);
    CHECK_EQ(SleepEx(0, TRUE), 0);
    CloseHandle(t);
}

TEST("R-SYNC-4", "without an alertable wait the completion routine does not run") {
    HANDLE t = manual_timer();
    begin();
    CHECK(set_apc_ms(t, 1, 0, "t"));
    CHECK(signaled(t));
    CHECK_EQ(count(&calls), 0);
    CHECK_EQ(SleepEx(0, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(count(&calls), 1);
    CloseHandle(t);
}

TEST("R-SYNC-4", "a periodic timer's routine runs once for each alertable wait it interrupts") {
    HANDLE t = auto_timer();
    begin();
    CHECK(set_apc_ms(t, 5, 5, "p"));
    for (int i = 0; i < 5; i++)
        CHECK_EQ(SleepEx(WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
    CHECK_OP(count(&calls), >=, 5);
    CHECK(CancelWaitableTimer(t));
    CloseHandle(t);
    SleepEx(0, TRUE);
    LONG after = count(&calls);
    CHECK_EQ(SleepEx(30, TRUE), 0);
    CHECK_EQ(count(&calls), after);
}

TEST("R-SYNC-4", "cancelling takes back a routine that has not run") {
    HANDLE t = manual_timer();
    begin();
    CHECK(set_apc_ms(t, 1, 0, "t"));
    CHECK(signaled(t));
    CHECK(CancelWaitableTimer(t));
    CHECK_EQ(SleepEx(0, TRUE), 0);
    CHECK_EQ(count(&calls), 0);
    CloseHandle(t);
}

TEST("R-SYNC-4", "setting again takes back a routine that has not run") {
    HANDLE t = manual_timer();
    begin();
    CHECK(set_apc_ms(t, 1, 0, "t"));
    CHECK(signaled(t));
    CHECK(set_ms(t, FAR_MS, 0));
    CHECK_EQ(SleepEx(0, TRUE), 0);
    CHECK(set_apc_ms(t, 1, 0, "u"));
    CHECK_EQ(SleepEx(WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
    CHECK(!strcmp(trace, "u"));
    CloseHandle(t);
}

TEST("R-SYNC-4", "a routine and APCs run in the order in which they became due") {
    HANDLE t = manual_timer();
    begin();
    CHECK(QueueUserAPC(note_apc, GetCurrentThread(), 'a'));
    CHECK(set_apc_ms(t, 1, 0, "t"));
    CHECK(signaled(t));
    Sleep(2); /* not to order anything: clocks of 1 ms resolution shall tell the two apart */
    CHECK(QueueUserAPC(note_apc, GetCurrentThread(), 'b'));
    CHECK_EQ(SleepEx(0, TRUE), WAIT_IO_COMPLETION);
    CHECK(!strcmp(trace, "atb"));
    CloseHandle(t);
}

TEST("R-SYNC-4", "several timers with routines on one thread") {
    HANDLE t[3] = {manual_timer(), manual_timer(), manual_timer()};
    begin();
    CHECK(set_apc_ms(t[0], 60, 0, "c"));
    CHECK(set_apc_ms(t[1], 10, 0, "a"));
    CHECK(set_apc_ms(t[2], 30, 0, "b"));
    while (count(&calls) < 3)
        CHECK_EQ(SleepEx(WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
    CHECK(!strcmp(trace, "abc"));
    for (int i = 0; i < 3; i++)
        CloseHandle(t[i]);
}

TEST("W32-APC-2", "a timer's routine ends any alertable wait, not only sleeps") {
    HANDLE t = auto_timer(), e[2] = {manual_event(), manual_event()};
    begin();
    CHECK(set_apc_ms(t, 5, 0, "1"));
    CHECK_EQ(WaitForSingleObjectEx(e[0], WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
    CHECK(set_apc_ms(t, 5, 0, "2"));
    CHECK_EQ(WaitForMultipleObjectsEx(2, e, FALSE, WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
    CHECK(set_apc_ms(t, 5, 0, "3"));
    CHECK_EQ(WaitForMultipleObjectsEx(2, e, TRUE, WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
    CHECK(!strcmp(trace, "123"));
    CloseHandle(t);
    CloseHandle(e[0]);
    CloseHandle(e[1]);
}

static DWORD WINAPI set_and_leave(LPVOID argument) {
    return set_apc_ms(argument, 1, 1, "x") ? 0 : 1;
}

TEST("R-SYNC-4", "the routine dies with the thread that set it, the timer does not") {
    HANDLE t = auto_timer();
    begin();
    HANDLE thread = CreateThread(NULL, 0, set_and_leave, t, 0, NULL);
    REQUIRE(thread != NULL);
    CHECK(signaled(thread));
    CHECK(signaled(t));
    CHECK_EQ(SleepEx(20, TRUE), 0);
    CHECK_EQ(count(&calls), 0);
    CloseHandle(thread);
    CloseHandle(t);
}

TEST("R-SYNC-4", "a closed timer calls nothing any more") {
    begin();
    for (int i = 0; i < 10; i++) {
        HANDLE t = auto_timer();
        CHECK(set_apc_ms(t, 1, 1, "x"));
        CHECK(CloseHandle(t));
    }
    CHECK_EQ(SleepEx(20, TRUE), 0);
    CHECK_EQ(count(&calls), 0);
}
