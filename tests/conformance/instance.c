// SPDX-License-Identifier: Apache-2.0
/* What a callback may ask of the pool while it runs: R-CB-*. */
#include "tests/conformance/fixture.h"

struct epilogue {
    struct probe* p;
    HANDLE event, semaphore, mutex;
    CRITICAL_SECTION section;
    int close_own, part;
    counter guarded;
};

static struct epilogue* epilogue_new(DWORD maximum) {
    struct epilogue* e = fresh(sizeof *e);
    e->p = probe_new(0, maximum);
    e->event = manual_event();
    e->semaphore = CreateSemaphoreA(NULL, 0, 100, NULL);
    e->mutex = CreateMutexA(NULL, FALSE, NULL);
    InitializeCriticalSection(&e->section);
    return e;
}

static void epilogue_end(struct epilogue* e) {
    probe_end(e->p);
    CloseHandle(e->event);
    CloseHandle(e->semaphore);
    CloseHandle(e->mutex);
    DeleteCriticalSection(&e->section);
}

static VOID CALLBACK set_event(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct epilogue* e = context;
    SetEventWhenCallbackReturns(instance, e->event);
    if (e->close_own)
        CloseThreadpoolWork(work);
    if (e->part)
        DisassociateCurrentThreadFromCallback(instance);
    probe_enter(e->p);
    CHECK(signaled(e->p->gate));
    probe_leave(e->p);
}

