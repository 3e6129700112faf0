// SPDX-License-Identifier: Apache-2.0
/* Wait objects: R-WAIT-*. */
#include "tests/conformance/fixture.h"

#define FAR_MS 3600000

struct watch {
    struct probe* p;
    counter signals, timeouts, others;
    HANDLE fired;  /* semaphore: one unit for each callback, after it was counted */
    HANDLE target; /* what a callback sets the wait to again, if not NULL */
};

static struct watch* watch_new(DWORD maximum) {
    struct watch* w = fresh(sizeof *w);
    w->p = probe_new(0, maximum);
    w->fired = CreateSemaphoreA(NULL, 0, 1000000, NULL);
    if (!w->fired)
        abort();
    return w;
}

static void watch_end(struct watch* w) {
    CHECK_EQ(count(&w->others), 0);
    probe_end(w->p);
    CloseHandle(w->fired);
}

static void note(struct watch* w, TP_WAIT_RESULT result) {
    InterlockedIncrement(result == WAIT_OBJECT_0  ? &w->signals
                         : result == WAIT_TIMEOUT ? &w->timeouts
                                                  : &w->others);
    ReleaseSemaphore(w->fired, 1, NULL);
}

static VOID CALLBACK on_wait(PTP_CALLBACK_INSTANCE instance,
                             PVOID context,
                             PTP_WAIT wait,
                             TP_WAIT_RESULT result) {
    struct watch* w = context;
    (void)instance;
    if (w->target)
        SetThreadpoolWait(wait, w->target, NULL);
    note(w, result);
}

static VOID CALLBACK on_wait_gated(PTP_CALLBACK_INSTANCE instance,
                                   PVOID context,
                                   PTP_WAIT wait,
                                   TP_WAIT_RESULT result) {
    struct watch* w = context;
    (void)instance;
    (void)wait;
    probe_enter(w->p);
    CHECK(signaled(w->p->gate));
    note(w, result);
    probe_leave(w->p);
}

static PTP_WAIT new_wait(struct watch* w, PTP_WAIT_CALLBACK callback) {
    PTP_WAIT wait = CreateThreadpoolWait(callback, w, &w->p->env);
    if (!wait)
        abort();
    return wait;
}

static void end_wait(PTP_WAIT wait) {
    SetThreadpoolWait(wait, NULL, NULL);
    WaitForThreadpoolWaitCallbacks(wait, TRUE);
    CloseThreadpoolWait(wait);
}

TEST("R-WAIT-1", "a created wait is unset and fires nothing") {
    struct watch* w = watch_new(2);
    PTP_WAIT wait = new_wait(w, on_wait);
    CHECK(quiet(w->fired));
    end_wait(wait);
    watch_end(w);
}

TEST("R-WAIT-1", "creation fails without a callback, and with a bad environment") {
    struct watch* w = watch_new(2);
    CHECK_FAILS(CreateThreadpoolWait(NULL, w, &w->p->env), ERROR_INVALID_PARAMETER);
    w->p->env.Version = 9999;
    CHECK_FAILS(CreateThreadpoolWait(on_wait, w, &w->p->env), ERROR_INVALID_PARAMETER);
    w->p->env.Version = 3;
    watch_end(w);
}

TEST("R-WAIT-2", "one callback when the object is signalled") {
    struct watch* w = watch_new(2);
    HANDLE event = auto_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    SetThreadpoolWait(wait, event, NULL);
    CHECK(quiet(w->fired));
    SetEvent(event);
    CHECK(take(w->fired, 1));
    CHECK_EQ(count(&w->signals), 1);
    CHECK(quiet(w->fired));
    end_wait(wait);
    CloseHandle(event);
    watch_end(w);
}

TEST("R-WAIT-2", "one callback when the time is over first") {
    struct watch* w = watch_new(2);
    HANDLE event = auto_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    ULONGLONG begin = GetTickCount64();
    SetThreadpoolWait(wait, event, in_ms(30));
    CHECK(take(w->fired, 1));
    CHECK_OP(GetTickCount64() - begin + 1, >=, 30);
    CHECK_EQ(count(&w->timeouts), 1);
    SetEvent(event);
    CHECK(quiet(w->fired));
    end_wait(wait);
    CloseHandle(event);
    watch_end(w);
}

