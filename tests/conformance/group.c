// SPDX-License-Identifier: Apache-2.0
/* Cleanup groups: R-GRP-*. */
#include "tests/conformance/fixture.h"

/* What the cancel callback saw, with one slot for each object context. */
struct tally {
    struct probe* p;
    PTP_CLEANUP_GROUP group;
    DWORD closer;
    counter cancelled, on_other_thread, wrong_cleanup, while_running;
    counter of[256];
};

struct member {
    struct tally* tally;
    int index;
};

static struct tally* tally_new(DWORD maximum);

static VOID CALLBACK on_cancel(PVOID context, PVOID cleanup) {
    struct member* m = context;
    struct tally* t = m->tally;
    InterlockedIncrement(&t->cancelled);
    InterlockedIncrement(&t->of[m->index]);
    if (GetCurrentThreadId() != t->closer)
        InterlockedIncrement(&t->on_other_thread);
    if (cleanup != t)
        InterlockedIncrement(&t->wrong_cleanup);
    if (count(&t->p->running))
        InterlockedIncrement(&t->while_running);
}

static struct tally* tally_new(DWORD maximum) {
    struct tally* t = fresh(sizeof *t);
    t->p = probe_new(0, maximum);
    t->group = CreateThreadpoolCleanupGroup();
    t->closer = GetCurrentThreadId();
    if (!t->group)
        abort();
    SetThreadpoolCallbackCleanupGroup(&t->p->env, t->group, on_cancel);
    return t;
}

static struct member* members_new(struct tally* t, int number) {
    struct member* m = fresh((size_t)number * sizeof *m);
    for (int i = 0; i < number; i++) {
        m[i].tally = t;
        m[i].index = i;
    }
    return m;
}

static void tally_end(struct tally* t) {
    CHECK_EQ(count(&t->on_other_thread), 0);
    CHECK_EQ(count(&t->wrong_cleanup), 0);
    CloseThreadpoolCleanupGroup(t->group);
    probe_end(t->p);
}

static VOID CALLBACK member_work(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    work_count(instance, ((struct member*)context)->tally->p, work);
}

static VOID CALLBACK member_gated(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    work_gated(instance, ((struct member*)context)->tally->p, work);
}

static VOID CALLBACK member_simple(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    member_work(instance, context, NULL);
}

/* A call that lasts 20 ms unless the gate is open. */
static VOID CALLBACK member_slow(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct probe* p = ((struct member*)context)->tally->p;
    (void)instance;
    probe_enter(p);
    WaitForSingleObject(p->gate, 20);
    probe_leave(p);
}

static VOID CALLBACK member_slow_work(PTP_CALLBACK_INSTANCE instance,
                                      PVOID context,
                                      PTP_WORK work) {
    (void)work;
    member_slow(instance, context);
}

TEST("R-GRP-1", "a group can be created and closed") {
    for (int i = 0; i < 100; i++) {
        PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
        REQUIRE(group != NULL);
        CloseThreadpoolCleanupGroup(group);
    }
}

TEST("R-GRP-2", "work and simple callbacks become members") {
    struct tally* t = tally_new(1);
    struct member* m = members_new(t, 3);
    PTP_WORK block = CreateThreadpoolWork(work_gated, t->p, &t->p->env);
    SetThreadpoolCallbackCleanupGroup(&t->p->env, NULL, NULL);
    PTP_WORK outside = CreateThreadpoolWork(member_work, &m[2], &t->p->env);
    SetThreadpoolCallbackCleanupGroup(&t->p->env, t->group, on_cancel);
    PTP_WORK work = CreateThreadpoolWork(member_work, &m[0], &t->p->env);
    REQUIRE(block && outside && work);
    CloseThreadpoolWork(block);
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, t->p, &t->p->env));
    REQUIRE(take(t->p->entered, 1));
    CloseThreadpoolWork(outside);
    REQUIRE(TrySubmitThreadpoolCallback(member_simple, &m[1], &t->p->env));
    SubmitThreadpoolWork(work);
    SetEvent(t->p->gate);
    CloseThreadpoolCleanupGroupMembers(t->group, FALSE, t);
    CHECK_EQ(count(&t->p->returned), 3);
    CHECK_EQ(count(&t->cancelled), 0);
    tally_end(t);
}