TEST("R-CB-2", "SetEventWhenCallbackReturns does nothing before the callback has returned") {
    struct epilogue* e = epilogue_new(1);
    PTP_WORK work = CreateThreadpoolWork(set_event, e, &e->p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    REQUIRE(take(e->p->entered, 1));
    CHECK(quiet(e->event));
    SetEvent(e->p->gate);
    CHECK(signaled(e->event));
    CHECK_EQ(count(&e->p->returned), 1);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    epilogue_end(e);
}

TEST("R-CB-7", "the event is set when the callback has closed its own object") {
    struct epilogue* e = epilogue_new(1);
    e->close_own = 1;
    SetEvent(e->p->gate);
    PTP_WORK work = CreateThreadpoolWork(set_event, e, &e->p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    CHECK(signaled(e->event));
    CHECK_EQ(count(&e->p->returned), 1);
    CHECK(pass_sentinel(e->p));
    epilogue_end(e);
}

TEST("R-CB-7", "the event is set when the callback has disassociated itself") {
    struct epilogue* e = epilogue_new(1);
    e->part = 1;
    PTP_WORK work = CreateThreadpoolWork(set_event, e, &e->p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    REQUIRE(take(e->p->entered, 1));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&e->p->returned), 0);
    CHECK_EQ(WaitForSingleObject(e->event, 0), WAIT_TIMEOUT);
    SetEvent(e->p->gate);
    CHECK(signaled(e->event));
    CHECK_EQ(count(&e->p->returned), 1);
    CloseThreadpoolWork(work);
    CHECK(pass_sentinel(e->p));
    epilogue_end(e);
}

TEST("R-CB-7", "both: closed and disassociated") {
    struct epilogue* e = epilogue_new(1);
    e->close_own = e->part = 1;
    SetEvent(e->p->gate);
    PTP_WORK work = CreateThreadpoolWork(set_event, e, &e->p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    CHECK(signaled(e->event));
    CHECK(pass_sentinel(e->p));
    epilogue_end(e);
}

static VOID CALLBACK set_event_simple(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct epilogue* e = context;
    SetEventWhenCallbackReturns(instance, e->event);
    probe_enter(e->p);
    CHECK(signaled(e->p->gate));
    probe_leave(e->p);
}

TEST("R-CB-7", "epilogue actions run for simple callbacks") {
    struct epilogue* e = epilogue_new(1);
    REQUIRE(TrySubmitThreadpoolCallback(set_event_simple, e, &e->p->env));
    REQUIRE(take(e->p->entered, 1));
    CHECK_EQ(WaitForSingleObject(e->event, 0), WAIT_TIMEOUT);
    SetEvent(e->p->gate);
    CHECK(signaled(e->event));
    CHECK_EQ(count(&e->p->returned), 1);
    CHECK(pass_sentinel(e->p));
    epilogue_end(e);
}

TEST("R-CB-2", "an action registered in one call does not leak into the next") {
    struct epilogue* e = epilogue_new(1);
    SetEvent(e->p->gate);
    REQUIRE(TrySubmitThreadpoolCallback(set_event_simple, e, &e->p->env));
    REQUIRE(signaled(e->event));
    ResetEvent(e->event);
    for (int i = 0; i < 20; i++)
        CHECK(pass_sentinel(e->p));
    CHECK_EQ(WaitForSingleObject(e->event, 0), WAIT_TIMEOUT);
    epilogue_end(e);
}

static VOID CALLBACK add_three(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct epilogue* e = context;
    ReleaseSemaphoreWhenCallbackReturns(instance, e->semaphore, 3);
    probe_enter(e->p);
    CHECK(signaled(e->p->gate));
    probe_leave(e->p);
}

TEST("R-CB-5", "ReleaseSemaphoreWhenCallbackReturns adds its count once") {
    struct epilogue* e = epilogue_new(1);
    LONG previous = -1;
    REQUIRE(TrySubmitThreadpoolCallback(add_three, e, &e->p->env));
    REQUIRE(take(e->p->entered, 1));
    CHECK_EQ(WaitForSingleObject(e->semaphore, 0), WAIT_TIMEOUT);
    SetEvent(e->p->gate);
    CHECK(signaled(e->semaphore));
    CHECK(pass_sentinel(e->p));
    CHECK(ReleaseSemaphore(e->semaphore, 1, &previous));
    CHECK_EQ(previous, 2);
    epilogue_end(e);
}

static VOID CALLBACK hold_mutex(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct epilogue* e = context;
    CHECK(signaled(e->mutex));
    ReleaseMutexWhenCallbackReturns(instance, e->mutex);
    probe_enter(e->p);
    CHECK(signaled(e->p->gate));
    InterlockedExchange(&e->guarded, 1);
    probe_leave(e->p);
}

TEST("R-CB-5", "ReleaseMutexWhenCallbackReturns gives up the worker's mutex") {
    struct epilogue* e = epilogue_new(1);
    REQUIRE(TrySubmitThreadpoolCallback(hold_mutex, e, &e->p->env));
    REQUIRE(take(e->p->entered, 1));
    CHECK_EQ(WaitForSingleObject(e->mutex, 0), WAIT_TIMEOUT);
    SetEvent(e->p->gate);
    REQUIRE(signaled(e->mutex));
    CHECK_EQ(count(&e->guarded), 1);
    CHECK(ReleaseMutex(e->mutex));
    CHECK(pass_sentinel(e->p));
    epilogue_end(e);
}

static VOID CALLBACK hold_section(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct epilogue* e = context;
    EnterCriticalSection(&e->section);
    LeaveCriticalSectionWhenCallbackReturns(instance, &e->section);
    probe_enter(e->p);
    CHECK(signaled(e->p->gate));
    InterlockedExchange(&e->guarded, 1);
    probe_leave(e->p);
}

TEST("R-CB-5", "LeaveCriticalSectionWhenCallbackReturns leaves on the worker") {
    struct epilogue* e = epilogue_new(1);
    REQUIRE(TrySubmitThreadpoolCallback(hold_section, e, &e->p->env));
    REQUIRE(take(e->p->entered, 1));
    CHECK(!TryEnterCriticalSection(&e->section));
    SetEvent(e->p->gate);
    EnterCriticalSection(&e->section);
    CHECK_EQ(count(&e->guarded), 1);
    LeaveCriticalSection(&e->section);
    CHECK(pass_sentinel(e->p));
    epilogue_end(e);
}

static VOID CALLBACK hold_all(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct epilogue* e = context;
    (void)work;
    CHECK(signaled(e->mutex));
    EnterCriticalSection(&e->section);
    SetEventWhenCallbackReturns(instance, e->event);
    ReleaseSemaphoreWhenCallbackReturns(instance, e->semaphore, 2);
    ReleaseMutexWhenCallbackReturns(instance, e->mutex);
    LeaveCriticalSectionWhenCallbackReturns(instance, &e->section);
    probe_enter(e->p);
    probe_leave(e->p);
}

TEST("R-CB-3", "one action of each kind, all in the same callback") {
    struct epilogue* e = epilogue_new(1);
    PTP_WORK work = CreateThreadpoolWork(hold_all, e, &e->p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    CHECK(signaled(e->event));
    CHECK(take(e->semaphore, 2));
    CHECK(signaled(e->mutex));
    CHECK(ReleaseMutex(e->mutex));
    EnterCriticalSection(&e->section);
    LeaveCriticalSection(&e->section);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(WaitForSingleObject(e->semaphore, 0), WAIT_TIMEOUT);
    CloseThreadpoolWork(work);
    epilogue_end(e);
}

static VOID CALLBACK add_one(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct epilogue* e = context;
    (void)work;
    ReleaseSemaphoreWhenCallbackReturns(instance, e->semaphore, 1);
}

TEST("R-CB-4", "Wait returns and the epilogue happens, in whatever order") {
    struct epilogue* e = epilogue_new(4);
    PTP_WORK work = CreateThreadpoolWork(add_one, e, &e->p->env);
    REQUIRE(work != NULL);
    for (int round = 0; round < 100; round++) {
        submit(work, 10);
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        CHECK(take(e->semaphore, 10));
    }
    CHECK_EQ(WaitForSingleObject(e->semaphore, 0), WAIT_TIMEOUT);
    CloseThreadpoolWork(work);
    epilogue_end(e);
}

struct answer {
    struct probe* p;
    counter value;
};

static VOID CALLBACK ask_long(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct answer* a = context;
    InterlockedExchange(&a->value, CallbackMayRunLong(instance));
    probe_enter(a->p);
    probe_leave(a->p);
}

TEST("R-CB-10", "CallbackMayRunLong is FALSE in a pool of one thread") {
    struct answer* a = fresh(sizeof *a);
    a->p = probe_new(0, 1);
    a->value = -1;
    REQUIRE(TrySubmitThreadpoolCallback(ask_long, a, &a->p->env));
    REQUIRE(signaled(a->p->done));
    CHECK_EQ(count(&a->value), FALSE);
    CHECK(pass_sentinel(a->p));
    probe_end(a->p);
}

TEST("R-CB-10", "CallbackMayRunLong is TRUE while another worker can be had") {
    struct answer* a = fresh(sizeof *a);
    a->p = probe_new(0, 4);
    a->value = -1;
    REQUIRE(TrySubmitThreadpoolCallback(ask_long, a, &a->p->env));
    REQUIRE(signaled(a->p->done));
    CHECK_EQ(count(&a->value), TRUE);
    probe_end(a->p);
}

static VOID CALLBACK long_gated(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    CallbackMayRunLong(instance);
    simple_gated(instance, context);
}

TEST("R-CB-9", "other callbacks run beside a long one") {
    struct probe* p = probe_new(0, 2);
    REQUIRE(TrySubmitThreadpoolCallback(long_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    for (int i = 0; i < 20; i++)
        CHECK(pass_sentinel(p));
    SetEvent(p->gate);
    CHECK(take(p->done, 1));
    CHECK(pass_sentinel(p));
    probe_end(p);
}

TEST("R-CB-11", "Wait(FALSE) does not wait for a disassociated callback") {
    struct probe* p = probe_new(0, 2);
    PTP_WORK work = CreateThreadpoolWork(work_gated_apart, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 2);
    REQUIRE(take(p->entered, 2));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->running), 2);
    SetEvent(p->gate);
    CHECK(take(p->done, 2));
    CloseThreadpoolWork(work);
    probe_end(p);
}

struct group_close {
    PTP_CLEANUP_GROUP group;
    HANDLE closed;
};

static void close_members(void* argument) {
    struct group_close* g = argument;
    CloseThreadpoolCleanupGroupMembers(g->group, FALSE, NULL);
    SetEvent(g->closed);
}

TEST("R-CB-11", "the cleanup group does wait for a disassociated callback") {
    struct probe* p = probe_new(0, 2);
    struct group_close* g = fresh(sizeof *g);
    g->group = CreateThreadpoolCleanupGroup();
    g->closed = manual_event();
    SetThreadpoolCallbackCleanupGroup(&p->env, g->group, NULL);
    PTP_WORK work = CreateThreadpoolWork(work_gated_apart, p, &p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    REQUIRE(take(p->entered, 1));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    struct helper* helper = helper_start(close_members, g);
    REQUIRE(signaled(helper->started));
    CHECK(quiet(g->closed));
    SetEvent(p->gate);
    CHECK(signaled(g->closed));
    CHECK_EQ(count(&p->returned), 1);
    REQUIRE(helper_join(helper));
    CloseThreadpoolCleanupGroup(g->group);
    CloseHandle(g->closed);
    probe_end(p);
}

static VOID CALLBACK part_twice(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    DisassociateCurrentThreadFromCallback(instance);
    DisassociateCurrentThreadFromCallback(instance);
    work_gated(instance, context, work);
}

TEST("R-CB-12", "a second Disassociate does nothing") {
    struct probe* p = probe_new(0, 2);
    PTP_WORK work = CreateThreadpoolWork(part_twice, p, &p->env);
    PTP_WORK other = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL && other != NULL);
    for (int i = 1; i <= 10; i++) {
        ResetEvent(p->gate);
        SubmitThreadpoolWork(work);
        REQUIRE(take(p->entered, 1));
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        SetEvent(p->gate);
        CHECK(take(p->done, 1));
    }
    SubmitThreadpoolWork(other);
    WaitForThreadpoolWorkCallbacks(other, FALSE);
    CHECK_EQ(count(&p->returned), 11);
    CloseThreadpoolWork(work);
    CloseThreadpoolWork(other);
    probe_end(p);
}

TEST("R-CB-12", "a disassociated callback still occupies its worker") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_gated_apart, p, &p->env);
    PTP_WORK other = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL && other != NULL);
    SubmitThreadpoolWork(work);
    REQUIRE(take(p->entered, 1));
    SubmitThreadpoolWork(other);
    CHECK(quiet(p->entered));
    SetEvent(p->gate);
    CHECK(take(p->entered, 1));
    WaitForThreadpoolWorkCallbacks(other, FALSE);
    CHECK_EQ(count(&p->peak), 1);
    CloseThreadpoolWork(work);
    CloseThreadpoolWork(other);
    probe_end(p);
}

