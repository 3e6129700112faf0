/* SPDX-License-Identifier: Apache-2.0 */
/* A private pool with limits: at most two downloads at a time, and one thread that is always there.
 */
#include <windows.h>

#include <stdio.h>

#define DOWNLOADS 20
#define AT_ONCE 2

static volatile LONG Running, Peak, Finished;

static VOID CALLBACK Download(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work) {
    LONG now = InterlockedIncrement(&Running);
    LONG peak = InterlockedCompareExchange(&Peak, 0, 0);
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Work);

    while (now > peak) {
        LONG found = InterlockedCompareExchange(&Peak, now, peak);
        if (found == peak)
            break;
        peak = found;
    }
    Sleep(5);
    InterlockedDecrement(&Running);
    InterlockedIncrement(&Finished);
}

/* Minimum and maximum of one make a pool whose only thread never changes. */
static volatile LONG FirstThread, OtherThreads;

static VOID CALLBACK UseThread(PTP_CALLBACK_INSTANCE Instance, PVOID Context) {
    LONG self = (LONG)GetCurrentThreadId();
    UNREFERENCED_PARAMETER(Instance);
    LONG first = InterlockedCompareExchange(&FirstThread, self, 0);
    if (first != 0 && first != self)
        InterlockedIncrement(&OtherThreads);
    ReleaseSemaphore((HANDLE)Context, 1, NULL);
}

static BOOL RunOnOneThread(void) {
    TP_CALLBACK_ENVIRON environment;
    HANDLE done = CreateSemaphoreA(NULL, 0, 10, NULL);
    PTP_POOL pool = CreateThreadpool(NULL);
    if (!done || !pool)
        return FALSE;
    SetThreadpoolThreadMaximum(pool, 1);
    if (!SetThreadpoolThreadMinimum(pool, 1))
        return FALSE;
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    for (int i = 0; i < 10; i++) {
        if (!TrySubmitThreadpoolCallback(UseThread, done, &environment))
            return FALSE;
        WaitForSingleObject(done, INFINITE);
    }
    DestroyThreadpoolEnvironment(&environment);
    CloseThreadpool(pool);
    CloseHandle(done);
    return TRUE;
}

int main(void) {
    TP_CALLBACK_ENVIRON environment;
    PTP_POOL pool = CreateThreadpool(NULL);
    if (!pool)
        return 1;
    SetThreadpoolThreadMaximum(pool, AT_ONCE);
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    SetThreadpoolCallbackRunsLong(&environment);

    PTP_WORK work = CreateThreadpoolWork(Download, NULL, &environment);
    if (!work)
        return 1;
    for (int i = 0; i < DOWNLOADS; i++)
        SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    DestroyThreadpoolEnvironment(&environment);
    CloseThreadpool(pool);

    printf("%d downloads, never more than %d at a time: %s\n",
           (int)Finished,
           AT_ONCE,
           Peak <= AT_ONCE ? "yes" : "no");
    if (!RunOnOneThread())
        return 1;
    printf("callbacks on another thread: %d\n", (int)OtherThreads);
    return 0;
}