TEST("R-GRP-3", "members-close(FALSE) waits for running and pending calls") {
    struct tally* t = tally_new(2);
    struct member* m = members_new(t, 1);
    PTP_WORK work = CreateThreadpoolWork(member_slow_work, m, &t->p->env);
    REQUIRE(work != NULL);
    submit(work, 10);
    CloseThreadpoolCleanupGroupMembers(t->group, FALSE, t);
    CHECK_EQ(count(&t->p->returned), 10);
    CHECK_EQ(count(&t->cancelled), 0);
    tally_end(t);
}

TEST("R-GRP-3", "members-close(TRUE) waits for running calls and drops pending ones") {
    struct tally* t = tally_new(1);
    struct member* m = members_new(t, 1);
    PTP_WORK work = CreateThreadpoolWork(member_slow_work, m, &t->p->env);
    REQUIRE(work != NULL);
    submit(work, 200);
    REQUIRE(take(t->p->entered, 1));
    CloseThreadpoolCleanupGroupMembers(t->group, TRUE, t);
    LONG calls = count(&t->p->calls);
    CHECK_OP(calls, <, 200);
    CHECK_EQ(count(&t->p->returned), calls);
    CHECK_EQ(count(&t->p->running), 0);
    CHECK_EQ(count(&t->cancelled), 1);
    SetThreadpoolCallbackCleanupGroup(&t->p->env, NULL, NULL);
    CHECK(pass_sentinel(t->p));
    CHECK_EQ(count(&t->p->calls), calls);
    tally_end(t);
}

TEST("R-GRP-4", "of a hundred simple callbacks members-close(TRUE) drops those not started") {
    struct tally* t = tally_new(1);
    struct member* m = members_new(t, 100);
    for (int i = 0; i < 100; i++)
        REQUIRE(TrySubmitThreadpoolCallback(member_slow, &m[i], &t->p->env));
    REQUIRE(take(t->p->entered, 1));
    CloseThreadpoolCleanupGroupMembers(t->group, TRUE, t);
    LONG calls = count(&t->p->calls);
    CHECK_OP(calls, <, 100);
    CHECK_EQ(count(&t->p->returned), calls);
    CHECK_EQ(count(&t->cancelled), 100 - calls);
    tally_end(t);
}

TEST("R-GRP-4", "of a hundred simple callbacks members-close(FALSE) runs all") {
    struct tally* t = tally_new(2);
    struct member* m = members_new(t, 100);
    for (int i = 0; i < 100; i++)
        REQUIRE(TrySubmitThreadpoolCallback(member_simple, &m[i], &t->p->env));
    CloseThreadpoolCleanupGroupMembers(t->group, FALSE, t);
    CHECK_EQ(count(&t->p->returned), 100);
    CHECK_EQ(count(&t->cancelled), 0);
    tally_end(t);
}

TEST("R-GRP-6", "closing the members of an empty group does nothing") {
    struct tally* t = tally_new(1);
    CloseThreadpoolCleanupGroupMembers(t->group, FALSE, NULL);
    CloseThreadpoolCleanupGroupMembers(t->group, TRUE, t);
    CHECK_EQ(count(&t->cancelled), 0);
    tally_end(t);
}

TEST("R-GRP-6", "a group can be used again after members-close") {
    struct tally* t = tally_new(2);
    struct member* m = members_new(t, 1);
    for (int cycle = 1; cycle <= 20; cycle++) {
        PTP_WORK work = CreateThreadpoolWork(member_work, m, &t->p->env);
        REQUIRE(work != NULL);
        submit(work, 5);
        REQUIRE(TrySubmitThreadpoolCallback(member_simple, m, &t->p->env));
        CloseThreadpoolCleanupGroupMembers(t->group, FALSE, t);
        CHECK_EQ(count(&t->p->returned), cycle * 6);
    }
    tally_end(t);
}

struct race {
    struct tally* t;
    struct member* m;
    HANDLE finished;
    counter accepted;
};