TEST("R-WAIT-3", "a wait is one-shot") {
    struct watch* w = watch_new(2);
    HANDLE event = auto_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    SetThreadpoolWait(wait, event, NULL);
    SetEvent(event);
    REQUIRE(take(w->fired, 1));
    SetEvent(event);
    CHECK(quiet(w->fired));
    CHECK_EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    for (int i = 0; i < 20; i++) {
        SetThreadpoolWait(wait, event, NULL);
        SetEvent(event);
        CHECK(take(w->fired, 1));
    }
    end_wait(wait);
    CloseHandle(event);
    watch_end(w);
}

TEST("R-WAIT-4", "an object that is signalled already is noticed at once, on a worker") {
    struct probe* p;
    struct watch* w = watch_new(2);
    HANDLE event = manual_event();
    PTP_WAIT wait = new_wait(w, on_wait_gated);
    p = w->p;
    SetEvent(event);
    SetThreadpoolWait(wait, event, NULL);
    REQUIRE(take(p->entered, 1)); /* Set has returned although the callback blocks */
    CHECK(count(&p->thread) != (LONG)GetCurrentThreadId());
    SetEvent(p->gate);
    CHECK(take(w->fired, 1));
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    end_wait(wait);
    CloseHandle(event);
    watch_end(w);
}

TEST("R-WAIT-5", "a timeout of zero: at once unless the object is signalled") {
    struct watch* w = watch_new(2);
    HANDLE event = auto_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    SetThreadpoolWait(wait, event, in_ms(0));
    CHECK(take(w->fired, 1));
    CHECK_EQ(count(&w->timeouts), 1);
    end_wait(wait);
    CloseHandle(event);
    watch_end(w);
}

TEST("R-WAIT-5", "an absolute timeout in the past") {
    struct watch* w = watch_new(2);
    HANDLE event = auto_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    FILETIME ancient = {1, 0};
    SetThreadpoolWait(wait, event, &ancient);
    CHECK(take(w->fired, 1));
    CHECK_EQ(count(&w->timeouts), 1);
    end_wait(wait);
    CloseHandle(event);
    watch_end(w);
}

TEST("R-WAIT-6", "a signalled object wins over a timeout of zero") {
    struct watch* w = watch_new(2);
    HANDLE event = auto_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    SetEvent(event);
    SetThreadpoolWait(wait, event, in_ms(0));
    CHECK(take(w->fired, 1));
    CHECK_EQ(count(&w->signals), 1);
    end_wait(wait);
    CloseHandle(event);
    watch_end(w);
}

TEST("R-WAIT-7", "success takes one unit of a semaphore, a timeout none") {
    struct watch* w = watch_new(2);
    HANDLE semaphore = CreateSemaphoreA(NULL, 0, 10, NULL);
    PTP_WAIT wait = new_wait(w, on_wait);
    LONG before = -1;
    SetThreadpoolWait(wait, semaphore, NULL);
    CHECK(ReleaseSemaphore(semaphore, 1, NULL));
    REQUIRE(take(w->fired, 1));
    CHECK(ReleaseSemaphore(semaphore, 3, &before));
    CHECK_EQ(before, 0);
    SetThreadpoolWait(wait, semaphore, NULL);
    REQUIRE(take(w->fired, 1));
    CHECK(ReleaseSemaphore(semaphore, 1, &before));
    CHECK_EQ(before, 2);
    end_wait(wait);
    CloseHandle(semaphore);
    watch_end(w);
}

TEST("R-WAIT-7", "an auto-reset event is reset, a manual-reset event is not") {
    struct watch* w = watch_new(2);
    HANDLE once = auto_event(), always = manual_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    SetEvent(once);
    SetThreadpoolWait(wait, once, NULL);
    REQUIRE(take(w->fired, 1));
    CHECK_EQ(WaitForSingleObject(once, 0), WAIT_TIMEOUT);
    SetEvent(always);
    SetThreadpoolWait(wait, always, NULL);
    REQUIRE(take(w->fired, 1));
    CHECK_EQ(WaitForSingleObject(always, 0), WAIT_OBJECT_0);
    end_wait(wait);
    CloseHandle(once);
    CloseHandle(always);
    watch_end(w);
}

