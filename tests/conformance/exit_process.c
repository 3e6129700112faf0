// SPDX-License-Identifier: Apache-2.0
/* The end of a process: pool threads do not keep it alive (R-LIFE-25). Each case runs in a process
 * of its own, whose main returns 42; a process that hangs is ended by the alarm of the harness. */
#include "tests/conformance/fixture.h"

static struct probe* kept;
static PTP_WORK kept_work;

static VOID CALLBACK wait_for_ever(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct probe* p = context;
    (void)instance;
    (void)work;
    probe_enter(p);
    WaitForSingleObject(p->gate, INFINITE);
}

static VOID CALLBACK spin_for_ever(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct probe* p = context;
    (void)instance;
    (void)work;
    probe_enter(p);
    while (!count(&p->returned))
        YieldProcessor();
}

static VOID CALLBACK run_for_ever(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct probe* p = context;
    (void)instance;
    probe_enter(p);
    SubmitThreadpoolWork(work);
}

static int begin(struct probe* p, PTP_WORK_CALLBACK callback, int times) {
    kept = p;
    kept_work = CreateThreadpoolWork(callback, p, &p->env);
    if (!kept_work)
        return 0;
    submit(kept_work, times);
    return take(p->entered, 1);
}

CHILD("nothing") {
    return 42;
}

CHILD("unused-pool") {
    kept = probe_new(0, 0);
    return 42;
}

CHILD("minimum") {
    kept = probe_new(4, 4);
    return 42;
}

CHILD("idle") {
    kept = probe_new(0, 4);
    return pass_sentinel(kept) ? 42 : 1;
}

CHILD("queued-private-pool") {
    return begin(probe_new(0, 1), wait_for_ever, 1000) ? 42 : 1;
}

CHILD("queued-default-pool") {
    return begin(probe_bare(), wait_for_ever, 100) ? 42 : 1;
}

CHILD("running") {
    return begin(probe_new(0, 4), wait_for_ever, 4) && take(kept->entered, 3) ? 42 : 1;
}

CHILD("computing") {
    return begin(probe_new(0, 1), spin_for_ever, 1) ? 42 : 1;
}

CHILD("busy") {
    return begin(probe_new(0, 2), run_for_ever, 4) ? 42 : 1;
}

CHILD("exit-function") {
    if (!begin(probe_new(0, 1), wait_for_ever, 10))
        return 1;
    exit(42);
}

static VOID CALLBACK exit_here(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    (void)instance;
    (void)context;
    exit(42);
}

CHILD("exit-in-callback") {
    kept = probe_new(0, 1);
    if (!TrySubmitThreadpoolCallback(exit_here, kept, &kept->env))
        return 1;
    signaled(kept->gate);
    return 1;
}

#define EXITS(name)                                                                                \
    TEST("R-LIFE-25", "the process ends: " name) {                                                 \
        CHECK_EQ(run_child(name), 42);                                                             \
    }

EXITS("nothing")
EXITS("unused-pool")
EXITS("minimum")
EXITS("idle")
EXITS("queued-private-pool")
EXITS("queued-default-pool")
EXITS("running")
EXITS("computing")
EXITS("busy")
EXITS("exit-function")
EXITS("exit-in-callback")