static void submit_into_group(void* argument) {
    struct race* r = argument;
    TP_CALLBACK_ENVIRON env = r->t->p->env;
    for (int i = 0; i < 20000; i++)
        if (TrySubmitThreadpoolCallback(member_simple, r->m, &env))
            InterlockedIncrement(&r->accepted);
    SetEvent(r->finished);
}

TEST("R-GRP-7", "simple callbacks created during members-close are either run or cancelled") {
    struct tally* t = tally_new(2);
    struct race* r = fresh(sizeof *r);
    r->t = t;
    r->m = members_new(t, 1);
    r->finished = manual_event();
    struct helper* helper = helper_start(submit_into_group, r);
    while (WaitForSingleObject(r->finished, 0) == WAIT_TIMEOUT)
        CloseThreadpoolCleanupGroupMembers(t->group, TRUE, t);
    REQUIRE(helper_join(helper));
    CloseThreadpoolCleanupGroupMembers(t->group, TRUE, t);
    CHECK_EQ(count(&r->accepted), 20000);
    CHECK_EQ(count(&t->p->returned) + count(&t->cancelled), 20000);
    CloseHandle(r->finished);
    tally_end(t);
}

TEST("R-GRP-8", "the cancel callback is called once per object, not per pending call") {
    struct tally* t = tally_new(1);
    struct member* m = members_new(t, 6);
    REQUIRE(TrySubmitThreadpoolCallback(member_slow, &m[5], &t->p->env));
    REQUIRE(take(t->p->entered, 1));
    for (int i = 0; i < 5; i++) {
        PTP_WORK work = CreateThreadpoolWork(member_slow_work, &m[i], &t->p->env);
        REQUIRE(work != NULL);
        submit(work, 100);
    }
    CloseThreadpoolCleanupGroupMembers(t->group, TRUE, t);
    CHECK_EQ(count(&t->cancelled), 5);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(count(&t->of[i]), 1);
    tally_end(t);
}

TEST("R-GRP-8", "the cancel callback is called for objects that were never used") {
    struct tally* t = tally_new(1);
    struct member* m = members_new(t, 100);
    for (int i = 0; i < 100; i++)
        REQUIRE(CreateThreadpoolWork(member_work, &m[i], &t->p->env) != NULL);
    CloseThreadpoolCleanupGroupMembers(t->group, TRUE, t);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(count(&t->of[i]), 1);
    CHECK_EQ(count(&t->p->calls), 0);
    tally_end(t);
}

TEST("R-GRP-8", "the cancel callback is called for objects whose calls have all run") {
    struct tally* t = tally_new(1);
    struct member* m = members_new(t, 1);
    PTP_WORK work = CreateThreadpoolWork(member_work, m, &t->p->env);
    REQUIRE(work != NULL);
    submit(work, 3);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolCleanupGroupMembers(t->group, TRUE, t);
    CHECK_EQ(count(&t->of[0]), 1);
    CHECK_EQ(count(&t->p->returned), 3);
    tally_end(t);
}

TEST("R-GRP-8", "the cancel callback is not called with FALSE") {
    struct tally* t = tally_new(1);
    struct member* m = members_new(t, 10);
    for (int i = 0; i < 10; i++)
        REQUIRE(CreateThreadpoolWork(member_work, &m[i], &t->p->env) != NULL);
    CloseThreadpoolCleanupGroupMembers(t->group, FALSE, t);
    CHECK_EQ(count(&t->cancelled), 0);
    tally_end(t);
}

TEST("R-GRP-8", "the cancel callback comes after the member's running call") {
    struct tally* t = tally_new(1);
    struct member* m = members_new(t, 1);
    for (int round = 1; round <= 10; round++) {
        PTP_WORK work = CreateThreadpoolWork(member_slow_work, m, &t->p->env);
        REQUIRE(work != NULL);
        SubmitThreadpoolWork(work);
        REQUIRE(take(t->p->entered, 1));
        CloseThreadpoolCleanupGroupMembers(t->group, TRUE, t);
        CHECK_EQ(count(&t->of[0]), round);
    }
    CHECK_EQ(count(&t->while_running), 0);
    tally_end(t);
}

