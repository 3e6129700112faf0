// SPDX-License-Identifier: Apache-2.0
/* Timers: R-TIMER-*. Nothing here asserts that a callback comes soon, only that it comes, and not
 * early. */
#include "tests/conformance/fixture.h"

/* Far enough away not to come during a test. */
#define FAR_MS 3600000

static FILETIME* at_utc(LONGLONG ms_from_now) {
    FILETIME* due = fresh(sizeof *due);
    ULARGE_INTEGER value;
    GetSystemTimeAsFileTime(due);
    value.LowPart = due->dwLowDateTime;
    value.HighPart = due->dwHighDateTime;
    value.QuadPart += (ULONGLONG)(ms_from_now * 10000);
    due->dwLowDateTime = value.LowPart;
    due->dwHighDateTime = value.HighPart;
    return due;
}

static VOID CALLBACK timer_count(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer) {
    (void)instance;
    (void)timer;
    work_count(instance, context, NULL);
}

static VOID CALLBACK timer_gated(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer) {
    (void)timer;
    work_gated(instance, context, NULL);
}

static PTP_TIMER new_timer(struct probe* p, PTP_TIMER_CALLBACK callback) {
    PTP_TIMER timer = CreateThreadpoolTimer(callback, p, &p->env);
    if (!timer)
        abort();
    return timer;
}

static void end_timer(PTP_TIMER timer) {
    SetThreadpoolTimer(timer, NULL, 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    CloseThreadpoolTimer(timer);
}

TEST("R-TIMER-1", "a created timer is unset and fires nothing") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    CHECK(!IsThreadpoolTimerSet(timer));
    CHECK(quiet(p->entered));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-1", "creation fails without a callback, and with a bad environment") {
    struct probe* p = probe_new(0, 2);
    CHECK_FAILS(CreateThreadpoolTimer(NULL, p, &p->env), ERROR_INVALID_PARAMETER);
    p->env.Version = 9999;
    CHECK_FAILS(CreateThreadpoolTimer(timer_count, p, &p->env), ERROR_INVALID_PARAMETER);
    p->env.Version = 3;
    probe_end(p);
}

