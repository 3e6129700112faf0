// SPDX-License-Identifier: Apache-2.0
/* Life of callback objects, what Wait and Close promise: R-LIFE-*. */
#include "tests/conformance/fixture.h"

TEST("R-LIFE-1", "create, submit, wait, close") {
    struct probe* p = probe_new(0, 2);
    for (int i = 1; i <= 500; i++) {
        PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
        REQUIRE(work != NULL);
        SubmitThreadpoolWork(work);
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        CHECK_EQ(count(&p->returned), i);
        CloseThreadpoolWork(work);
    }
    probe_end(p);
}

TEST("R-LIFE-1", "an object may be closed without being used") {
    struct probe* p = probe_new(0, 1);
    for (int i = 0; i < 500; i++) {
        PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
        REQUIRE(work != NULL);
        CloseThreadpoolWork(work);
    }
    CHECK_EQ(count(&p->calls), 0);
    probe_end(p);
}

static counter odd_contexts;

static VOID CALLBACK see_odd(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)work;
    if (context == (PVOID)(ULONG_PTR)1)
        InterlockedIncrement(&odd_contexts);
}

TEST("R-LIFE-2", "the pool does not look behind the context") {
    PTP_WORK work = CreateThreadpoolWork(see_odd, (PVOID)(ULONG_PTR)1, NULL);
    REQUIRE(work != NULL);
    submit(work, 5);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&odd_contexts), 5);
    CloseThreadpoolWork(work);
}

TEST("R-LIFE-3", "Close neither waits for a running call nor cancels pending ones") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 5);
    REQUIRE(take(p->entered, 1));
    CloseThreadpoolWork(work);
    CHECK_EQ(count(&p->running), 1);
    CHECK_EQ(count(&p->returned), 0);
    SetEvent(p->gate);
    CHECK(take(p->done, 5));
    CHECK_EQ(count(&p->returned), 5);
    probe_end(p);
}

static VOID CALLBACK close_own(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct probe* p = context;
    (void)instance;
    probe_enter(p);
    CloseThreadpoolWork(work);
    probe_leave(p);
}

TEST("R-LIFE-4", "a callback may close its own object") {
    struct probe* p = probe_new(0, 2);
    for (int i = 0; i < 500; i++) {
        PTP_WORK work = CreateThreadpoolWork(close_own, p, &p->env);
        REQUIRE(work != NULL);
        SubmitThreadpoolWork(work);
    }
    CHECK(take(p->done, 500));
    CHECK_EQ(count(&p->calls), 500);
    probe_end(p);
}

struct shared_close {
    struct probe* p;
    PTP_WORK work;
    counter wrong;
};

static VOID CALLBACK see_closed(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct shared_close* s = context;
    (void)instance;
    probe_enter(s->p);
    CHECK(signaled(s->p->gate));
    if (work != s->work)
        InterlockedIncrement(&s->wrong);
    probe_leave(s->p);
}

TEST("R-LIFE-4", "calls that run or wait when the object is closed still receive it") {
    struct probe* p = probe_new(0, 2);
    struct shared_close* s = fresh(sizeof *s);
    s->p = p;
    s->work = CreateThreadpoolWork(see_closed, s, &p->env);
    REQUIRE(s->work != NULL);
    submit(s->work, 6);
    REQUIRE(take(p->entered, 2));
    CloseThreadpoolWork(s->work);
    SetEvent(p->gate);
    CHECK(take(p->done, 6));
    CHECK_EQ(count(&s->wrong), 0);
    probe_end(p);
}

TEST("R-LIFE-7", "the pool does not serialise the calls of one object") {
    struct probe* p = probe_new(5, 5);
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 5);
    CHECK(take(p->entered, 5));
    SetEvent(p->gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->peak), 5);
    CloseThreadpoolWork(work);
    probe_end(p);
}

struct waiter {
    PTP_WORK work;
    BOOL cancel;
    HANDLE returned;
};

static void wait_for_work(void* argument) {
    struct waiter* w = argument;
    WaitForThreadpoolWorkCallbacks(w->work, w->cancel);
    SetEvent(w->returned);
}

static struct waiter* waiter_new(PTP_WORK work, BOOL cancel) {
    struct waiter* w = fresh(sizeof *w);
    w->work = work;
    w->cancel = cancel;
    w->returned = manual_event();
    return w;
}

