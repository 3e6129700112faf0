/* SPDX-License-Identifier: Apache-2.0 */
/* Work objects and simple callbacks on the default pool, as a Windows program writes them. */
#include <windows.h>

#include <stdio.h>
#include <tchar.h>

#define BATCH 1000
#define CHAIN 50
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

typedef struct _BATCH_STATE {
    LONG volatile Calls;
    LONG volatile Strangers;
    PTP_WORK Work;
    DWORD MainThread;
} BATCH_STATE;

static VOID CALLBACK CountCall(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work) {
    BATCH_STATE* State = (BATCH_STATE*)Context;
    UNREFERENCED_PARAMETER(Instance);
    if (Work != State->Work || GetCurrentThreadId() == State->MainThread)
        InterlockedIncrement(&State->Strangers);
    InterlockedIncrement(&State->Calls);
}

/* Each call submits the next one. */
static VOID CALLBACK ChainCall(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work) {
    BATCH_STATE* State = (BATCH_STATE*)Context;
    UNREFERENCED_PARAMETER(Instance);
    if (InterlockedIncrement(&State->Calls) < CHAIN)
        SubmitThreadpoolWork(Work);
}

typedef struct _SIMPLE_STATE {
    LONG volatile Remaining;
    HANDLE Done;
} SIMPLE_STATE;

static VOID CALLBACK SimpleCall(PTP_CALLBACK_INSTANCE Instance, PVOID Context) {
    SIMPLE_STATE* State = (SIMPLE_STATE*)Context;
    UNREFERENCED_PARAMETER(Instance);
    if (InterlockedDecrement(&State->Remaining) == 0)
        SetEvent(State->Done);
}

int _tmain(void) {
    BATCH_STATE Batch;
    SIMPLE_STATE Simple;
    LONG i;

    ZeroMemory(&Batch, sizeof(Batch));
    Batch.MainThread = GetCurrentThreadId();
    Batch.Work = CreateThreadpoolWork(CountCall, &Batch, NULL);
    REQUIRE(Batch.Work != NULL);
    for (i = 0; i < BATCH; i++)
        SubmitThreadpoolWork(Batch.Work);
    WaitForThreadpoolWorkCallbacks(Batch.Work, FALSE);
    REQUIRE(Batch.Calls == BATCH);
    REQUIRE(Batch.Strangers == 0);

    /* The object stays usable after a wait that dropped what was pending. */
    for (i = 0; i < BATCH; i++)
        SubmitThreadpoolWork(Batch.Work);
    WaitForThreadpoolWorkCallbacks(Batch.Work, TRUE);
    REQUIRE(Batch.Calls >= BATCH && Batch.Calls <= 2 * BATCH);
    i = Batch.Calls;
    SubmitThreadpoolWork(Batch.Work);
    WaitForThreadpoolWorkCallbacks(Batch.Work, FALSE);
    REQUIRE(Batch.Calls == i + 1);
    CloseThreadpoolWork(Batch.Work);

    ZeroMemory(&Batch, sizeof(Batch));
    Batch.Work = CreateThreadpoolWork(ChainCall, &Batch, NULL);
    REQUIRE(Batch.Work != NULL);
    SubmitThreadpoolWork(Batch.Work);
    WaitForThreadpoolWorkCallbacks(Batch.Work, FALSE);
    REQUIRE(Batch.Calls == CHAIN);
    CloseThreadpoolWork(Batch.Work);

    Simple.Remaining = BATCH;
    Simple.Done = CreateEvent(NULL, TRUE, FALSE, NULL);
    REQUIRE(Simple.Done != NULL);
    for (i = 0; i < BATCH; i++)
        REQUIRE(TrySubmitThreadpoolCallback(SimpleCall, &Simple, NULL));
    REQUIRE(WaitForSingleObject(Simple.Done, PATIENCE) == WAIT_OBJECT_0);
    REQUIRE(Simple.Remaining == 0);

    REQUIRE(CloseHandle(Simple.Done));

    _tprintf(_T("work_batch: ok\n"));
    return 0;
}
