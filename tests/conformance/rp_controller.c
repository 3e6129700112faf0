// SPDX-License-Identifier: Apache-2.0
/* Controllers: their names, when they can be set, what they must never do, and their log. */
#include "tests/conformance/fixture.h"

#include <ringpool/ringpool.h>

#define LOG_SIZE 300

/* The pool of a test, and whether its checks failed, under the name of a controller. */
#define UNDER_EACH_CONTROLLER(body)                                                                \
    for (const char* const* name = rp_controller_names(); *name; name++) {                         \
        LONG failures = count(&test_failures);                                                     \
        body(*name);                                                                               \
        if (count(&test_failures) != failures)                                                     \
            printf("  under controller %s\n", *name);                                              \
    }

static rp_controller_info state_of(PTP_POOL pool) {
    rp_controller_info info = {.size = sizeof info};
    CHECK(rp_pool_query_controller(pool, &info));
    return info;
}

static DWORD log_of(PTP_POOL pool, rp_controller_entry* entries) {
    DWORD entry_count = LOG_SIZE;
    CHECK(rp_controller_log(pool, entries, &entry_count));
    return entry_count;
}

TEST("RP-CTL-1", "there are controllers, and their names differ") {
    const char* const* names = rp_controller_names();
    REQUIRE(names && names[0]);
    CHECK(!strcmp(names[0], "iocp"));
    for (int i = 0; names[i]; i++) {
        CHECK(names[i][0] != 0);
        for (int j = 0; j < i; j++)
            CHECK(strcmp(names[i], names[j]) != 0);
    }
    CHECK(rp_controller_names() == names);
}

TEST("RP-CTL-2", "an unknown controller is ERROR_INVALID_PARAMETER, and nothing has changed") {
    struct probe* p = probe_new(0, 4);
    rp_controller_info before = state_of(p->pool);
    CHECK_FAILS(rp_pool_set_controller(p->pool, "no such controller"), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_pool_set_controller(p->pool, ""), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_pool_set_controller(p->pool, NULL), ERROR_INVALID_PARAMETER);
    rp_controller_info after = state_of(p->pool);
    CHECK(before.controller == after.controller);
    CHECK_EQ(before.changes, after.changes);
    CHECK(pass_sentinel(p));
    probe_end(p);
}

TEST("RP-CTL-3", "the controller of a pool can be changed while its callbacks run") {
    struct probe* p = probe_new(0, 4);
    PTP_WORK work = CreateThreadpoolWork(work_token, p, &p->env);
    REQUIRE(work);
    LONG submitted = 0;
    for (const char* const* name = rp_controller_names(); *name; name++) {
        submit(work, 3);
        submitted += 3;
        CHECK(take(p->entered, 1));
        CHECK(rp_pool_set_controller(p->pool, *name));
        CHECK(!strcmp(state_of(p->pool).controller, *name));
        ReleaseSemaphore(p->token, 3, NULL);
    }
    CHECK(take(p->done, submitted));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->calls), submitted);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("RP-CTL-3", "the default pool has a controller too") {
    rp_controller_info info = state_of(NULL);
    REQUIRE(info.controller);
    CHECK(rp_pool_set_controller(NULL, "qdelay"));
    CHECK(!strcmp(state_of(NULL).controller, "qdelay"));
    CHECK(rp_pool_set_controller(NULL, info.controller));
}

TEST("RP-CTL-3", "another policy keeps the controller") {
    struct probe* p = probe_new(0, 4);
    CHECK(rp_pool_set_controller(p->pool, "hillclimb"));
    CHECK(rp_pool_set_policy(p->pool, "shared-fifo"));
    CHECK(!strcmp(state_of(p->pool).controller, "hillclimb"));
    probe_end(p);
}

static void limits_hold(const char* controller) {
    struct probe* p = probe_new(0, 5);
    CHECK(rp_pool_set_controller(p->pool, controller));
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work);
    submit(work, 12);
    CHECK(take(p->entered, 1));
    CHECK(SetThreadpoolThreadMinimum(p->pool, 3));
    rp_controller_info info = state_of(p->pool);
    CHECK_OP(info.tokens, <=, 5);
    CHECK_OP(info.soft_minimum, >=, 3);
    CHECK_OP(info.soft_maximum, <=, 5);
    rp_pool_info pool = {.size = sizeof pool};
    CHECK(rp_pool_query(p->pool, &pool));
    CHECK_OP(pool.threads, >=, 3);
    SetThreadpoolThreadMaximum(p->pool, 4);
    info = state_of(p->pool);
    CHECK_OP(info.tokens, <=, 4);
    CHECK_OP(info.soft_maximum, <=, 4);
    SetEvent(p->gate);
    CHECK(take(p->done, 12));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->calls), 12);
    CHECK_OP(count(&p->peak), <=, 5);
    CHECK(rp_pool_query(p->pool, &pool));
    CHECK_OP(pool.threads_peak, <=, 5);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("RP-CTL-4", "the hard limits hold under every controller and may move meanwhile") {
    UNDER_EACH_CONTROLLER(limits_hold);
}

TEST("RP-CTL-4", "fixed runs as many callbacks at once as the minimum, whatever the CPUs") {
    struct probe* p = probe_new(0, 40);
    CHECK(rp_pool_set_controller(p->pool, "fixed"));
    DWORD wanted = state_of(p->pool).cpus + 5;
    REQUIRE(wanted <= 40);
    CHECK(SetThreadpoolThreadMinimum(p->pool, wanted));
    CHECK_EQ(state_of(p->pool).tokens, wanted);
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work);
    submit(work, (int)wanted + 3);
    CHECK(take(p->entered, (int)wanted));
    CHECK_EQ(count(&p->running), (LONG)wanted);
    SetEvent(p->gate);
    CHECK(take(p->done, (int)wanted + 3));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->peak), (LONG)wanted);
    CloseThreadpoolWork(work);
    probe_end(p);
}

