/* SPDX-License-Identifier: Apache-2.0 */
/* Shuts a component down with a cleanup group: running jobs finish, pending ones are cancelled. */
#include <windows.h>

#include <stdio.h>

#define JOBS 12

typedef struct JOB {
    int Number;
    volatile LONG Ran, Cancelled;
} JOB;

static JOB Jobs[JOBS];
static HANDLE Started, Release;

/* The pool has one thread, so the first job holds up all the others. */
static VOID CALLBACK RunJob(PTP_CALLBACK_INSTANCE Instance, PVOID Context) {
    JOB* job = (JOB*)Context;
    UNREFERENCED_PARAMETER(Instance);
    SetEvent(Started);
    WaitForSingleObject(Release, INFINITE);
    InterlockedIncrement(&job->Ran);
}

static VOID CALLBACK CancelJob(PVOID ObjectContext, PVOID CleanupContext) {
    JOB* job = (JOB*)ObjectContext;
    InterlockedIncrement(&job->Cancelled);
    InterlockedIncrement((volatile LONG*)CleanupContext);
}

static VOID CALLBACK OpenGate(PTP_CALLBACK_INSTANCE Instance, PVOID Context) {
    UNREFERENCED_PARAMETER(Instance);
    SetEvent((HANDLE)Context);
}

int main(void) {
    volatile LONG cancelled = 0;
    LONG ran = 0, twice = 0;
    TP_CALLBACK_ENVIRON environment;

    Started = CreateEventA(NULL, TRUE, FALSE, NULL);
    Release = CreateEventA(NULL, TRUE, FALSE, NULL);
    PTP_POOL pool = CreateThreadpool(NULL);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    if (!Started || !Release || !pool || !group)
        return 1;
    SetThreadpoolThreadMaximum(pool, 1);
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    SetThreadpoolCallbackCleanupGroup(&environment, group, CancelJob);

    for (int i = 0; i < JOBS; i++) {
        Jobs[i].Number = i;
        if (!TrySubmitThreadpoolCallback(RunJob, &Jobs[i], &environment))
            return 1;
    }
    WaitForSingleObject(Started, INFINITE);

    /* The default pool lets the running job go while this thread waits for it in the group. */
    if (!TrySubmitThreadpoolCallback(OpenGate, Release, NULL))
        return 1;
    CloseThreadpoolCleanupGroupMembers(group, TRUE, (PVOID)&cancelled);
    CloseThreadpoolCleanupGroup(group);
    DestroyThreadpoolEnvironment(&environment);
    CloseThreadpool(pool);

    for (int i = 0; i < JOBS; i++) {
        ran += Jobs[i].Ran;
        twice += Jobs[i].Ran + Jobs[i].Cancelled != 1;
    }
    printf("job 0 ran: %s\n", Jobs[0].Ran ? "yes" : "no");
    printf("ran or cancelled: %d of %d\n", (int)(ran + cancelled), JOBS);
    printf("neither or both: %d\n", (int)twice);
    CloseHandle(Started);
    CloseHandle(Release);
    return 0;
}
