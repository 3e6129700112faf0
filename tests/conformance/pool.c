// SPDX-License-Identifier: Apache-2.0
/* Pools: R-POOL-*, and what of R-SCHED-* can be seen from outside. */
#include "tests/conformance/fixture.h"

TEST("R-POOL-1", "a pool can be created and closed without being used") {
    for (int i = 0; i < 200; i++) {
        PTP_POOL pool = CreateThreadpool(NULL);
        REQUIRE(pool != NULL);
        CloseThreadpool(pool);
    }
}

TEST("R-POOL-1", "pools are distinct") {
    PTP_POOL a = CreateThreadpool(NULL), b = CreateThreadpool(NULL);
    REQUIRE(a && b);
    CHECK(a != b);
    CloseThreadpool(a);
    CloseThreadpool(b);
}

TEST("R-POOL-2", "the documented order of the set-up") {
    PTP_POOL pool = CreateThreadpool(NULL);
    struct probe* p = probe_bare();
    REQUIRE(pool != NULL);
    SetThreadpoolThreadMaximum(pool, 1);
    REQUIRE(SetThreadpoolThreadMinimum(pool, 1));
    SetThreadpoolCallbackPool(&p->env, pool);
    CHECK(pass_sentinel(p));
    CloseThreadpool(pool);
    probe_end(p);
}

TEST("R-POOL-3", "all objects without a pool share the default pool") {
    struct probe* p = probe_bare();
    PTP_WORK a = CreateThreadpoolWork(work_count, p, NULL);
    PTP_WORK b = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(a && b);
    submit(a, 10);
    submit(b, 10);
    REQUIRE(TrySubmitThreadpoolCallback(simple_count, p, NULL));
    CHECK(take(p->done, 21));
    WaitForThreadpoolWorkCallbacks(a, FALSE);
    WaitForThreadpoolWorkCallbacks(b, FALSE);
    CloseThreadpoolWork(a);
    CloseThreadpoolWork(b);
    probe_end(p);
}

TEST("R-POOL-4", "a blocked pool stops neither another pool nor the default pool") {
    struct probe* blocked = probe_new(0, 1);
    struct probe* other = probe_new(0, 1);
    struct probe* bare = probe_bare();
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, blocked, &blocked->env));
    REQUIRE(take(blocked->entered, 1));
    for (int i = 0; i < 20; i++) {
        CHECK(pass_sentinel(other));
        CHECK(pass_sentinel(bare));
    }
    CHECK_EQ(count(&blocked->running), 1);
    SetEvent(blocked->gate);
    CHECK(take(blocked->done, 1));
    probe_end(blocked);
    probe_end(other);
    probe_end(bare);
}

TEST("R-POOL-6", "with a maximum of one, callbacks run one after the other") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 500);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->returned), 500);
    CHECK_EQ(count(&p->peak), 1);
    CloseThreadpoolWork(work);
    probe_end(p);
}

static VOID CALLBACK hint_long(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    CallbackMayRunLong(instance);
    simple_gated(instance, context);
}

static VOID CALLBACK part(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    DisassociateCurrentThreadFromCallback(instance);
    simple_gated(instance, context);
}

static void at_most_three(PTP_SIMPLE_CALLBACK callback, int runs_long) {
    struct probe* p = probe_new(3, 3);
    if (runs_long)
        SetThreadpoolCallbackRunsLong(&p->env);
    for (int i = 0; i < 9; i++)
        REQUIRE(TrySubmitThreadpoolCallback(callback, p, &p->env));
    CHECK(take(p->entered, 3));
    CHECK(quiet(p->entered));
    CHECK_EQ(count(&p->running), 3);
    SetEvent(p->gate);
    CHECK(take(p->done, 9));
    CHECK_EQ(count(&p->peak), 3);
    probe_end(p);
}

TEST("R-POOL-6", "with a maximum of three, three blocked callbacks keep the fourth waiting") {
    at_most_three(simple_gated, 0);
}

TEST("R-POOL-6", "callbacks marked long count") {
    at_most_three(hint_long, 1);
}

TEST("R-POOL-6", "disassociated callbacks count") {
    at_most_three(part, 0);
}

TEST("R-POOL-7", "lowering the maximum lets surplus callbacks finish") {
    struct probe* p = probe_new(4, 4);
    for (int i = 0; i < 4; i++)
        REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 4));
    SetThreadpoolThreadMaximum(p->pool, 1);
    for (int i = 0; i < 20; i++)
        REQUIRE(TrySubmitThreadpoolCallback(simple_count, p, &p->env));
    CHECK_EQ(count(&p->running), 4);
    SetEvent(p->gate);
    CHECK(take(p->done, 24));
    probe_end(p);
}

TEST("R-POOL-5", "raising the maximum starts queued callbacks without another submit") {
    struct probe* p = probe_new(0, 1);
    for (int i = 0; i < 4; i++)
        REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    SetThreadpoolThreadMaximum(p->pool, 4);
    CHECK(take(p->entered, 3));
    CHECK_EQ(count(&p->running), 4);
    SetEvent(p->gate);
    CHECK(take(p->done, 4));
    probe_end(p);
}

