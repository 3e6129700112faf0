// SPDX-License-Identifier: Apache-2.0
/* A program that knows nothing of traces: work, simple callbacks, timers, waits and I/O in two
 * pools, from several threads, with announced waits and cancellations. At its end it prints how
 * many callbacks of each kind have run, for the trace to be compared with. */
#include <ringpool/ringpool.h>

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "need.h"

static volatile LONG ran_work, ran_simple, ran_timer, ran_wait, ran_io;

VOID CALLBACK leaf_of_mixed(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)context;
    (void)work;
    InterlockedIncrement(&ran_work);
}

VOID CALLBACK branch_of_mixed(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)work;
    for (int i = 0; i < 10; i++)
        SubmitThreadpoolWork((PTP_WORK)context);
    HANDLE never = CreateEventA(NULL, TRUE, FALSE, NULL);
    need(WaitForSingleObject(never, 1) == WAIT_TIMEOUT, "a wait for nothing");
    CloseHandle(never);
    InterlockedIncrement(&ran_work);
}

/* Asleep, and nobody is told. */
VOID CALLBACK sleeper_of_mixed(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)context;
    (void)work;
    struct timespec left = {0, 20000000};
    while (nanosleep(&left, &left) != 0) {
    }
    InterlockedIncrement(&ran_work);
}

static VOID CALLBACK on_simple(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    (void)instance;
    (void)context;
    InterlockedIncrement(&ran_simple);
}

static VOID CALLBACK on_timer(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer) {
    (void)instance;
    (void)timer;
    InterlockedIncrement(&ran_timer);
    ReleaseSemaphore((HANDLE)context, 1, NULL);
}

static VOID CALLBACK on_wait(PTP_CALLBACK_INSTANCE instance,
                             PVOID context,
                             PTP_WAIT wait,
                             TP_WAIT_RESULT result) {
    (void)instance;
    (void)wait;
    (void)result;
    InterlockedIncrement(&ran_wait);
    SetEvent((HANDLE)context);
}

static VOID CALLBACK on_io(PTP_CALLBACK_INSTANCE instance,
                           PVOID context,
                           PVOID overlapped,
                           ULONG result,
                           ULONG_PTR bytes,
                           PTP_IO io) {
    (void)instance;
    (void)overlapped;
    (void)result;
    (void)bytes;
    (void)io;
    InterlockedIncrement(&ran_io);
    ReleaseSemaphore((HANDLE)context, 1, NULL);
}

static DWORD WINAPI submit_many(LPVOID environment) {
    for (int i = 0; i < 200; i++)
        need(TrySubmitThreadpoolCallback(on_simple, NULL, environment), "TrySubmit");
    return 0;
}

static void run_timer_wait_and_io(PTP_CALLBACK_ENVIRON environment) {
    HANDLE done = CreateSemaphoreA(NULL, 0, 1000, NULL);
    PTP_TIMER timer = CreateThreadpoolTimer(on_timer, done, environment);
    need(timer != NULL, "CreateThreadpoolTimer");
    FILETIME at_once = {0};
    SetThreadpoolTimer(timer, &at_once, 1, 0);
    for (int i = 0; i < 5; i++)
        need(WaitForSingleObject(done, 8000) == WAIT_OBJECT_0, "a timer's callback");
    SetThreadpoolTimer(timer, NULL, 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    CloseThreadpoolTimer(timer);

    HANDLE signal = CreateEventA(NULL, FALSE, FALSE, NULL);
    HANDLE seen = CreateEventA(NULL, FALSE, FALSE, NULL);
    PTP_WAIT wait = CreateThreadpoolWait(on_wait, seen, environment);
    need(wait != NULL, "CreateThreadpoolWait");
    for (int i = 0; i < 5; i++) {
        SetThreadpoolWait(wait, signal, NULL);
        SetEvent(signal);
        need(WaitForSingleObject(seen, 8000) == WAIT_OBJECT_0, "a wait's callback");
    }
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    CloseThreadpoolWait(wait);

    int ends[2];
    need(pipe(ends) == 0, "pipe");
    HANDLE file = rp_handle_from_fd(ends[0], TRUE);
    HANDLE drained = CreateSemaphoreA(NULL, 0, 1000, NULL);
    PTP_IO io = CreateThreadpoolIo(file, on_io, drained, environment);
    need(io != NULL, "CreateThreadpoolIo");
    for (int i = 0; i < 20; i++) {
        char byte = 0;
        OVERLAPPED overlapped = {0};
        StartThreadpoolIo(io);
        need(ReadFile(file, &byte, 1, NULL, &overlapped) || GetLastError() == ERROR_IO_PENDING,
             "ReadFile");
        need(write(ends[1], "x", 1) == 1, "write");
        need(WaitForSingleObject(drained, 8000) == WAIT_OBJECT_0, "an I/O callback");
    }
    WaitForThreadpoolIoCallbacks(io, FALSE);
    CloseThreadpoolIo(io);
    CloseHandle(file);
    close(ends[1]);
}

static void run_pool(DWORD maximum) {
    TP_CALLBACK_ENVIRON environment;
    InitializeThreadpoolEnvironment(&environment);
    PTP_POOL pool = CreateThreadpool(NULL);
    need(pool != NULL, "CreateThreadpool");
    SetThreadpoolThreadMaximum(pool, maximum);
    SetThreadpoolCallbackPool(&environment, pool);
    PTP_WORK leaf = CreateThreadpoolWork(leaf_of_mixed, NULL, &environment);
    PTP_WORK branch = CreateThreadpoolWork(branch_of_mixed, leaf, &environment);
    PTP_WORK sleeper = CreateThreadpoolWork(sleeper_of_mixed, NULL, &environment);
    need(leaf != NULL && branch != NULL && sleeper != NULL, "CreateThreadpoolWork");
    SubmitThreadpoolWork(sleeper);
    HANDLE threads[3];
    for (int i = 0; i < 3; i++) {
        threads[i] = CreateThread(NULL, 0, submit_many, &environment, 0, NULL);
        need(threads[i] != NULL, "CreateThread");
    }
    for (int i = 0; i < 20; i++)
        SubmitThreadpoolWork(branch);
    WaitForThreadpoolWorkCallbacks(branch, FALSE);
    SubmitThreadpoolWork(branch);
    WaitForThreadpoolWorkCallbacks(branch, TRUE); /* may cancel it */
    WaitForThreadpoolWorkCallbacks(leaf, FALSE);
    WaitForThreadpoolWorkCallbacks(sleeper, FALSE);
    WaitForMultipleObjects(3, threads, TRUE, 8000);
    run_timer_wait_and_io(&environment);
    SetThreadpoolThreadMaximum(pool, 1);
    CloseThreadpoolWork(branch);
    CloseThreadpoolWork(leaf);
    CloseThreadpoolWork(sleeper);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    SetThreadpoolCallbackCleanupGroup(&environment, group, NULL);
    need(TrySubmitThreadpoolCallback(on_simple, NULL, &environment), "TrySubmit");
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    CloseThreadpoolCleanupGroup(group);
    while (InterlockedCompareExchange(&ran_simple, 0, 0) % 601 != 0)
        SwitchToThread();
    CloseThreadpool(pool);
}

int main(void) {
    run_pool(2);
    run_pool(8);
    printf("work %d simple %d timer %d wait %d io %d\n",
           ran_work,
           ran_simple,
           ran_timer,
           ran_wait,
           ran_io);
    return 0;
}