TEST("R-WAIT-8", "two waits on one auto-reset event: one callback for each signal") {
    struct watch* w = watch_new(2);
    HANDLE event = auto_event();
    PTP_WAIT waits[2] = {new_wait(w, on_wait), new_wait(w, on_wait)};
    SetThreadpoolWait(waits[0], event, NULL);
    SetThreadpoolWait(waits[1], event, NULL);
    SetEvent(event);
    CHECK(take(w->fired, 1));
    CHECK(quiet(w->fired));
    SetEvent(event);
    CHECK(take(w->fired, 1));
    end_wait(waits[0]);
    end_wait(waits[1]);
    CloseHandle(event);
    watch_end(w);
}

TEST("R-WAIT-9", "a NULL handle stops, whatever the timeout pointer") {
    struct watch* w = watch_new(2);
    HANDLE event = auto_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    SetThreadpoolWait(wait, event, NULL);
    SetThreadpoolWait(wait, NULL, (FILETIME*)(ULONG_PTR)0xdead0);
    SetEvent(event);
    CHECK(quiet(w->fired));
    CHECK_EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    end_wait(wait);
    CloseHandle(event);
    watch_end(w);
}

TEST("R-WAIT-10", "each Set replaces handle and timeout") {
    struct watch* w = watch_new(2);
    HANDLE old = auto_event(), event = auto_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    SetThreadpoolWait(wait, old, in_ms(40));
    SetThreadpoolWait(wait, event, NULL);
    SetEvent(old);
    CHECK(quiet(w->fired));
    SetEvent(event);
    CHECK(take(w->fired, 1));
    CHECK_EQ(count(&w->signals), 1);
    end_wait(wait);
    CloseHandle(old);
    CloseHandle(event);
    watch_end(w);
}

TEST("R-WAIT-12", "a handle may be closed while it is watched") {
    struct watch* w = watch_new(2);
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    PTP_WAIT wait = new_wait(w, on_wait);
    SetThreadpoolWait(wait, event, in_ms(30));
    CloseHandle(event);
    CHECK(take(w->fired, 1));
    CHECK_EQ(count(&w->timeouts), 1);
    end_wait(wait);
    watch_end(w);
}

TEST("R-WAIT-13", "Wait(TRUE) leaves an armed wait armed") {
    struct watch* w = watch_new(2);
    HANDLE event = auto_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    SetThreadpoolWait(wait, event, NULL);
    WaitForThreadpoolWaitCallbacks(wait, TRUE);
    SetEvent(event);
    CHECK(take(w->fired, 1));
    end_wait(wait);
    CloseHandle(event);
    watch_end(w);
}

/* The signal may reach the wait object after SetEvent or ReleaseSemaphore has returned: the
 * callback is queued for sure once the unit is gone. */
TEST("R-WAIT-13", "Wait(TRUE) drops a callback that is queued") {
    struct watch* w = watch_new(1);
    HANDLE semaphore = CreateSemaphoreA(NULL, 1, 1, NULL);
    PTP_WAIT wait = new_wait(w, on_wait);
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, w->p, &w->p->env));
    REQUIRE(take(w->p->entered, 1));
    SetThreadpoolWait(wait, semaphore, NULL);
    REQUIRE(replace_unit(semaphore));
    WaitForThreadpoolWaitCallbacks(wait, TRUE);
    SetEvent(w->p->gate);
    REQUIRE(take(w->p->done, 1));
    CHECK(quiet(w->fired));
    SetThreadpoolWait(wait, semaphore, NULL);
    CHECK(take(w->fired, 1));
    CHECK_EQ(WaitForSingleObject(semaphore, 0), WAIT_TIMEOUT);
    end_wait(wait);
    CloseHandle(semaphore);
    watch_end(w);
}

TEST("R-WAIT-14", "Wait(FALSE) on an armed wait returns") {
    struct watch* w = watch_new(2);
    HANDLE event = auto_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    SetThreadpoolWait(wait, event, in_ms(FAR_MS));
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    SetEvent(event);
    CHECK(take(w->fired, 1));
    end_wait(wait);
    CloseHandle(event);
    watch_end(w);
}