TEST("R-POOL-9", "a minimum can be set, raised and lowered") {
    struct probe* p = probe_new(0, 8);
    CHECK(SetThreadpoolThreadMinimum(p->pool, 2));
    CHECK(SetThreadpoolThreadMinimum(p->pool, 6));
    CHECK(SetThreadpoolThreadMinimum(p->pool, 0));
    CHECK(pass_sentinel(p));
    probe_end(p);
}

TEST("R-POOL-9", "a pool with a minimum runs that many blocked callbacks at once") {
    struct probe* p = probe_new(6, 6);
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 6);
    CHECK(take(p->entered, 6));
    SetEvent(p->gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->peak), 6);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-POOL-10", "a minimum of four after a maximum of two gives four") {
    struct probe* p = probe_new(0, 2);
    REQUIRE(SetThreadpoolThreadMinimum(p->pool, 4));
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 8);
    CHECK(take(p->entered, 4));
    CHECK(quiet(p->entered));
    SetEvent(p->gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->peak), 4);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-POOL-10", "a maximum of two after a minimum of four gives two in steady state") {
    struct probe* p = probe_new(4, 0);
    SetThreadpoolThreadMaximum(p->pool, 2);
    /* Surplus threads may still take one callback each while the pool settles. */
    for (int i = 0; i < 50; i++)
        CHECK(pass_sentinel(p));
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 8);
    CHECK(take(p->entered, 2));
    CHECK(quiet(p->entered));
    SetEvent(p->gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->returned), 8);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-POOL-11", "minimum and maximum of one: every callback has the same thread") {
    struct probe* p = probe_new(1, 1);
    LONG first = 0;
    for (int i = 0; i < 100; i++) {
        REQUIRE(TrySubmitThreadpoolCallback(simple_count, p, &p->env));
        REQUIRE(take(p->done, 1));
        if (!first)
            first = count(&p->thread);
        CHECK_EQ(count(&p->thread), first);
    }
    probe_end(p);
}

TEST("R-POOL-14", "a fresh pool reports the default stack") {
    PTP_POOL pool = CreateThreadpool(NULL);
    TP_POOL_STACK_INFORMATION info = {0, 0};
    REQUIRE(pool != NULL);
    CHECK(QueryThreadpoolStackInformation(pool, &info));
    CHECK_OP(info.StackReserve, >=, 64 * 1024);
    CHECK_OP(info.StackCommit, >, 0);
    CHECK_OP(info.StackCommit, <=, info.StackReserve);
    CloseThreadpool(pool);
}

TEST("R-POOL-14", "tiny stacks are accepted and read back unchanged") {
    struct probe* p = probe_new(0, 1);
    TP_POOL_STACK_INFORMATION info = {1, 1};
    CHECK(SetThreadpoolStackInformation(p->pool, &info));
    memset(&info, 0, sizeof info);
    CHECK(QueryThreadpoolStackInformation(p->pool, &info));
    CHECK_EQ(info.StackReserve, 1);
    CHECK_EQ(info.StackCommit, 1);
    CHECK(pass_sentinel(p));
    probe_end(p);
}

TEST("R-POOL-14", "zero is read back as zero and means the default") {
    struct probe* p = probe_new(0, 1);
    TP_POOL_STACK_INFORMATION info = {0, 0};
    CHECK(SetThreadpoolStackInformation(p->pool, &info));
    memset(&info, 0xff, sizeof info);
    CHECK(QueryThreadpoolStackInformation(p->pool, &info));
    CHECK_EQ(info.StackReserve, 0);
    CHECK_EQ(info.StackCommit, 0);
    CHECK(pass_sentinel(p));
    probe_end(p);
}