TEST("R-GRP-8", "the cancel callback is not called for simple callbacks that ran or are running") {
    struct tally* t = tally_new(1);
    struct member* m = members_new(t, 2);
    REQUIRE(TrySubmitThreadpoolCallback(member_simple, &m[0], &t->p->env));
    REQUIRE(TrySubmitThreadpoolCallback(member_slow, &m[1], &t->p->env));
    REQUIRE(take(t->p->entered, 2));
    CloseThreadpoolCleanupGroupMembers(t->group, TRUE, t);
    CHECK_EQ(count(&t->cancelled), 0);
    CHECK_EQ(count(&t->p->returned), 2);
    tally_end(t);
}

TEST("R-GRP-8", "members without a cancel callback are released silently") {
    struct tally* t = tally_new(1);
    struct member* m = members_new(t, 1);
    SetThreadpoolCallbackCleanupGroup(&t->p->env, t->group, NULL);
    REQUIRE(CreateThreadpoolWork(member_work, m, &t->p->env) != NULL);
    CloseThreadpoolCleanupGroupMembers(t->group, TRUE, t);
    CHECK_EQ(count(&t->cancelled), 0);
    tally_end(t);
}

static VOID CALLBACK free_context(PVOID context, PVOID cleanup) {
    InterlockedIncrement((counter*)cleanup);
    free(context);
}

static VOID CALLBACK touch_context(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)work;
    InterlockedIncrement((counter*)context);
}

TEST("R-GRP-8", "the cancel callback may free the context") {
    struct probe* p = probe_new(0, 2);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    counter* freed = fresh(sizeof *freed);
    SetThreadpoolCallbackCleanupGroup(&p->env, group, free_context);
    for (int i = 0; i < 200; i++) {
        counter* context = calloc(1, sizeof *context);
        PTP_WORK work = CreateThreadpoolWork(touch_context, (PVOID)context, &p->env);
        REQUIRE(work != NULL);
        submit(work, 3);
    }
    CloseThreadpoolCleanupGroupMembers(group, TRUE, (PVOID)freed);
    CHECK_EQ(count(freed), 200);
    CloseThreadpoolCleanupGroup(group);
    probe_end(p);
}

TEST("R-WORK-9", "an object closed individually has left its group") {
    struct tally* t = tally_new(1);
    struct member* m = members_new(t, 2);
    PTP_WORK gone = CreateThreadpoolWork(member_work, &m[0], &t->p->env);
    PTP_WORK stays = CreateThreadpoolWork(member_work, &m[1], &t->p->env);
    REQUIRE(gone && stays);
    CloseThreadpoolWork(gone);
    CloseThreadpoolCleanupGroupMembers(t->group, TRUE, t);
    CHECK_EQ(count(&t->of[0]), 0);
    CHECK_EQ(count(&t->of[1]), 1);
    tally_end(t);
}

TEST("R-WORK-9", "pending calls of an object closed individually still run") {
    struct tally* t = tally_new(1);
    struct member* m = members_new(t, 1);
    PTP_WORK work = CreateThreadpoolWork(member_gated, m, &t->p->env);
    REQUIRE(work != NULL);
    submit(work, 4);
    REQUIRE(take(t->p->entered, 1));
    CloseThreadpoolWork(work);
    SetEvent(t->p->gate);
    CHECK(take(t->p->done, 4));
    CloseThreadpoolCleanupGroupMembers(t->group, TRUE, t);
    CHECK_EQ(count(&t->cancelled), 0);
    CHECK_EQ(count(&t->p->returned), 4);
    tally_end(t);
}

static VOID CALLBACK close_own(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct probe* p = ((struct member*)context)->tally->p;
    (void)instance;
    probe_enter(p);
    /* Lasts 50 ms, so that members-close is usually under way. */
    WaitForSingleObject(p->gate, 50);
    CloseThreadpoolWork(work);
    probe_leave(p);
}

TEST("R-GRP-12", "a member may close itself while members-close waits for it") {
    struct tally* t = tally_new(1);
    struct member* m = members_new(t, 1);
    for (int round = 1; round <= 4; round++) {
        PTP_WORK work = CreateThreadpoolWork(close_own, m, &t->p->env);
        REQUIRE(work != NULL);
        SubmitThreadpoolWork(work);
        REQUIRE(take(t->p->entered, 1));
        CloseThreadpoolCleanupGroupMembers(t->group, round % 2, t);
        CHECK_EQ(count(&t->p->returned), round);
    }
    CHECK_EQ(count(&t->cancelled), 0);
    tally_end(t);
}

