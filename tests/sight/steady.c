// SPDX-License-Identifier: Apache-2.0
/* Keeps a pool busy until its standard input ends: objects that wait for their turn, wake workers,
 * spread over the cores and are cancelled, and pools with limits that come and go. */
#include <poll.h>
#include <stdio.h>

#include "need.h"

enum { leaves = 64 };

static PTP_WORK leaf[leaves];

VOID CALLBACK leaf_of_steady(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)context;
    (void)work;
    for (volatile int i = 0; i < 2000; i++) {
    }
}

VOID CALLBACK branch_of_steady(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)context;
    (void)work;
    for (int i = 0; i < leaves; i++)
        SubmitThreadpoolWork(leaf[i]);
}

static void pool_of_two(void) {
    PTP_POOL pool = CreateThreadpool(NULL);
    TP_CALLBACK_ENVIRON env;
    need(pool != NULL, "CreateThreadpool");
    need(SetThreadpoolThreadMinimum(pool, 1), "SetThreadpoolThreadMinimum");
    SetThreadpoolThreadMaximum(pool, 2);
    InitializeThreadpoolEnvironment(&env);
    SetThreadpoolCallbackPool(&env, pool);
    PTP_WORK work = CreateThreadpoolWork(leaf_of_steady, NULL, &env);
    need(work != NULL, "CreateThreadpoolWork");
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    CloseThreadpool(pool);
}

int main(void) {
    PTP_WORK branch = CreateThreadpoolWork(branch_of_steady, NULL, NULL);
    need(branch != NULL, "CreateThreadpoolWork");
    for (int i = 0; i < leaves; i++) {
        leaf[i] = CreateThreadpoolWork(leaf_of_steady, NULL, NULL);
        need(leaf[i] != NULL, "CreateThreadpoolWork");
    }
    SubmitThreadpoolWork(branch);
    WaitForThreadpoolWorkCallbacks(branch, FALSE);
    puts("busy"); /* the library is loaded, and workers exist */
    fflush(stdout);
    struct pollfd input = {.fd = 0, .events = POLLIN};
    while (poll(&input, 1, 1) == 0) {
        SubmitThreadpoolWork(branch);
        WaitForThreadpoolWorkCallbacks(branch, FALSE);
        for (int i = 0; i < leaves; i++)
            WaitForThreadpoolWorkCallbacks(leaf[i], i % 2);
        pool_of_two();
    }
    return 0;
}