static VOID CALLBACK asks_to_run_long(PTP_CALLBACK_INSTANCE instance,
                                      PVOID context,
                                      PTP_WORK work) {
    (void)work;
    struct probe* p = context;
    probe_enter(p);
    InterlockedExchange(&p->thread, CallbackMayRunLong(instance) ? 1 : 0);
    probe_leave(p);
}

TEST("R-CB-9", "under fixed no other worker will be made, and CallbackMayRunLong says so") {
    struct probe* p = probe_new(0, 8);
    CHECK(rp_pool_set_controller(p->pool, "fixed"));
    PTP_WORK work = CreateThreadpoolWork(asks_to_run_long, p, &p->env);
    REQUIRE(work);
    SubmitThreadpoolWork(work);
    CHECK(take(p->done, 1));
    CHECK_EQ(count(&p->thread), 0);
    CHECK(rp_pool_set_controller(p->pool, "iocp"));
    SubmitThreadpoolWork(work);
    CHECK(take(p->done, 1));
    CHECK_EQ(count(&p->thread), 1);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("RP-CTL-5", "the log tells every change from the first, with its reason") {
    struct probe* p = probe_new(0, 7);
    SetThreadpoolThreadMaximum(p->pool, 1);
    CHECK(rp_pool_set_controller(p->pool, "fixed"));
    CHECK(SetThreadpoolThreadMinimum(p->pool, 3));
    rp_controller_entry* log = fresh(LOG_SIZE * sizeof *log);
    DWORD entry_count = log_of(p->pool, log);
    REQUIRE(entry_count >= 4);
    CHECK_EQ(log[0].sequence, 1);
    CHECK_EQ(log[0].tokens_before, 0);
    CHECK(!strcmp(log[0].reason, "initial"));
    for (DWORD i = 1; i < entry_count; i++) {
        CHECK_EQ(log[i].sequence, log[i - 1].sequence + 1);
        CHECK_OP(log[i].time_ns, >=, log[i - 1].time_ns);
        CHECK_EQ(log[i].tokens_before, log[i - 1].tokens);
        CHECK_EQ(log[i].soft_maximum_before, log[i - 1].soft_maximum);
        CHECK_OP(log[i].soft_minimum, <=, log[i].soft_maximum);
    }
    const rp_controller_entry* last = &log[entry_count - 1];
    CHECK(!strcmp(last->controller, "fixed"));
    CHECK(!strcmp(last->reason, "user-limits"));
    CHECK_EQ(last->tokens, 3);
    CHECK_EQ(last->soft_minimum, 3);
    CHECK_EQ(state_of(p->pool).changes, last->sequence);
    probe_end(p);
}

TEST("RP-CTL-5",
     "the log gives the newest entries when there is room for few, and refuses nonsense") {
    struct probe* p = probe_new(0, 7);
    for (DWORD i = 1; i < 300; i++)
        SetThreadpoolThreadMaximum(p->pool, 100 + i);
    rp_controller_entry* log = fresh(LOG_SIZE * sizeof *log);
    DWORD entry_count = log_of(p->pool, log);
    CHECK_EQ(entry_count, 256);
    CHECK_EQ(log[255].soft_maximum, 399);
    CHECK_EQ(log[0].sequence, log[255].sequence - 255);
    rp_controller_entry two[2];
    DWORD room = 2;
    CHECK(rp_controller_log(p->pool, two, &room));
    CHECK_EQ(room, 2);
    CHECK_EQ(two[1].sequence, log[255].sequence);
    room = 0;
    CHECK(rp_controller_log(p->pool, NULL, &room));
    CHECK_EQ(room, 0);
    room = 1;
    CHECK_FAILS(rp_controller_log(p->pool, NULL, &room), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_controller_log(p->pool, two, NULL), ERROR_INVALID_PARAMETER);
    rp_controller_info info = {.size = sizeof info - 1};
    CHECK_FAILS(rp_pool_query_controller(p->pool, &info), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_pool_query_controller(p->pool, NULL), ERROR_INVALID_PARAMETER);
    probe_end(p);
}

CHILD("begins-with-it") {
    const char* wanted = getenv("RINGPOOL_CONTROLLER");
    struct probe* p = probe_new(0, 2);
    CHECK(pass_sentinel(p));
    CHECK(!strcmp(state_of(p->pool).controller, wanted));
    CHECK(!strcmp(state_of(NULL).controller, wanted));
    probe_end(p);
    return 0;
}

CHILD("makes-no-pool") {
    CHECK_FAILS(CreateThreadpool(NULL) != NULL, ERROR_INVALID_PARAMETER);
    return 0;
}

TEST("RP-CTL-6",
     "RINGPOOL_CONTROLLER chooses what pools begin with; an unknown name makes no pool") {
    char* before = getenv("RINGPOOL_CONTROLLER");
    char* kept = before ? strdup(before) : NULL;
    for (const char* const* name = rp_controller_names(); *name; name++) {
        REQUIRE(setenv("RINGPOOL_CONTROLLER", *name, 1) == 0);
        CHECK_EQ(run_child("begins-with-it"), 0);
    }
    REQUIRE(setenv("RINGPOOL_CONTROLLER", "no such controller", 1) == 0);
    CHECK_EQ(run_child("makes-no-pool"), 0);
    if (kept)
        setenv("RINGPOOL_CONTROLLER", kept, 1);
    else
        unsetenv("RINGPOOL_CONTROLLER");
    free(kept);
}