TEST("R-LIFE-8", "Wait(FALSE) does not return while a call runs") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 3);
    REQUIRE(take(p->entered, 1));
    struct waiter* w = waiter_new(work, FALSE);
    struct helper* helper = helper_start(wait_for_work, w);
    REQUIRE(signaled(helper->started));
    CHECK(quiet(w->returned));
    SetEvent(p->gate);
    CHECK(signaled(w->returned));
    CHECK_EQ(count(&p->returned), 3);
    REQUIRE(helper_join(helper));
    CloseThreadpoolWork(work);
    CloseHandle(w->returned);
    probe_end(p);
}

TEST("R-LIFE-8", "several threads wait for one object") {
    struct probe* p = probe_new(0, 2);
    struct waiter* w[4];
    struct helper* helpers[4];
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 6);
    REQUIRE(take(p->entered, 2));
    for (int i = 0; i < 4; i++) {
        w[i] = waiter_new(work, FALSE);
        helpers[i] = helper_start(wait_for_work, w[i]);
    }
    SetEvent(p->gate);
    for (int i = 0; i < 4; i++) {
        CHECK(signaled(w[i]->returned));
        REQUIRE(helper_join(helpers[i]));
        CloseHandle(w[i]->returned);
    }
    CHECK_EQ(count(&p->returned), 6);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-LIFE-8", "Wait(FALSE) and Wait(TRUE) at the same time both return") {
    for (int round = 0; round < 30; round++) {
        struct probe* p = probe_new(0, 2);
        PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
        REQUIRE(work != NULL);
        submit(work, 50);
        struct waiter* keep = waiter_new(work, FALSE);
        struct waiter* drop = waiter_new(work, TRUE);
        struct helper* first = helper_start(wait_for_work, keep);
        struct helper* second = helper_start(wait_for_work, drop);
        CHECK(signaled(keep->returned));
        CHECK(signaled(drop->returned));
        CHECK_EQ(count(&p->calls), count(&p->returned));
        REQUIRE(helper_join(first) && helper_join(second));
        CloseThreadpoolWork(work);
        CloseHandle(keep->returned);
        CloseHandle(drop->returned);
        probe_end(p);
    }
}

static VOID CALLBACK count_cancel(PVOID context, PVOID cleanup) {
    (void)context;
    InterlockedIncrement((counter*)cleanup);
}

TEST("R-LIFE-9", "Wait(TRUE) neither interrupts a call nor calls the group's cancel callback") {
    struct probe* p = probe_new(0, 1);
    counter* cancelled = fresh(sizeof *cancelled);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    SetThreadpoolCallbackCleanupGroup(&p->env, group, count_cancel);
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 5);
    REQUIRE(take(p->entered, 1));
    struct waiter* w = waiter_new(work, TRUE);
    struct helper* helper = helper_start(wait_for_work, w);
    REQUIRE(signaled(helper->started));
    CHECK(quiet(w->returned));
    CHECK_EQ(count(&p->running), 1);
    SetEvent(p->gate);
    CHECK(signaled(w->returned));
    CHECK_EQ(count(&p->returned), count(&p->calls));
    REQUIRE(helper_join(helper));
    /* The cancel callback is called for the release of the member only, not for dropped calls. */
    CloseThreadpoolCleanupGroupMembers(group, TRUE, (PVOID)cancelled);
    CHECK_EQ(count(cancelled), 1);
    CloseThreadpoolCleanupGroup(group);
    CloseHandle(w->returned);
    probe_end(p);
}

TEST("R-LIFE-10", "Wait returns at once when nothing is outstanding") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    for (int i = 0; i < 1000; i++) {
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        WaitForThreadpoolWorkCallbacks(work, TRUE);
    }
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    WaitForThreadpoolWorkCallbacks(work, TRUE);
    CHECK_EQ(count(&p->returned), 1);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-LIFE-10", "Wait on one object does not wait for another one") {
    struct probe* p = probe_new(0, 2);
    PTP_WORK busy = CreateThreadpoolWork(work_gated, p, &p->env);
    PTP_WORK idle = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(busy && idle);
    SubmitThreadpoolWork(busy);
    REQUIRE(take(p->entered, 1));
    SubmitThreadpoolWork(idle);
    WaitForThreadpoolWorkCallbacks(idle, FALSE);
    WaitForThreadpoolWorkCallbacks(idle, TRUE);
    CHECK_EQ(count(&p->running), 1);
    SetEvent(p->gate);
    WaitForThreadpoolWorkCallbacks(busy, FALSE);
    CloseThreadpoolWork(busy);
    CloseThreadpoolWork(idle);
    probe_end(p);
}