struct hand_over {
    HANDLE event, open, last;
    counter touched;
};

static VOID CALLBACK hand_over_run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct hand_over* h = context;
    (void)work;
    SetEventWhenCallbackReturns(instance, h->last);
    DisassociateCurrentThreadFromCallback(instance);
    SetEvent(h->event);
    CHECK(signaled(h->open));
    InterlockedIncrement(&h->touched);
}

TEST("R-CB-13", "another thread may wait and close after a disassociated callback signals it") {
    struct probe* p = probe_new(0, 2);
    struct hand_over* h = fresh(sizeof *h);
    h->event = auto_event();
    h->open = auto_event();
    h->last = auto_event();
    for (int i = 1; i <= 50; i++) {
        PTP_WORK work = CreateThreadpoolWork(hand_over_run, h, &p->env);
        REQUIRE(work != NULL);
        SubmitThreadpoolWork(work);
        REQUIRE(signaled(h->event));
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        CloseThreadpoolWork(work);
        SetEvent(h->open);
        CHECK(signaled(h->last));
        CHECK_EQ(count(&h->touched), i);
    }
    CHECK(pass_sentinel(p));
    probe_end(p);
    CloseHandle(h->event);
    CloseHandle(h->open);
    CloseHandle(h->last);
}

static VOID CALLBACK wait_for_own(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct probe* p = context;
    probe_enter(p);
    DisassociateCurrentThreadFromCallback(instance);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    probe_leave(p);
}

TEST("R-LIFE-14", "a disassociated callback may wait for its own object, and close it") {
    struct probe* p = probe_new(0, 2);
    PTP_WORK work = CreateThreadpoolWork(wait_for_own, p, &p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    CHECK(take(p->done, 1));
    CHECK(pass_sentinel(p));
    probe_end(p);
}

TEST("R-CB-14", "callbacks never run on a thread that waits for them") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    for (int round = 0; round < 100; round++) {
        submit(work, 20);
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        CHECK((DWORD)count(&p->thread) != GetCurrentThreadId());
    }
    CHECK_EQ(count(&p->peak), 1);
    CloseThreadpoolWork(work);
    probe_end(p);
}