TEST("R-TIMER-2", "a relative due time") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    ULONGLONG begin = GetTickCount64();
    SetThreadpoolTimer(timer, in_ms(30), 0, 0);
    REQUIRE(take(p->entered, 1));
    CHECK_OP(GetTickCount64() - begin + 1, >=, 30);
    CHECK(quiet(p->entered));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-2", "an absolute due time") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    ULONGLONG begin = GetTickCount64();
    SetThreadpoolTimer(timer, at_utc(40), 0, 0);
    REQUIRE(take(p->entered, 1));
    CHECK_OP(GetTickCount64() - begin + 16, >=, 40);
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-2", "an absolute due time in the past fires at once") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    SetThreadpoolTimer(timer, at_utc(-5000), 0, 0);
    CHECK(take(p->entered, 1));
    FILETIME ancient = {1, 0}; /* 100 ns after the beginning of 1601 */
    SetThreadpoolTimer(timer, &ancient, 0, 0);
    CHECK(take(p->entered, 1));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-2", "a due time of zero fires at once") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    SetThreadpoolTimer(timer, in_ms(0), 0, 0);
    CHECK(take(p->entered, 1));
    CHECK(quiet(p->entered));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-2", "the farthest due times are accepted and do not fire") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    FILETIME relative = {0, 0x80000000}; /* the most negative number */
    FILETIME absolute = {0xffffffff, 0x7fffffff};
    SetThreadpoolTimer(timer, &relative, 0, 0);
    CHECK(quiet(p->entered));
    SetThreadpoolTimer(timer, &absolute, 0, 0);
    CHECK(quiet(p->entered));
    CHECK(IsThreadpoolTimerSet(timer));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-3", "the due time is copied during the call") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    FILETIME* due = in_ms(20);
    SetThreadpoolTimer(timer, due, 0, 0);
    memset(due, 0x7f, sizeof *due);
    CHECK(take(p->entered, 1));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-4", "each Set replaces the one before") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    SetThreadpoolTimer(timer, in_ms(40), 10, 0);
    SetThreadpoolTimer(timer, in_ms(FAR_MS), 0, 0);
    CHECK(quiet(p->entered));
    SetThreadpoolTimer(timer, in_ms(1), 0, 0);
    CHECK(take(p->entered, 1));
    CHECK(quiet(p->entered));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-5", "a NULL due time stops a periodic timer") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    SetThreadpoolTimer(timer, in_ms(0), 2, 0);
    REQUIRE(take(p->entered, 3));
    SetThreadpoolTimer(timer, NULL, 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    LONG calls = count(&p->calls);
    let_pass(QUIET_MS);
    CHECK_EQ(count(&p->calls), calls);
    CHECK(!IsThreadpoolTimerSet(timer));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-6", "a period repeats until it is replaced, whatever the first due time") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    FILETIME* firsts[] = {in_ms(0), in_ms(5), at_utc(5)};
    for (int i = 0; i < 3; i++) {
        SetThreadpoolTimer(timer, firsts[i], 5, 0);
        CHECK(take(p->entered, 4));
    }
    SetThreadpoolTimer(timer, in_ms(0), 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-6", "with a due time of zero the second call comes one period after the first") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    ULONGLONG begin = GetTickCount64();
    SetThreadpoolTimer(timer, in_ms(0), 60, 0);
    REQUIRE(take(p->entered, 2));
    CHECK_OP(GetTickCount64() - begin + 1, >=, 60);
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-7", "ticks do not wait for the callback of the tick before") {
    struct probe* p = probe_new(0, 4);
    PTP_TIMER timer = new_timer(p, timer_gated);
    SetThreadpoolTimer(timer, in_ms(1), 5, 0);
    CHECK(take(p->entered, 3));
    CHECK_OP(count(&p->peak), >=, 3);
    SetThreadpoolTimer(timer, NULL, 0, 0);
    SetEvent(p->gate);
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-8", "ticks are counted from the due time: n ticks take no less than n periods") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    ULONGLONG begin = GetTickCount64();
    SetThreadpoolTimer(timer, in_ms(20), 20, 0);
    REQUIRE(take(p->entered, 5));
    CHECK_OP(GetTickCount64() - begin + 1, >=, 100);
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-10", "with a window the callback is not early either") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    for (int i = 0; i < 5; i++) {
        ULONGLONG begin = GetTickCount64();
        SetThreadpoolTimer(timer, in_ms(10 + i), 0, 20);
        REQUIRE(take(p->entered, 1));
        CHECK_OP(GetTickCount64() - begin + 1, >=, 10 + i);
    }
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-13", "IsThreadpoolTimerSet follows the last Set, not the expiry") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    SetThreadpoolTimer(timer, in_ms(0), 0, 0);
    CHECK(IsThreadpoolTimerSet(timer));
    REQUIRE(take(p->done, 1));
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    CHECK(IsThreadpoolTimerSet(timer));
    SetThreadpoolTimer(timer, NULL, 0, 0);
    CHECK(!IsThreadpoolTimerSet(timer));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-14", "Ex: FALSE for an unset timer, TRUE for one that is still to come") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    CHECK(!SetThreadpoolTimerEx(timer, in_ms(FAR_MS), 0, 0));
    CHECK(SetThreadpoolTimerEx(timer, in_ms(FAR_MS), 0, 0));
    CHECK(SetThreadpoolTimerEx(timer, NULL, 0, 0));
    CHECK(!SetThreadpoolTimerEx(timer, NULL, 0, 0));
    CHECK(quiet(p->entered));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-14", "Ex: FALSE when the callback runs or has run") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_gated);
    SetThreadpoolTimer(timer, in_ms(0), 0, 0);
    REQUIRE(take(p->entered, 1));
    CHECK(!SetThreadpoolTimerEx(timer, in_ms(FAR_MS), 0, 0));
    CHECK(SetThreadpoolTimerEx(timer, NULL, 0, 0));
    SetEvent(p->gate);
    REQUIRE(take(p->done, 1));
    SetThreadpoolTimer(timer, in_ms(0), 0, 0);
    REQUIRE(take(p->done, 1));
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    CHECK(!SetThreadpoolTimerEx(timer, NULL, 0, 0));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-17", "Wait(FALSE) does not wait for what is still to come, and leaves it armed") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    SetThreadpoolTimer(timer, in_ms(FAR_MS), 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    CHECK(IsThreadpoolTimerSet(timer));
    CHECK(SetThreadpoolTimerEx(timer, in_ms(1), 0, 0));
    CHECK(take(p->entered, 1));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-18", "Wait(TRUE) disarms") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    SetThreadpoolTimer(timer, in_ms(50), 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    CHECK(!IsThreadpoolTimerSet(timer));
    CHECK(quiet(p->entered));
    end_timer(timer);
    probe_end(p);
}

static VOID CALLBACK rearm(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer) {
    struct probe* p = context;
    (void)instance;
    probe_enter(p);
    CHECK(signaled(p->gate));
    SetThreadpoolTimer(timer, in_ms(1), 0, 0);
    probe_leave(p);
}

static void open_gate_of(void* probe) {
    struct probe* p = probe;
    let_pass(10);
    SetEvent(p->gate);
}

