/* SPDX-License-Identifier: Apache-2.0 */
/* A private pool with limits: never more callbacks at once than its maximum, as many as that when
 * they need each other, and it outlives CloseThreadpool while objects are bound to it. */
#include <windows.h>

#include <stdio.h>
#include <tchar.h>

#define MAXIMUM 2
#define CALLS 64
#define PATIENCE 10000

static int fail(const char* what, int line) {
    _tprintf(_T("line %d: %s (last error %u)\n"), line, what, (unsigned)GetLastError());
    return 1;
}

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return fail(#condition, __LINE__);                                                     \
    } while (0)

typedef struct _LIMIT_STATE {
    CRITICAL_SECTION Lock;
    int Running;
    int Peak;
    int Calls;
} LIMIT_STATE;

static VOID CALLBACK MeasureConcurrency(PTP_CALLBACK_INSTANCE Instance,
                                        PVOID Context,
                                        PTP_WORK Work) {
    LIMIT_STATE* State = (LIMIT_STATE*)Context;
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Work);
    EnterCriticalSection(&State->Lock);
    if (++State->Running > State->Peak)
        State->Peak = State->Running;
    LeaveCriticalSection(&State->Lock);
    Sleep(1);
    EnterCriticalSection(&State->Lock);
    State->Running--;
    State->Calls++;
    LeaveCriticalSection(&State->Lock);
}

typedef struct _MEETING {
    HANDLE Arrived[2];
    LONG volatile Next;
    LONG volatile Met;
} MEETING;

/* Two calls that each wait for the other: both must run at the same time. */
static VOID CALLBACK Meet(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work) {
    MEETING* Meeting = (MEETING*)Context;
    LONG Me = InterlockedIncrement(&Meeting->Next) - 1;
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Work);
    SetEvent(Meeting->Arrived[Me]);
    if (WaitForSingleObject(Meeting->Arrived[1 - Me], PATIENCE) == WAIT_OBJECT_0)
        InterlockedIncrement(&Meeting->Met);
}

int _tmain(void) {
    TP_CALLBACK_ENVIRON Environment;
    TP_POOL_STACK_INFORMATION Stack;
    LIMIT_STATE State;
    MEETING Meeting;
    PTP_POOL Pool;
    PTP_WORK Work;
    int i;

    ZeroMemory(&State, sizeof(State));
    InitializeCriticalSection(&State.Lock);

    Pool = CreateThreadpool(NULL);
    REQUIRE(Pool != NULL);
    SetThreadpoolThreadMaximum(Pool, MAXIMUM);
    REQUIRE(SetThreadpoolThreadMinimum(Pool, 1));

    Stack.StackReserve = 1;
    Stack.StackCommit = 1;
    REQUIRE(SetThreadpoolStackInformation(Pool, &Stack));
    ZeroMemory(&Stack, sizeof(Stack));
    REQUIRE(QueryThreadpoolStackInformation(Pool, &Stack));
    REQUIRE(Stack.StackReserve == 1 && Stack.StackCommit == 1);

    InitializeThreadpoolEnvironment(&Environment);
    SetThreadpoolCallbackPool(&Environment, Pool);
    SetThreadpoolCallbackPriority(&Environment, TP_CALLBACK_PRIORITY_HIGH);

    Work = CreateThreadpoolWork(MeasureConcurrency, &State, &Environment);
    REQUIRE(Work != NULL);
    for (i = 0; i < CALLS; i++)
        SubmitThreadpoolWork(Work);
    WaitForThreadpoolWorkCallbacks(Work, FALSE);
    REQUIRE(State.Calls == CALLS);
    REQUIRE(State.Peak >= 1 && State.Peak <= MAXIMUM);
    CloseThreadpoolWork(Work);

    ZeroMemory(&Meeting, sizeof(Meeting));
    Meeting.Arrived[0] = CreateEvent(NULL, TRUE, FALSE, NULL);
    Meeting.Arrived[1] = CreateEvent(NULL, TRUE, FALSE, NULL);
    REQUIRE(Meeting.Arrived[0] != NULL && Meeting.Arrived[1] != NULL);
    Work = CreateThreadpoolWork(Meet, &Meeting, &Environment);
    REQUIRE(Work != NULL);
    SubmitThreadpoolWork(Work);
    SubmitThreadpoolWork(Work);
    WaitForThreadpoolWorkCallbacks(Work, FALSE);
    REQUIRE(Meeting.Met == 2);
    CloseThreadpoolWork(Work);

    /* Work that was submitted survives the pool's Close. */
    State.Calls = 0;
    Work = CreateThreadpoolWork(MeasureConcurrency, &State, &Environment);
    REQUIRE(Work != NULL);
    for (i = 0; i < CALLS; i++)
        SubmitThreadpoolWork(Work);
    CloseThreadpool(Pool);
    WaitForThreadpoolWorkCallbacks(Work, FALSE);
    REQUIRE(State.Calls == CALLS);
    CloseThreadpoolWork(Work);

    DestroyThreadpoolEnvironment(&Environment);
    REQUIRE(CloseHandle(Meeting.Arrived[0]) && CloseHandle(Meeting.Arrived[1]));
    DeleteCriticalSection(&State.Lock);

    _tprintf(_T("private_pool: ok\n"));
    return 0;
}
