// SPDX-License-Identifier: Apache-2.0
/* Whoever waits in Wait...Callbacks runs nothing meanwhile (R-CB-14): every kind of object, waited
 * for by a thread of the program and by a callback of the same pool. The pool's other thread is
 * held, so that only the waiter could run what is queued. */
#include "tests/conformance/disk.h"

enum kind { WORK, TIMER, WAIT, IO };

struct scene {
    enum kind kind;
    struct probe* p;
    PTP_WORK work;
    PTP_TIMER timer;
    PTP_WAIT wait;
    struct disk* disk; /* its probe is p */
    HANDLE semaphore;
    HANDLE waiter_runs, is_queued, has_waited;
    counter waiter;      /* thread */
    counter ran, ran_on; /* thread */
};

static void note_run(struct scene* s) {
    InterlockedExchange(&s->ran_on, (LONG)GetCurrentThreadId());
    InterlockedIncrement(&s->ran);
}

static VOID CALLBACK run_work(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)work;
    note_run(context);
}

static VOID CALLBACK run_timer(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer) {
    (void)instance;
    (void)timer;
    note_run(context);
}

static VOID CALLBACK run_wait(PTP_CALLBACK_INSTANCE instance,
                              PVOID context,
                              PTP_WAIT wait,
                              TP_WAIT_RESULT result) {
    (void)instance;
    (void)wait;
    (void)result;
    note_run(context);
}

/* Makes the object and has it queue one callback, which no thread is free to run. */
static int queue_one(struct scene* s) {
    TP_CALLBACK_ENVIRON* env = &s->p->env;
    switch (s->kind) {
    case WORK:
        s->work = CreateThreadpoolWork(run_work, s, env);
        if (s->work)
            SubmitThreadpoolWork(s->work);
        return s->work != NULL;
    case TIMER:
        s->timer = CreateThreadpoolTimer(run_timer, s, env);
        if (s->timer)
            SetThreadpoolTimer(s->timer, in_ms(0), 0, 0);
        return s->timer != NULL;
    case WAIT:
        s->semaphore = CreateSemaphoreA(NULL, 1, 1, NULL);
        s->wait = CreateThreadpoolWait(run_wait, s, env);
        if (s->wait)
            SetThreadpoolWait(s->wait, s->semaphore, NULL);
        return s->wait != NULL && replace_unit(s->semaphore);
    default:
        return s->disk->io != NULL && start(op_new(s->disk, 0), FALSE, 100);
    }
}

static void wait_for_it(struct scene* s) {
    if (s->kind == WORK)
        WaitForThreadpoolWorkCallbacks(s->work, FALSE);
    else if (s->kind == TIMER)
        WaitForThreadpoolTimerCallbacks(s->timer, FALSE);
    else if (s->kind == WAIT)
        WaitForThreadpoolWaitCallbacks(s->wait, FALSE);
    else
        WaitForThreadpoolIoCallbacks(s->disk->io, FALSE);
}

static void wait_inside(void* argument) {
    struct scene* s = argument;
    InterlockedExchange(&s->waiter, (LONG)GetCurrentThreadId());
    CHECK(SetEvent(s->waiter_runs));
    CHECK(signaled(s->is_queued));
    wait_for_it(s);
    CHECK(SetEvent(s->has_waited));
}

static VOID CALLBACK wait_in_pool(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)work;
    wait_inside(context);
}

/* Takes a thread of the pool until the gate opens, and does not count as a callback. */
static VOID CALLBACK hold(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct probe* p = context;
    (void)instance;
    (void)work;
    CHECK(ReleaseSemaphore(p->entered, 1, NULL));
    CHECK(signaled(p->gate));
}

/* What the object's callback noted; the disk's callback notes it in the probe. */
static LONG runs_of(struct scene* s) {
    return s->kind == IO ? count(&s->p->returned) : count(&s->ran);
}

static LONG thread_of(struct scene* s) {
    return s->kind == IO ? count(&s->p->thread) : count(&s->ran_on);
}

static void close_scene(struct scene* s) {
    if (s->work)
        CloseThreadpoolWork(s->work);
    if (s->timer)
        CloseThreadpoolTimer(s->timer);
    if (s->wait)
        CloseThreadpoolWait(s->wait);
    if (s->semaphore)
        CHECK(CloseHandle(s->semaphore));
    CHECK(CloseHandle(s->waiter_runs));
    CHECK(CloseHandle(s->is_queued));
    CHECK(CloseHandle(s->has_waited));
    disk_end(s->disk);
}

/* `inside`: the waiter is a callback of the same pool, which then has two threads; else a thread of
 * the program, and the pool has one. */
static void check_waiter_runs_nothing(enum kind kind, BOOL inside) {
    struct scene* s = fresh(sizeof *s);
    struct helper* outside = NULL;
    s->kind = kind;
    s->disk = disk_new(0, inside ? 2 : 1);
    s->p = s->disk->p;
    s->waiter_runs = manual_event();
    s->is_queued = manual_event();
    s->has_waited = manual_event();
    PTP_WORK holder = CreateThreadpoolWork(hold, s->p, &s->p->env);
    PTP_WORK waiting = CreateThreadpoolWork(wait_in_pool, s, &s->p->env);
    REQUIRE(holder != NULL && waiting != NULL);
    SubmitThreadpoolWork(holder);
    REQUIRE(take(s->p->entered, 1));
    if (inside)
        SubmitThreadpoolWork(waiting);
    else
        outside = helper_start(wait_inside, s);
    REQUIRE(signaled(s->waiter_runs));
    REQUIRE(queue_one(s));
    CHECK(SetEvent(s->is_queued));
    CHECK(quiet(s->has_waited));
    CHECK_EQ(runs_of(s), 0);
    CHECK(SetEvent(s->p->gate));
    CHECK(signaled(s->has_waited));
    CHECK_EQ(runs_of(s), 1);
    CHECK(thread_of(s) != count(&s->waiter));
    WaitForThreadpoolWorkCallbacks(holder, FALSE);
    CloseThreadpoolWork(holder);
    WaitForThreadpoolWorkCallbacks(waiting, FALSE);
    CloseThreadpoolWork(waiting);
    if (outside)
        CHECK(helper_join(outside));
    close_scene(s);
}

TEST("R-CB-14", "a work callback never runs on a thread that waits in Wait...Callbacks") {
    check_waiter_runs_nothing(WORK, FALSE);
    check_waiter_runs_nothing(WORK, TRUE);
}

TEST("R-CB-14", "a timer callback never runs on a thread that waits in Wait...Callbacks") {
    check_waiter_runs_nothing(TIMER, FALSE);
    check_waiter_runs_nothing(TIMER, TRUE);
}

TEST("R-CB-14", "a wait callback never runs on a thread that waits in Wait...Callbacks") {
    check_waiter_runs_nothing(WAIT, FALSE);
    check_waiter_runs_nothing(WAIT, TRUE);
}

TEST("R-CB-14", "an I/O callback never runs on a thread that waits in Wait...Callbacks") {
    check_waiter_runs_nothing(IO, FALSE);
    check_waiter_runs_nothing(IO, TRUE);
}