/* Plain, unsynchronised data: ThreadSanitizer reports a missing happens-before edge. */
struct plain {
    int before, after;
};

static VOID CALLBACK copy_plain(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct plain* data = context;
    (void)instance;
    (void)work;
    data->after = data->before + 1;
}

TEST("R-LIFE-12", "what a callback wrote is visible after Wait") {
    struct probe* p = probe_new(0, 1);
    struct plain* data = fresh(sizeof *data);
    PTP_WORK work = CreateThreadpoolWork(copy_plain, data, &p->env);
    REQUIRE(work != NULL);
    for (int i = 0; i < 2000; i++) {
        data->before = i;
        SubmitThreadpoolWork(work);
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        CHECK_EQ(data->after, i + 1);
    }
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-LIFE-12", "what a callback wrote is visible after members-close") {
    struct probe* p = probe_new(0, 2);
    struct plain* data = fresh(64 * sizeof *data);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    SetThreadpoolCallbackCleanupGroup(&p->env, group, NULL);
    for (int i = 0; i < 64; i++) {
        PTP_WORK work = CreateThreadpoolWork(copy_plain, &data[i], &p->env);
        REQUIRE(work != NULL);
        data[i].before = i;
        SubmitThreadpoolWork(work);
    }
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    for (int i = 0; i < 64; i++)
        CHECK_EQ(data[i].after, i + 1);
    CloseThreadpoolCleanupGroup(group);
    probe_end(p);
}

struct handed {
    int value;
    HANDLE done;
};

static VOID CALLBACK add_handed(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct handed* h = context;
    (void)instance;
    h->value++;
    SetEvent(h->done);
}

TEST("R-LIFE-19", "what was written before a submit is visible in the callback") {
    struct handed* h = fresh(sizeof *h);
    h->done = auto_event();
    for (int i = 0; i < 2000; i++) {
        h->value = i;
        REQUIRE(TrySubmitThreadpoolCallback(add_handed, h, NULL));
        REQUIRE(signaled(h->done));
        CHECK_EQ(h->value, i + 1);
    }
    CloseHandle(h->done);
}

struct dependent {
    struct probe* p;
    PTP_WORK other;
};

static VOID CALLBACK wait_for_other(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct dependent* d = context;
    (void)instance;
    (void)work;
    SubmitThreadpoolWork(d->other);
    WaitForThreadpoolWorkCallbacks(d->other, FALSE);
    probe_enter(d->p);
    probe_leave(d->p);
}

TEST("R-LIFE-15", "a callback may wait for another object") {
    struct probe* p = probe_new(0, 2);
    struct dependent* d = fresh(sizeof *d);
    d->p = p;
    d->other = CreateThreadpoolWork(work_count, p, &p->env);
    PTP_WORK work = CreateThreadpoolWork(wait_for_other, d, &p->env);
    REQUIRE(work && d->other);
    for (int i = 1; i <= 100; i++) {
        SubmitThreadpoolWork(work);
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        CHECK_EQ(count(&p->returned), 2 * i);
    }
    CloseThreadpoolWork(work);
    CloseThreadpoolWork(d->other);
    probe_end(p);
}

TEST("R-LIFE-16", "the documented teardown of a work object, with TRUE and with FALSE") {
    struct probe* p = probe_new(0, 2);
    for (int i = 0; i < 200; i++) {
        PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
        REQUIRE(work != NULL);
        submit(work, 10);
        WaitForThreadpoolWorkCallbacks(work, i % 2);
        LONG calls = count(&p->calls);
        CloseThreadpoolWork(work);
        CHECK_EQ(count(&p->calls), calls);
        CHECK_EQ(count(&p->running), 0);
    }
    probe_end(p);
}

static VOID CALLBACK spoil_errors(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)context;
    (void)work;
    SetLastError(4711);
    errno = EDOM;
}

TEST("R-ERR-5", "pool functions preserve errno and the last error") {
    struct probe* p = probe_new(0, 2);
    SetLastError(0x5678);
    errno = ERANGE;
    PTP_WORK work = CreateThreadpoolWork(spoil_errors, NULL, &p->env);
    REQUIRE(work != NULL);
    submit(work, 10);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    submit(work, 10);
    WaitForThreadpoolWorkCallbacks(work, TRUE);
    CloseThreadpoolWork(work);
    CHECK_EQ(GetLastError(), 0x5678);
    CHECK_EQ(errno, ERANGE);
    probe_end(p);
}
