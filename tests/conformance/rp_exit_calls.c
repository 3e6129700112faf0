// SPDX-License-Identifier: Apache-2.0
/* Calls after the exit of the process began (R-LIFE-23): Create fails with 87, submits do nothing,
 * waits return, nothing hangs.
 *
 * "After exit began" must mean: after the library has noticed. Functions given to atexit() run in
 * reverse order, so one that is registered before any constructor of a shared library ran comes
 * last, after the library's own. That moment is the .preinit_array of the program. */
#include "tests/conformance/fixture.h"

#include <ringpool/ringpool.h>

static int in_child;
static struct probe* kept;
static PTP_WORK kept_work;
static PTP_CLEANUP_GROUP kept_group;
static void (*late)(void);
static void (*in_atexit)(void);

static void run_late(void) {
    if (!in_child || !late)
        return;
    late();
    if (count(&test_failures)) {
        fflush(stdout);
        _exit(1);
    }
}

static void register_late(void) {
    if (atexit(run_late))
        abort();
}

__attribute__((section(".preinit_array"),
               used)) static void (*const before_everything)(void) = register_late;

static void run_in_atexit(void) {
    in_atexit();
}

static int set_up(void) {
    in_child = 1;
    kept = probe_new(0, 2);
    kept_group = CreateThreadpoolCleanupGroup();
    kept_work = CreateThreadpoolWork(work_count, kept, &kept->env);
    if (!kept_work || !kept_group)
        return 0;
    SubmitThreadpoolWork(kept_work);
    return signaled(kept->done);
}

static void create_late(void) {
    CHECK_FAILS(CreateThreadpoolWork(work_count, kept, &kept->env), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateThreadpoolWork(work_count, kept, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(TrySubmitThreadpoolCallback(simple_count, kept, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateThreadpool(NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateThreadpoolCleanupGroup(), ERROR_INVALID_PARAMETER);
}

static void submit_late(void) {
    LONG calls = count(&kept->calls);
    submit(kept_work, 100);
    WaitForThreadpoolWorkCallbacks(kept_work, FALSE);
    WaitForThreadpoolWorkCallbacks(kept_work, TRUE);
    CHECK_EQ(count(&kept->calls), calls);
}

static void close_late(void) {
    CloseThreadpoolWork(kept_work);
    CloseThreadpoolCleanupGroupMembers(kept_group, TRUE, NULL);
    CloseThreadpoolCleanupGroup(kept_group);
    CloseThreadpool(kept->pool);
}

static VOID CALLBACK wait_for_ever(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct probe* p = context;
    (void)instance;
    (void)work;
    probe_enter(p);
    WaitForSingleObject(p->gate, INFINITE);
}

static void wait_late(void) {
    WaitForThreadpoolWorkCallbacks(kept_work, FALSE);
    WaitForThreadpoolWorkCallbacks(kept_work, TRUE);
    CloseThreadpoolCleanupGroupMembers(kept_group, FALSE, NULL);
}

CHILD("create") {
    late = create_late;
    return set_up() ? 42 : 1;
}

CHILD("submit") {
    late = submit_late;
    return set_up() ? 42 : 1;
}

CHILD("close") {
    late = close_late;
    return set_up() ? 42 : 1;
}

CHILD("wait-while-blocked") {
    late = wait_late;
    if (!set_up())
        return 1;
    SetThreadpoolCallbackCleanupGroup(&kept->env, kept_group, NULL);
    PTP_WORK blocked = CreateThreadpoolWork(wait_for_ever, kept, &kept->env);
    if (!blocked)
        return 1;
    submit(blocked, 10);
    kept_work = blocked;
    return take(kept->entered, 3) ? 42 : 1;
}

static void use_in_atexit(void) {
    /* The library may or may not have noticed the exit: either answer is good, a hang is not. */
    PTP_WORK work = CreateThreadpoolWork(work_count, kept, &kept->env);
    submit(kept_work, 10);
    WaitForThreadpoolWorkCallbacks(kept_work, FALSE);
    if (work) {
        SubmitThreadpoolWork(work);
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        CloseThreadpoolWork(work);
    }
    CloseThreadpoolWork(kept_work);
    CloseThreadpoolCleanupGroup(kept_group);
    CloseThreadpool(kept->pool);
}

CHILD("atexit") {
    in_atexit = use_in_atexit;
    if (!set_up() || atexit(run_in_atexit))
        return 1;
    return 42;
}

CHILD("atexit-first") {
    /* Registered before the first use of the pool. */
    in_atexit = use_in_atexit;
    if (atexit(run_in_atexit) || !set_up())
        return 1;
    return 42;
}

TEST("R-LIFE-23", "after exit began Create and TrySubmit fail with 87") {
    CHECK_EQ(run_child("create"), 42);
}

TEST("R-LIFE-23", "after exit began a submit does nothing and a wait returns") {
    CHECK_EQ(run_child("submit"), 42);
}

TEST("R-LIFE-23", "after exit began everything can still be closed") {
    CHECK_EQ(run_child("close"), 42);
}

TEST("R-LIFE-23", "after exit began waits return although callbacks are blocked for ever") {
    CHECK_EQ(run_child("wait-while-blocked"), 42);
}

TEST("R-LIFE-23", "a function given to atexit may use and close the pool") {
    CHECK_EQ(run_child("atexit"), 42);
    CHECK_EQ(run_child("atexit-first"), 42);
}