TEST("R-WAIT-15", "Ex: TRUE when the arming before was cancelled") {
    struct watch* w = watch_new(2);
    HANDLE event = auto_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    CHECK(!SetThreadpoolWaitEx(wait, event, NULL, NULL));
    CHECK(SetThreadpoolWaitEx(wait, event, in_ms(FAR_MS), NULL));
    SetEvent(event);
    REQUIRE(take(w->fired, 1));
    CHECK(!SetThreadpoolWaitEx(wait, event, NULL, NULL));
    CHECK(SetThreadpoolWaitEx(wait, NULL, NULL, NULL));
    CHECK(!SetThreadpoolWaitEx(wait, NULL, NULL, NULL));
    end_wait(wait);
    CloseHandle(event);
    watch_end(w);
}

TEST("R-WAIT-16",
     "set again in its callback on an event that stays signalled, a wait overlaps itself") {
    struct watch* w = watch_new(4);
    HANDLE event = manual_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    w->target = event;
    SetEvent(event);
    SetThreadpoolWait(wait, event, NULL);
    CHECK(take(w->fired, 50));
    ResetEvent(event);
    end_wait(wait);
    CloseHandle(event);
    watch_end(w);
}

TEST("R-WAIT-16",
     "set again in its callback on an auto-reset event: one callback for each signal") {
    struct watch* w = watch_new(4);
    HANDLE event = auto_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    w->target = event;
    SetThreadpoolWait(wait, event, NULL);
    for (int i = 0; i < 50; i++) {
        SetEvent(event);
        REQUIRE(take(w->fired, 1));
    }
    CHECK(quiet(w->fired));
    end_wait(wait);
    CloseHandle(event);
    watch_end(w);
}

#define MANY 2000

TEST("R-WAIT-17", "two thousand waits at once") {
    struct watch* w = watch_new(4);
    HANDLE* events = fresh(MANY * sizeof *events);
    PTP_WAIT* waits = fresh(MANY * sizeof *waits);
    for (int i = 0; i < MANY; i++) {
        events[i] = auto_event();
        waits[i] = new_wait(w, on_wait);
        SetThreadpoolWait(waits[i], events[i], i % 2 ? in_ms(FAR_MS) : NULL);
    }
    for (int i = MANY; i > 0; i--)
        SetEvent(events[i - 1]);
    CHECK(take(w->fired, MANY));
    CHECK_EQ(count(&w->signals), MANY);
    for (int i = 0; i < MANY; i++) {
        end_wait(waits[i]);
        CloseHandle(events[i]);
    }
    watch_end(w);
}

TEST("R-WAIT-18", "an armed wait may be closed") {
    struct watch* w = watch_new(2);
    HANDLE event = auto_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    SetThreadpoolWait(wait, event, in_ms(30));
    CloseThreadpoolWait(wait);
    SetEvent(event);
    CHECK(quiet(w->fired));
    CHECK_EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    CloseHandle(event);
    watch_end(w);
}

TEST("R-GRP-10", "a group's close disarms the waits of its members") {
    struct watch* w = watch_new(2);
    HANDLE event = manual_event();
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    REQUIRE(group != NULL);
    SetThreadpoolCallbackCleanupGroup(&w->p->env, group, NULL);
    for (int i = 0; i < 10; i++)
        SetThreadpoolWait(new_wait(w, on_wait), event, i % 2 ? in_ms(40) : NULL);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    SetEvent(event);
    CHECK(quiet(w->fired));
    CloseThreadpoolCleanupGroup(group);
    CloseHandle(event);
    watch_end(w);
}

