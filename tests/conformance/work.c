// SPDX-License-Identifier: Apache-2.0
/* Work objects: R-WORK-*. */
#include "tests/conformance/fixture.h"

TEST("R-WORK-1", "creating a work object runs nothing") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    CHECK(pass_sentinel(p));
    CHECK_EQ(count(&p->calls), 0);
    CloseThreadpoolWork(work);
    probe_end(p);
}

struct seen {
    HANDLE done;
    PTP_CALLBACK_INSTANCE instance;
    PVOID context;
    PTP_WORK work;
    DWORD thread;
    counter calls;
};

static VOID CALLBACK see(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct seen* s = context;
    s->instance = instance;
    s->context = context;
    s->work = work;
    s->thread = GetCurrentThreadId();
    InterlockedIncrement(&s->calls);
    SetEvent(s->done);
}

TEST("R-WORK-2", "one submit is one call with the instance, the context and the object") {
    struct seen* s = fresh(sizeof *s);
    s->done = manual_event();
    PTP_WORK work = CreateThreadpoolWork(see, s, NULL);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    REQUIRE(signaled(s->done));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK(s->instance != NULL);
    CHECK(s->context == s);
    CHECK(s->work == work);
    CHECK(s->thread != GetCurrentThreadId());
    CHECK_EQ(count(&s->calls), 1);
    CloseThreadpoolWork(work);
    CloseHandle(s->done);
}

static counter null_contexts, other_contexts;

static VOID CALLBACK count_null(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)work;
    InterlockedIncrement(context ? &other_contexts : &null_contexts);
}

TEST("R-WORK-2", "a NULL context arrives as NULL") {
    PTP_WORK work = CreateThreadpoolWork(count_null, NULL, NULL);
    REQUIRE(work != NULL);
    submit(work, 3);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&null_contexts), 3);
    CHECK_EQ(count(&other_contexts), 0);
    CloseThreadpoolWork(work);
}

TEST("R-WORK-3", "a thousand submits are a thousand calls") {
    struct probe* p = probe_new(0, 4);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 1000);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->calls), 1000);
    CHECK_EQ(count(&p->returned), 1000);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-WORK-3", "submits while the object runs are added up") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    REQUIRE(take(p->entered, 1));
    submit(work, 500);
    SetEvent(p->gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->returned), 501);
    CloseThreadpoolWork(work);
    probe_end(p);
}

static VOID CALLBACK resubmit(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct probe* p = context;
    (void)instance;
    if (InterlockedIncrement(&p->calls) < 200)
        SubmitThreadpoolWork(work);
    else
        SetEvent(p->gate);
}

TEST("R-WORK-3", "a callback may submit its own object") {
    struct probe* p = probe_new(0, 2);
    PTP_WORK work = CreateThreadpoolWork(resubmit, p, &p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    CHECK(signaled(p->gate));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->calls), 200);
    CloseThreadpoolWork(work);
    probe_end(p);
}

static void submit_many(void* work) {
    submit(work, 2500);
}

TEST("R-WORK-3", "several threads may submit one object at once") {
    struct probe* p = probe_new(0, 4);
    struct helper* helpers[4];
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    for (int i = 0; i < 4; i++)
        helpers[i] = helper_start(submit_many, work);
    for (int i = 0; i < 4; i++)
        REQUIRE(helper_join(helpers[i]));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->returned), 10000);
    CHECK_OP(count(&p->peak), <=, 4);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-WORK-3", "calls of one object run in parallel") {
    struct probe* p = probe_new(0, 4);
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 4);
    CHECK(take(p->entered, 4));
    CHECK_EQ(count(&p->running), 4);
    SetEvent(p->gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-WORK-4", "submissions are delayed but never dropped") {
    struct probe* p = probe_new(0, 2);
    PTP_WORK works[8];
    for (int i = 0; i < 8; i++) {
        works[i] = CreateThreadpoolWork(work_count, p, &p->env);
        REQUIRE(works[i] != NULL);
    }
    for (int i = 0; i < 20000; i++)
        SubmitThreadpoolWork(works[i % 8]);
    for (int i = 0; i < 8; i++)
        WaitForThreadpoolWorkCallbacks(works[i], FALSE);
    CHECK_EQ(count(&p->returned), 20000);
    CHECK_OP(count(&p->peak), <=, 2);
    for (int i = 0; i < 8; i++)
        CloseThreadpoolWork(works[i]);
    probe_end(p);
}

TEST("R-WORK-5", "a submit neither fails nor touches the last error") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    SetLastError(0x1234);
    submit(work, 5000);
    CHECK_EQ(GetLastError(), 0x1234);
    REQUIRE(take(p->entered, 1));
    SetEvent(p->gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->returned), 5000);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-WORK-6", "WaitForThreadpoolWorkCallbacks(FALSE) returns after all calls") {
    struct probe* p = probe_new(0, 3);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    for (int round = 1; round <= 50; round++) {
        submit(work, 7);
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        CHECK_EQ(count(&p->returned), round * 7);
    }
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-WORK-6", "WaitForThreadpoolWorkCallbacks(TRUE) drops pending calls") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_gated_apart, p, &p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    REQUIRE(take(p->entered, 1));
    submit(work, 9);
    /* The only worker is in the first call, which no longer counts for the object. */
    WaitForThreadpoolWorkCallbacks(work, TRUE);
    CHECK_EQ(count(&p->calls), 1);
    SetEvent(p->gate);
    CHECK(pass_sentinel(p));
    CHECK_EQ(count(&p->calls), 1);
    CHECK_EQ(count(&p->returned), 1);
    CloseThreadpoolWork(work);
    probe_end(p);
}