TEST("R-TIMER-18", "what a callback arms while Wait(TRUE) waits for it does not fire") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, rearm);
    SetThreadpoolTimer(timer, in_ms(0), 0, 0);
    REQUIRE(take(p->entered, 1));
    struct helper* opener = helper_start(open_gate_of, p);
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    REQUIRE(helper_join(opener));
    CHECK(!IsThreadpoolTimerSet(timer));
    CHECK(quiet(p->entered));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-19", "Close disarms") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    SetThreadpoolTimer(timer, in_ms(30), 0, 0);
    CloseThreadpoolTimer(timer);
    CHECK(quiet(p->entered));
    probe_end(p);
}

TEST("R-TIMER-19", "a callback that is queued still runs after Close") {
    struct probe* p = probe_new(0, 1);
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    PTP_TIMER timer = new_timer(p, timer_count);
    SetThreadpoolTimer(timer, in_ms(0), 0, 0);
    CloseThreadpoolTimer(timer);
    SetEvent(p->gate);
    CHECK(take(p->entered, 1));
    REQUIRE(take(p->done, 2));
    probe_end(p);
}

static VOID CALLBACK rearm_twice(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer) {
    struct probe* p = context;
    (void)instance;
    probe_enter(p);
    if (count(&p->calls) < 3)
        SetThreadpoolTimer(timer, in_ms(1), 0, 0);
    probe_leave(p);
}

TEST("R-TIMER-20", "a timer may be set again in its own callback") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, rearm_twice);
    SetThreadpoolTimer(timer, in_ms(0), 0, 0);
    CHECK(take(p->entered, 3));
    CHECK(quiet(p->entered));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-21", "timer callbacks obey the maximum of the pool and are not lost") {
    struct probe* p = probe_new(0, 1);
    PTP_TIMER timers[20];
    for (int i = 0; i < 20; i++) {
        timers[i] = new_timer(p, timer_count);
        SetThreadpoolTimer(timers[i], in_ms(i % 7), 0, 0);
    }
    CHECK(take(p->done, 20));
    CHECK_EQ(count(&p->peak), 1);
    for (int i = 0; i < 20; i++)
        end_timer(timers[i]);
    probe_end(p);
}

TEST("R-TIMER-22", "with no worker free ticks are queued, not lost") {
    struct probe* p = probe_new(0, 1);
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    PTP_TIMER timer = new_timer(p, timer_count);
    SetThreadpoolTimer(timer, in_ms(0), 5, 0);
    let_pass(60);
    SetThreadpoolTimer(timer, in_ms(FAR_MS), 0, 0);
    SetEvent(p->gate);
    CHECK(take(p->entered, 3));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-23", "a period without a due time is ignored") {
    struct probe* p = probe_new(0, 2);
    PTP_TIMER timer = new_timer(p, timer_count);
    SetThreadpoolTimer(timer, NULL, 5, 5);
    CHECK(!IsThreadpoolTimerSet(timer));
    CHECK(quiet(p->entered));
    end_timer(timer);
    probe_end(p);
}

TEST("R-TIMER-12", "a relative timer of the default pool fires with no other work around") {
    struct probe* p = probe_bare();
    PTP_TIMER timer = new_timer(p, timer_count);
    SetThreadpoolTimer(timer, in_ms(15), 0, 0);
    CHECK(take(p->entered, 1));
    end_timer(timer);
    probe_end(p);
}

TEST("R-GRP-10", "a group's close disarms the timers of its members") {
    struct probe* p = probe_new(0, 2);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    REQUIRE(group != NULL);
    for (int cancel = 0; cancel < 2; cancel++) {
        SetThreadpoolCallbackCleanupGroup(&p->env, group, NULL);
        for (int i = 0; i < 10; i++)
            SetThreadpoolTimer(new_timer(p, timer_count), in_ms(40 + i), i % 2 ? 5 : 0, 0);
        CloseThreadpoolCleanupGroupMembers(group, cancel, NULL);
        CHECK(quiet(p->entered));
    }
    CloseThreadpoolCleanupGroup(group);
    probe_end(p);
}

TEST("R-GRP-3", "a group's close without cancelling waits for ticks that are queued") {
    struct probe* p = probe_new(0, 1);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    SetThreadpoolCallbackCleanupGroup(&p->env, group, NULL);
    SetThreadpoolTimer(new_timer(p, timer_count), in_ms(0), 0, 0);
    SetEvent(p->gate);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    CHECK_EQ(count(&p->returned), 2);
    CloseThreadpoolCleanupGroup(group);
    probe_end(p);
}

TEST("R-LIFE-3", "a timer may close itself in its callback") {
    struct probe* p = probe_new(0, 2);
    for (int i = 0; i < 50; i++) {
        PTP_TIMER timer = new_timer(p, timer_count);
        SetThreadpoolTimer(timer, in_ms(0), 0, 0);
        CloseThreadpoolTimer(timer);
    }
    CHECK(take(p->done, 50));
    probe_end(p);
}
