/* SPDX-License-Identifier: Apache-2.0 */
/* A cleanup group over a pool of one thread: cancelling drops what is pending and reports each
 * member once, on the closing thread; closing without cancelling runs everything. */
#include <windows.h>

#include <stdio.h>
#include <tchar.h>

#define MEMBERS 5
#define SIMPLE_CALLS 20
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

typedef struct _GATE {
    HANDLE Entered;
    HANDLE Open;
} GATE;

static VOID CALLBACK HoldThread(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work) {
    GATE* Gate = (GATE*)Context;
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Work);
    SetEvent(Gate->Entered);
    WaitForSingleObject(Gate->Open, PATIENCE);
}

typedef struct _MEMBER {
    LONG volatile Calls;
    LONG volatile Cancels;
    LONG volatile Misreports;
    PTP_WORK Work;
} MEMBER;

static int CleanupMark;
static DWORD ClosingThread;

static VOID CALLBACK MemberWork(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work) {
    MEMBER* Member = (MEMBER*)Context;
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Work);
    InterlockedIncrement(&Member->Calls);
}

static VOID CALLBACK MemberSimple(PTP_CALLBACK_INSTANCE Instance, PVOID Context) {
    MEMBER* Member = (MEMBER*)Context;
    UNREFERENCED_PARAMETER(Instance);
    InterlockedIncrement(&Member->Calls);
}

static VOID CALLBACK MemberCancelled(PVOID ObjectContext, PVOID CleanupContext) {
    MEMBER* Member = (MEMBER*)ObjectContext;
    InterlockedIncrement(&Member->Cancels);
    if (CleanupContext != &CleanupMark || GetCurrentThreadId() != ClosingThread)
        InterlockedIncrement(&Member->Misreports);
}

int _tmain(void) {
    TP_CALLBACK_ENVIRON PoolOnly, InGroup;
    MEMBER Members[MEMBERS];
    MEMBER Simple;
    GATE Gate;
    PTP_POOL Pool;
    PTP_CLEANUP_GROUP Group;
    PTP_WORK Holder;
    int i;

    ClosingThread = GetCurrentThreadId();
    ZeroMemory(Members, sizeof(Members));
    ZeroMemory(&Simple, sizeof(Simple));
    Gate.Entered = CreateEvent(NULL, FALSE, FALSE, NULL);
    Gate.Open = CreateEvent(NULL, FALSE, FALSE, NULL);
    REQUIRE(Gate.Entered != NULL && Gate.Open != NULL);

    Pool = CreateThreadpool(NULL);
    REQUIRE(Pool != NULL);
    SetThreadpoolThreadMaximum(Pool, 1);
    REQUIRE(SetThreadpoolThreadMinimum(Pool, 1));
    Group = CreateThreadpoolCleanupGroup();
    REQUIRE(Group != NULL);

    InitializeThreadpoolEnvironment(&PoolOnly);
    SetThreadpoolCallbackPool(&PoolOnly, Pool);
    InitializeThreadpoolEnvironment(&InGroup);
    SetThreadpoolCallbackPool(&InGroup, Pool);
    SetThreadpoolCallbackCleanupGroup(&InGroup, Group, MemberCancelled);

    /* The only thread is held by work outside the group, so every member call stays pending. */
    Holder = CreateThreadpoolWork(HoldThread, &Gate, &PoolOnly);
    REQUIRE(Holder != NULL);
    SubmitThreadpoolWork(Holder);
    REQUIRE(WaitForSingleObject(Gate.Entered, PATIENCE) == WAIT_OBJECT_0);

    for (i = 0; i < MEMBERS; i++) {
        Members[i].Work = CreateThreadpoolWork(MemberWork, &Members[i], &InGroup);
        REQUIRE(Members[i].Work != NULL);
        SubmitThreadpoolWork(Members[i].Work);
        SubmitThreadpoolWork(Members[i].Work);
    }
    for (i = 0; i < SIMPLE_CALLS; i++)
        REQUIRE(TrySubmitThreadpoolCallback(MemberSimple, &Simple, &InGroup));

    CloseThreadpoolCleanupGroupMembers(Group, TRUE, &CleanupMark);
    for (i = 0; i < MEMBERS; i++) {
        REQUIRE(Members[i].Calls == 0);
        REQUIRE(Members[i].Cancels == 1);
        REQUIRE(Members[i].Misreports == 0);
    }
    REQUIRE(Simple.Calls == 0);
    REQUIRE(Simple.Cancels == SIMPLE_CALLS);
    REQUIRE(Simple.Misreports == 0);

    REQUIRE(SetEvent(Gate.Open));
    WaitForThreadpoolWorkCallbacks(Holder, FALSE);
    CloseThreadpoolWork(Holder);
    REQUIRE(Simple.Calls == 0);

    /* The group is empty now and serves again; without cancelling, nothing is lost or reported. */
    ZeroMemory(Members, sizeof(Members));
    ZeroMemory(&Simple, sizeof(Simple));
    for (i = 0; i < MEMBERS; i++) {
        Members[i].Work = CreateThreadpoolWork(MemberWork, &Members[i], &InGroup);
        REQUIRE(Members[i].Work != NULL);
        SubmitThreadpoolWork(Members[i].Work);
        SubmitThreadpoolWork(Members[i].Work);
    }
    for (i = 0; i < SIMPLE_CALLS; i++)
        REQUIRE(TrySubmitThreadpoolCallback(MemberSimple, &Simple, &InGroup));
    CloseThreadpoolCleanupGroupMembers(Group, FALSE, &CleanupMark);
    for (i = 0; i < MEMBERS; i++) {
        REQUIRE(Members[i].Calls == 2);
        REQUIRE(Members[i].Cancels == 0);
    }
    REQUIRE(Simple.Calls == SIMPLE_CALLS);
    REQUIRE(Simple.Cancels == 0);

    CloseThreadpoolCleanupGroup(Group);
    DestroyThreadpoolEnvironment(&InGroup);
    DestroyThreadpoolEnvironment(&PoolOnly);
    CloseThreadpool(Pool);
    REQUIRE(CloseHandle(Gate.Entered) && CloseHandle(Gate.Open));

    _tprintf(_T("cleanup_group: ok\n"));
    return 0;
}