TEST("R-POOL-14", "a NULL structure is refused") {
    PTP_POOL pool = CreateThreadpool(NULL);
    REQUIRE(pool != NULL);
    CHECK_FAILS(SetThreadpoolStackInformation(pool, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(QueryThreadpoolStackInformation(pool, NULL), ERROR_INVALID_PARAMETER);
    CloseThreadpool(pool);
}

#define DEEP_FRAMES 320
#define DEEP_BYTES (64 * 1024)

/* 20 MiB of stack, in frames small enough for stack probes. */
static __attribute__((noinline)) int go_deep(volatile BYTE* above, int frames) {
    volatile BYTE frame[DEEP_BYTES];
    for (size_t i = 0; i < sizeof frame; i += 1024)
        frame[i] = (BYTE)(frames + *above);
    if (frames == 0)
        return frame[0];
    return go_deep(frame, frames - 1) + frame[1024];
}

static VOID CALLBACK deep(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    volatile BYTE zero = 0;
    (void)instance;
    InterlockedExchange(&((struct probe*)context)->calls, 1 + 0 * go_deep(&zero, DEEP_FRAMES));
    ReleaseSemaphore(((struct probe*)context)->done, 1, NULL);
}

TEST("R-POOL-13", "new threads have the stack that was asked for") {
    struct probe* p = probe_new(0, 1);
    TP_POOL_STACK_INFORMATION info = {64u << 20, 64u << 10};
    REQUIRE(SetThreadpoolStackInformation(p->pool, &info));
    REQUIRE(TrySubmitThreadpoolCallback(deep, p, &p->env));
    CHECK(take(p->done, 1));
    CHECK_EQ(count(&p->calls), 1);
    probe_end(p);
}

TEST("R-POOL-13", "the stack may be changed while the pool runs") {
    struct probe* p = probe_new(0, 2);
    TP_POOL_STACK_INFORMATION info = {1u << 20, 64u << 10};
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    CHECK(SetThreadpoolStackInformation(p->pool, &info));
    CHECK(pass_sentinel(p));
    SetEvent(p->gate);
    CHECK(take(p->done, 1));
    probe_end(p);
}

TEST("R-POOL-15", "queued work runs after CloseThreadpool") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 100);
    REQUIRE(take(p->entered, 1));
    CloseThreadpool(p->pool);
    p->pool = NULL;
    SetEvent(p->gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->returned), 100);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-POOL-15", "a live object takes new submissions after CloseThreadpool") {
    struct probe* p = probe_new(0, 2);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    CloseThreadpool(p->pool);
    p->pool = NULL;
    for (int round = 1; round <= 20; round++) {
        submit(work, 10);
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        CHECK_EQ(count(&p->returned), round * 10);
    }
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-POOL-15", "CloseThreadpool does not wait for a running callback") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    REQUIRE(take(p->entered, 1));
    CloseThreadpool(p->pool);
    p->pool = NULL;
    CloseThreadpoolWork(work);
    CHECK_EQ(count(&p->running), 1);
    SetEvent(p->gate);
    CHECK(take(p->done, 1));
    probe_end(p);
}

static VOID CALLBACK close_pool(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct probe* p = context;
    (void)instance;
    probe_enter(p);
    CloseThreadpool(p->pool);
    CloseThreadpoolWork(work);
    probe_leave(p);
}

TEST("R-POOL-17", "a callback may close its own pool and its own object") {
    for (int i = 0; i < 50; i++) {
        struct probe* p = probe_new(0, 2);
        PTP_WORK work = CreateThreadpoolWork(close_pool, p, &p->env);
        REQUIRE(work != NULL);
        SubmitThreadpoolWork(work);
        REQUIRE(take(p->done, 1));
        p->pool = NULL;
        probe_end(p);
    }
}

static void change_limits(void* argument) {
    PTP_POOL pool = ((struct probe*)argument)->pool;
    for (DWORD i = 0; i < 300; i++) {
        SetThreadpoolThreadMaximum(pool, 1 + i % 5);
        CHECK(SetThreadpoolThreadMinimum(pool, i % 3));
    }
}

TEST("R-POOL-18", "limits may be changed by several threads while callbacks run") {
    struct probe* p = probe_new(0, 2);
    struct helper* helpers[3];
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    for (int i = 0; i < 3; i++)
        helpers[i] = helper_start(change_limits, p);
    submit(work, 3000);
    for (int i = 0; i < 3; i++)
        REQUIRE(helper_join(helpers[i]));
    SetThreadpoolThreadMaximum(p->pool, 2);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->returned), 3000);
    CloseThreadpoolWork(work);
    probe_end(p);
}

struct chain {
    struct probe* p;
    HANDLE* links;
    int index, length;
};

static VOID CALLBACK chain_link(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct chain* c = context;
    (void)instance;
    if (c->index + 1 < c->length)
        CHECK(signaled(c->links[c->index + 1]));
    SetEvent(c->links[c->index]);
}

TEST("R-SCHED-4", "each callback waits for the one submitted after it") {
    enum { LENGTH = 24 };

    struct probe* p = probe_new(0, LENGTH);
    struct chain* c = fresh(LENGTH * sizeof *c);
    HANDLE* links = fresh(LENGTH * sizeof *links);
    for (int i = 0; i < LENGTH; i++)
        links[i] = manual_event();
    for (int i = 0; i < LENGTH; i++) {
        c[i].p = p;
        c[i].links = links;
        c[i].index = i;
        c[i].length = LENGTH;
        REQUIRE(TrySubmitThreadpoolCallback(chain_link, &c[i], &p->env));
    }
    CHECK(signaled(links[0]));
    for (int i = 0; i < LENGTH; i++)
        CHECK_EQ(WaitForSingleObject(links[i], 0), WAIT_OBJECT_0);
    for (int i = 0; i < LENGTH; i++)
        CloseHandle(links[i]);
    probe_end(p);
}

TEST("R-SCHED-10", "the first submission is enough to start a pool") {
    for (int i = 0; i < 30; i++) {
        struct probe* p = probe_new(0, 0);
        CHECK(pass_sentinel(p));
        probe_end(p);
    }
}
