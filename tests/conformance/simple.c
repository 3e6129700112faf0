// SPDX-License-Identifier: Apache-2.0
/* Simple callbacks (TrySubmitThreadpoolCallback): R-SIMPLE-*. */
#include "tests/conformance/fixture.h"

TEST("R-SIMPLE-1", "TRUE means that the callback runs") {
    struct probe* p = probe_new(0, 2);
    CHECK(TrySubmitThreadpoolCallback(simple_count, p, &p->env));
    CHECK(signaled(p->done));
    CHECK_EQ(count(&p->calls), 1);
    CHECK(pass_sentinel(p));
    probe_end(p);
}

TEST("R-SIMPLE-2", "each submission runs once") {
    struct probe* p = probe_new(0, 3);
    for (int i = 0; i < 5000; i++)
        REQUIRE(TrySubmitThreadpoolCallback(simple_count, p, &p->env));
    CHECK(take(p->done, 5000));
    CHECK_EQ(count(&p->calls), 5000);
    CHECK_OP(count(&p->peak), <=, 3);
    CHECK(quiet(p->done));
    probe_end(p);
}

struct seen {
    HANDLE done;
    PTP_CALLBACK_INSTANCE instance;
    PVOID context;
    DWORD thread;
};

static VOID CALLBACK see(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct seen* s = context;
    s->instance = instance;
    s->context = context;
    s->thread = GetCurrentThreadId();
    SetEvent(s->done);
}

TEST("R-SIMPLE-3", "the callback receives the instance and the context, on another thread") {
    struct seen* s = fresh(sizeof *s);
    s->done = manual_event();
    REQUIRE(TrySubmitThreadpoolCallback(see, s, NULL));
    REQUIRE(signaled(s->done));
    CHECK(s->instance != NULL);
    CHECK(s->context == s);
    CHECK(s->thread != GetCurrentThreadId());
    CloseHandle(s->done);
}

static VOID CALLBACK signal_context(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    SetEventWhenCallbackReturns(instance, (HANDLE)context);
}

TEST("R-SIMPLE-3", "instance functions work in a simple callback") {
    HANDLE event = manual_event();
    REQUIRE(TrySubmitThreadpoolCallback(signal_context, event, NULL));
    CHECK(signaled(event));
    CloseHandle(event);
}

static VOID CALLBACK part(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    DisassociateCurrentThreadFromCallback(instance);
    simple_count(instance, context);
}

TEST("R-CB-11", "a simple callback may disassociate itself") {
    struct probe* p = probe_new(0, 1);
    for (int i = 0; i < 20; i++)
        REQUIRE(TrySubmitThreadpoolCallback(part, p, &p->env));
    CHECK(take(p->done, 20));
    CHECK(pass_sentinel(p));
    probe_end(p);
}

TEST("R-SIMPLE-4", "FALSE means that the callback never runs") {
    struct probe* p = probe_new(0, 1);
    TP_CALLBACK_ENVIRON bad = p->env;
    bad.Version = 9999;
    CHECK_FAILS(TrySubmitThreadpoolCallback(simple_count, p, &bad), ERROR_INVALID_PARAMETER);
    bad = p->env;
    bad.CallbackPriority = (TP_CALLBACK_PRIORITY)10;
    CHECK_FAILS(TrySubmitThreadpoolCallback(simple_count, p, &bad), ERROR_INVALID_PARAMETER);
    CHECK(pass_sentinel(p));
    CHECK_EQ(count(&p->calls), 0);
    probe_end(p);
}

static VOID CALLBACK chain(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct probe* p = context;
    (void)instance;
    if (InterlockedIncrement(&p->calls) == 300)
        SetEvent(p->gate);
    else if (!TrySubmitThreadpoolCallback(chain, p, &p->env))
        CHECK(0);
}

TEST("R-SIMPLE-5", "a callback may submit another one, three hundred deep") {
    struct probe* p = probe_new(0, 2);
    REQUIRE(TrySubmitThreadpoolCallback(chain, p, &p->env));
    CHECK(signaled(p->gate));
    CHECK_EQ(count(&p->calls), 300);
    probe_end(p);
}

TEST("R-SIMPLE-5", "a callback submitted from a callback may run beside it") {
    struct probe* p = probe_new(0, 2);
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    CHECK(take(p->entered, 2));
    CHECK_EQ(count(&p->running), 2);
    SetEvent(p->gate);
    CHECK(take(p->done, 2));
    probe_end(p);
}

static void submit_simple(void* context) {
    struct probe* p = context;
    TP_CALLBACK_ENVIRON env = p->env;
    for (int i = 0; i < 1000; i++)
        if (!TrySubmitThreadpoolCallback(simple_count, p, &env))
            CHECK(0);
}

TEST("R-SIMPLE-2", "several threads submit at once") {
    struct probe* p = probe_new(0, 4);
    struct helper* helpers[4];
    for (int i = 0; i < 4; i++)
        helpers[i] = helper_start(submit_simple, p);
    for (int i = 0; i < 4; i++)
        REQUIRE(helper_join(helpers[i]));
    CHECK(take(p->done, 4000));
    CHECK_EQ(count(&p->calls), 4000);
    probe_end(p);
}

TEST("R-POOL-16", "a queued simple callback keeps its pool alive") {
    struct probe* p = probe_new(0, 1);
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    for (int i = 0; i < 20; i++)
        REQUIRE(TrySubmitThreadpoolCallback(simple_count, p, &p->env));
    CloseThreadpool(p->pool);
    p->pool = NULL;
    SetEvent(p->gate);
    CHECK(take(p->done, 21));
    CHECK_EQ(count(&p->calls), 21);
    /* No object is left to wait for, so the handles stay open for the last callback. */
}

TEST("R-SIMPLE-2", "a cleanup group waits for simple callbacks") {
    struct probe* p = probe_new(0, 2);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    REQUIRE(group != NULL);
    SetThreadpoolCallbackCleanupGroup(&p->env, group, NULL);
    for (int i = 0; i < 200; i++)
        REQUIRE(TrySubmitThreadpoolCallback(simple_count, p, &p->env));
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    CHECK_EQ(count(&p->returned), 200);
    CHECK_EQ(count(&p->running), 0);
    CloseThreadpoolCleanupGroup(group);
    probe_end(p);
}