static VOID CALLBACK submit_own(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct probe* p = ((struct member*)context)->tally->p;
    (void)instance;
    probe_enter(p);
    SubmitThreadpoolWork(work);
    probe_leave(p);
}

TEST("R-GRP-11", "members-close(TRUE) ends an object that submits itself for ever") {
    struct tally* t = tally_new(2);
    struct member* m = members_new(t, 1);
    for (int round = 0; round < 20; round++) {
        PTP_WORK work = CreateThreadpoolWork(submit_own, m, &t->p->env);
        REQUIRE(work != NULL);
        SubmitThreadpoolWork(work);
        REQUIRE(take(t->p->done, 3));
        CloseThreadpoolCleanupGroupMembers(t->group, TRUE, t);
        LONG calls = count(&t->p->calls);
        CHECK_EQ(count(&t->p->running), 0);
        CHECK_EQ(count(&t->p->calls), calls);
    }
    CHECK_EQ(count(&t->cancelled), 20);
    tally_end(t);
}

TEST("R-GRP-15", "the documented order of a shutdown") {
    PTP_POOL pool = CreateThreadpool(NULL);
    struct probe* p = probe_bare();
    REQUIRE(pool != NULL);
    SetThreadpoolThreadMaximum(pool, 1);
    CHECK(SetThreadpoolThreadMinimum(pool, 1));
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    SetThreadpoolCallbackPool(&p->env, pool);
    SetThreadpoolCallbackCleanupGroup(&p->env, group, NULL);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    CloseThreadpoolCleanupGroup(group);
    DestroyThreadpoolEnvironment(&p->env);
    CloseThreadpool(pool);
    CHECK_EQ(count(&p->returned), 1);
    probe_end(p);
}

TEST("R-GRP-16", "a group holds objects of several pools, closed or not") {
    struct tally* t = tally_new(1);
    struct member* m = members_new(t, 3);
    PTP_POOL other = CreateThreadpool(NULL);
    TP_CALLBACK_ENVIRON env = t->p->env;
    REQUIRE(other != NULL);
    SetThreadpoolCallbackPool(&env, other);
    PTP_WORK first = CreateThreadpoolWork(member_work, &m[0], &t->p->env);
    PTP_WORK second = CreateThreadpoolWork(member_work, &m[1], &env);
    SetThreadpoolCallbackPool(&env, NULL);
    PTP_WORK third = CreateThreadpoolWork(member_work, &m[2], &env);
    REQUIRE(first && second && third);
    CloseThreadpool(other);
    submit(first, 10);
    submit(second, 10);
    submit(third, 10);
    CloseThreadpoolCleanupGroupMembers(t->group, FALSE, t);
    CHECK_EQ(count(&t->p->returned), 30);
    tally_end(t);
}

static void close_members_too(void* argument) {
    struct tally* t = argument;
    CloseThreadpoolCleanupGroupMembers(t->group, FALSE, t);
}

TEST("R-GRP-3", "Wait on a member while another thread closes the members of another group") {
    struct tally* first = tally_new(2);
    struct tally* second = tally_new(2);
    struct member* m = members_new(first, 1);
    struct member* n = members_new(second, 1);
    PTP_WORK a = CreateThreadpoolWork(member_slow_work, m, &first->p->env);
    PTP_WORK b = CreateThreadpoolWork(member_slow_work, n, &second->p->env);
    REQUIRE(a && b);
    submit(a, 6);
    submit(b, 6);
    struct helper* helper = helper_start(close_members_too, second);
    WaitForThreadpoolWorkCallbacks(a, FALSE);
    CHECK_EQ(count(&first->p->returned), 6);
    REQUIRE(helper_join(helper));
    CHECK_EQ(count(&second->p->returned), 6);
    CloseThreadpoolCleanupGroupMembers(first->group, FALSE, first);
    tally_end(first);
    tally_end(second);
}