static VOID CALLBACK work_slow(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct probe* p = context;
    (void)instance;
    (void)work;
    probe_enter(p);
    /* Nobody opens the gate: the call lasts 100 ms. */
    WaitForSingleObject(p->gate, 100);
    probe_leave(p);
}

TEST("R-WORK-6", "Wait(TRUE) waits for the running call, and none starts afterwards") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_slow, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 10);
    REQUIRE(take(p->entered, 1));
    WaitForThreadpoolWorkCallbacks(work, TRUE);
    LONG calls = count(&p->calls);
    CHECK_OP(calls, >=, 1);
    CHECK_OP(calls, <, 10);
    CHECK_EQ(count(&p->running), 0);
    CHECK_EQ(count(&p->returned), calls);
    CHECK(pass_sentinel(p));
    CHECK_EQ(count(&p->calls), calls);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-WORK-6", "Wait(TRUE) right after the submits leaves nothing behind") {
    struct probe* p = probe_new(0, 4);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    LONG submitted = 0;
    for (int round = 0; round < 300; round++) {
        submit(work, 5);
        submitted += 5;
        WaitForThreadpoolWorkCallbacks(work, TRUE);
        CHECK_EQ(count(&p->calls), count(&p->returned));
        CHECK_EQ(count(&p->running), 0);
    }
    CHECK_OP(count(&p->calls), <=, submitted);
    LONG calls = count(&p->calls);
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->calls), calls + 1);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-WORK-7", "an object works again after Wait(TRUE)") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_gated_apart, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 5);
    REQUIRE(take(p->entered, 1));
    WaitForThreadpoolWorkCallbacks(work, TRUE);
    submit(work, 3);
    SetEvent(p->gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK(take(p->done, 4));
    CHECK_EQ(count(&p->calls), 4);
    CloseThreadpoolWork(work);
    CHECK(pass_sentinel(p));
    probe_end(p);
}

TEST("R-WORK-8", "pending calls run after Close") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 10);
    REQUIRE(take(p->entered, 1));
    CloseThreadpoolWork(work);
    SetEvent(p->gate);
    CHECK(take(p->done, 10));
    CHECK(pass_sentinel(p));
    CHECK_EQ(count(&p->calls), 10);
    probe_end(p);
}

TEST("R-WORK-8", "Close right after Submit, many times") {
    struct probe* p = probe_new(0, 4);
    for (int i = 0; i < 2000; i++) {
        PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
        REQUIRE(work != NULL);
        SubmitThreadpoolWork(work);
        CloseThreadpoolWork(work);
    }
    CHECK(take(p->done, 2000));
    CHECK_EQ(count(&p->calls), 2000);
    probe_end(p);
}

struct turns {
    struct probe* p;
    counter next;
    LONG at[3][32];
    counter used[3];
};

struct turn {
    struct turns* all;
    int object;
};

static VOID CALLBACK take_turn(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct turn* turn = context;
    struct turns* all = turn->all;
    (void)instance;
    (void)work;
    LONG index = InterlockedIncrement(&all->used[turn->object]) - 1;
    all->at[turn->object][index] = InterlockedIncrement(&all->next);
}

static void run_turns(int objects, int submits) {
    struct probe* p = probe_new(0, 1);
    struct turns* all = fresh(sizeof *all);
    struct turn* turns = fresh(3 * sizeof *turns);
    PTP_WORK works[3];
    PTP_WORK block = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(block != NULL);
    all->p = p;
    SubmitThreadpoolWork(block);
    REQUIRE(take(p->entered, 1));
    for (int i = 0; i < objects; i++) {
        turns[i].all = all;
        turns[i].object = i;
        works[i] = CreateThreadpoolWork(take_turn, &turns[i], &p->env);
        REQUIRE(works[i] != NULL);
        submit(works[i], submits);
    }
    SetEvent(p->gate);
    for (int i = 0; i < objects; i++)
        WaitForThreadpoolWorkCallbacks(works[i], FALSE);
    for (int i = 0; i < objects; i++) {
        CHECK_EQ(count(&all->used[i]), submits);
        /* Each object had a turn before any other one was finished. */
        for (int j = 0; j < objects; j++)
            CHECK_OP(all->at[i][0], <, all->at[j][submits - 1]);
        CloseThreadpoolWork(works[i]);
    }
    WaitForThreadpoolWorkCallbacks(block, FALSE);
    CloseThreadpoolWork(block);
    probe_end(p);
}

TEST("R-WORK-10", "ten calls of A and ten of B take turns on one thread") {
    run_turns(2, 10);
}

TEST("R-SCHED-7", "three objects with thirty calls each take turns on one thread") {
    run_turns(3, 30);
}

TEST("R-SCHED-1", "work and simple callbacks of one pool share its threads") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    for (int i = 0; i < 50; i++) {
        SubmitThreadpoolWork(work);
        REQUIRE(TrySubmitThreadpoolCallback(simple_count, p, &p->env));
    }
    CHECK(take(p->done, 100));
    CHECK_EQ(count(&p->peak), 1);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    CHECK(pass_sentinel(p));
    probe_end(p);
}