TEST("R-WAIT-2", "a thread that waits and a wait object share the signals of one event") {
    struct watch* w = watch_new(2);
    HANDLE event = auto_event();
    PTP_WAIT wait = new_wait(w, on_wait);
    w->target = event;
    SetThreadpoolWait(wait, event, NULL);
    for (int i = 0; i < 200; i++)
        SetEvent(event);
    LONG own = 0;
    while (WaitForSingleObject(event, QUIET_MS) == WAIT_OBJECT_0)
        own++;
    SetThreadpoolWait(wait, NULL, NULL);
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    CHECK_OP(own + count(&w->signals), <=, 200);
    CHECK_OP(count(&w->signals), >=, 1);
    end_wait(wait);
    CloseHandle(event);
    watch_end(w);
}

/* A waitable timer that is signalled after so many milliseconds. */
static HANDLE timer_after(BOOL manual, LONGLONG ms, LONG period) {
    LARGE_INTEGER due;
    HANDLE timer = CreateWaitableTimerA(NULL, manual, NULL);
    due.QuadPart = -ms * 10000;
    if (!timer || !SetWaitableTimer(timer, &due, period, NULL, NULL, FALSE))
        abort();
    return timer;
}

TEST("R-WAIT-21", "a waitable timer brings the callback when its time has come") {
    struct watch* w = watch_new(2);
    PTP_WAIT wait = new_wait(w, on_wait);
    for (int manual = 0; manual < 2; manual++) {
        ULONGLONG begin = GetTickCount64();
        HANDLE timer = timer_after(manual, 20, 0);
        SetThreadpoolWait(wait, timer, manual ? in_ms(FAR_MS) : NULL);
        CHECK(take(w->fired, 1));
        CHECK_OP(GetTickCount64() - begin + 1, >=, 20);
        CHECK_EQ(WaitForSingleObject(timer, 0), manual ? WAIT_OBJECT_0 : WAIT_TIMEOUT);
        CloseHandle(timer);
    }
    CHECK_EQ(count(&w->signals), 2);
    end_wait(wait);
    watch_end(w);
}

TEST("R-WAIT-21", "a timeout may come before a waitable timer") {
    struct watch* w = watch_new(2);
    PTP_WAIT wait = new_wait(w, on_wait);
    HANDLE timer = timer_after(FALSE, FAR_MS, 0);
    SetThreadpoolWait(wait, timer, in_ms(15));
    CHECK(take(w->fired, 1));
    CHECK_EQ(count(&w->timeouts), 1);
    end_wait(wait);
    CloseHandle(timer);
    watch_end(w);
}

TEST("R-WAIT-21", "a waitable timer that is set again while it is watched") {
    struct watch* w = watch_new(2);
    PTP_WAIT wait = new_wait(w, on_wait);
    HANDLE timer = timer_after(FALSE, FAR_MS, 0);
    SetThreadpoolWait(wait, timer, NULL);
    CHECK(quiet(w->fired));
    LARGE_INTEGER due;
    due.QuadPart = -10 * 10000;
    CHECK(SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE));
    CHECK(take(w->fired, 1));
    CHECK_EQ(count(&w->signals), 1);
    end_wait(wait);
    CloseHandle(timer);
    watch_end(w);
}

TEST("R-WAIT-21", "a periodic waitable timer, watched again and again") {
    struct watch* w = watch_new(2);
    PTP_WAIT wait = new_wait(w, on_wait);
    HANDLE timer = timer_after(FALSE, 5, 5);
    w->target = timer;
    SetThreadpoolWait(wait, timer, NULL);
    CHECK(take(w->fired, 5));
    CancelWaitableTimer(timer);
    end_wait(wait);
    CloseHandle(timer);
    watch_end(w);
}

static DWORD WINAPI ends_at_once(LPVOID context) {
    (void)context;
    return 7;
}

TEST("R-WAIT-21", "a thread's end brings the callback") {
    struct watch* w = watch_new(2);
    PTP_WAIT wait = new_wait(w, on_wait);
    HANDLE thread = CreateThread(NULL, 0, ends_at_once, NULL, CREATE_SUSPENDED, NULL);
    REQUIRE(thread != NULL);
    SetThreadpoolWait(wait, thread, NULL);
    CHECK(quiet(w->fired));
    CHECK(ResumeThread(thread) != (DWORD)-1);
    CHECK(take(w->fired, 1));
    CHECK_EQ(count(&w->signals), 1);
    end_wait(wait);
    CloseHandle(thread);
    watch_end(w);
}
