/* SPDX-License-Identifier: Apache-2.0 */
/* What a callback can leave for the pool to do after it returned, and how it parts from its object.
 * The name of a library to load and free may be given as argument. */
#include <windows.h>

#include <stdio.h>
#include <tchar.h>

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

typedef struct _LEGACY {
    CRITICAL_SECTION Section;
    HANDLE Mutex;
    HANDLE Semaphore;
    HANDLE Event;
    HMODULE Module;
    BOOL MutexTaken;
    LONG volatile Returned;
} LEGACY;

static VOID CALLBACK LeaveEverything(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work) {
    LEGACY* Legacy = (LEGACY*)Context;
    UNREFERENCED_PARAMETER(Work);
    EnterCriticalSection(&Legacy->Section);
    LeaveCriticalSectionWhenCallbackReturns(Instance, &Legacy->Section);
    Legacy->MutexTaken = WaitForSingleObject(Legacy->Mutex, PATIENCE) == WAIT_OBJECT_0;
    ReleaseMutexWhenCallbackReturns(Instance, Legacy->Mutex);
    ReleaseSemaphoreWhenCallbackReturns(Instance, Legacy->Semaphore, 2);
    SetEventWhenCallbackReturns(Instance, Legacy->Event);
    FreeLibraryWhenCallbackReturns(Instance, Legacy->Module);
    InterlockedExchange(&Legacy->Returned, 1);
}

typedef struct _PARTING {
    HANDLE Parted;
    HANDLE MayReturn;
    HANDLE Gone;
    LONG volatile StillRunning;
} PARTING;

static VOID CALLBACK Part(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work) {
    PARTING* Parting = (PARTING*)Context;
    UNREFERENCED_PARAMETER(Work);
    SetEventWhenCallbackReturns(Instance, Parting->Gone);
    InterlockedExchange(&Parting->StillRunning, 1);
    DisassociateCurrentThreadFromCallback(Instance);
    SetEvent(Parting->Parted);
    WaitForSingleObject(Parting->MayReturn, PATIENCE);
    InterlockedExchange(&Parting->StillRunning, 0);
}

static VOID CALLBACK MayRunLong(PTP_CALLBACK_INSTANCE Instance, PVOID Context) {
    HANDLE* Events = (HANDLE*)Context;
    if (CallbackMayRunLong(Instance))
        SetEvent(Events[0]);
    SetEventWhenCallbackReturns(Instance, Events[1]);
}

int _tmain(int argc, TCHAR** argv) {
    TP_CALLBACK_ENVIRON OneThread;
    LEGACY Legacy;
    PARTING Parting;
    HANDLE LongEvents[2];
    PTP_POOL Pool;
    PTP_WORK Work;

    ZeroMemory(&Legacy, sizeof(Legacy));
    InitializeCriticalSection(&Legacy.Section);
    Legacy.Mutex = CreateMutex(NULL, FALSE, NULL);
    Legacy.Semaphore = CreateSemaphore(NULL, 0, 2, NULL);
    Legacy.Event = CreateEvent(NULL, FALSE, FALSE, NULL);
    Legacy.Module = LoadLibraryA(argc > 1 ? argv[1] : "version.dll");
    REQUIRE(Legacy.Mutex != NULL && Legacy.Semaphore != NULL && Legacy.Event != NULL);
    REQUIRE(Legacy.Module != NULL);

    Work = CreateThreadpoolWork(LeaveEverything, &Legacy, NULL);
    REQUIRE(Work != NULL);
    SubmitThreadpoolWork(Work);
    REQUIRE(WaitForSingleObject(Legacy.Event, PATIENCE) == WAIT_OBJECT_0);
    REQUIRE(Legacy.Returned == 1);
    REQUIRE(Legacy.MutexTaken);
    REQUIRE(WaitForSingleObject(Legacy.Mutex, PATIENCE) == WAIT_OBJECT_0);
    REQUIRE(ReleaseMutex(Legacy.Mutex));
    REQUIRE(WaitForSingleObject(Legacy.Semaphore, PATIENCE) == WAIT_OBJECT_0);
    REQUIRE(WaitForSingleObject(Legacy.Semaphore, PATIENCE) == WAIT_OBJECT_0);
    REQUIRE(WaitForSingleObject(Legacy.Semaphore, 0) == WAIT_TIMEOUT);
    EnterCriticalSection(&Legacy.Section);
    LeaveCriticalSection(&Legacy.Section);
    WaitForThreadpoolWorkCallbacks(Work, FALSE);
    CloseThreadpoolWork(Work);
    DeleteCriticalSection(&Legacy.Section);
    REQUIRE(CloseHandle(Legacy.Mutex) && CloseHandle(Legacy.Semaphore));
    REQUIRE(CloseHandle(Legacy.Event));

    /* Waiting for the object does not wait for a call that parted from it. */
    ZeroMemory(&Parting, sizeof(Parting));
    Parting.Parted = CreateEvent(NULL, TRUE, FALSE, NULL);
    Parting.MayReturn = CreateEvent(NULL, TRUE, FALSE, NULL);
    Parting.Gone = CreateEvent(NULL, TRUE, FALSE, NULL);
    REQUIRE(Parting.Parted != NULL && Parting.MayReturn != NULL && Parting.Gone != NULL);
    Work = CreateThreadpoolWork(Part, &Parting, NULL);
    REQUIRE(Work != NULL);
    SubmitThreadpoolWork(Work);
    REQUIRE(WaitForSingleObject(Parting.Parted, PATIENCE) == WAIT_OBJECT_0);
    WaitForThreadpoolWorkCallbacks(Work, FALSE);
    REQUIRE(Parting.StillRunning == 1);
    REQUIRE(WaitForSingleObject(Parting.Gone, 0) == WAIT_TIMEOUT);
    CloseThreadpoolWork(Work);
    REQUIRE(SetEvent(Parting.MayReturn));
    REQUIRE(WaitForSingleObject(Parting.Gone, PATIENCE) == WAIT_OBJECT_0);
    REQUIRE(Parting.StillRunning == 0);
    REQUIRE(CloseHandle(Parting.Parted) && CloseHandle(Parting.MayReturn));
    REQUIRE(CloseHandle(Parting.Gone));

    /* A pool of one thread has no other to offer. */
    Pool = CreateThreadpool(NULL);
    REQUIRE(Pool != NULL);
    SetThreadpoolThreadMaximum(Pool, 1);
    InitializeThreadpoolEnvironment(&OneThread);
    SetThreadpoolCallbackPool(&OneThread, Pool);
    LongEvents[0] = CreateEvent(NULL, TRUE, FALSE, NULL);
    LongEvents[1] = CreateEvent(NULL, TRUE, FALSE, NULL);
    REQUIRE(LongEvents[0] != NULL && LongEvents[1] != NULL);
    REQUIRE(TrySubmitThreadpoolCallback(MayRunLong, LongEvents, &OneThread));
    REQUIRE(WaitForSingleObject(LongEvents[1], PATIENCE) == WAIT_OBJECT_0);
    REQUIRE(WaitForSingleObject(LongEvents[0], 0) == WAIT_TIMEOUT);
    REQUIRE(CloseHandle(LongEvents[0]) && CloseHandle(LongEvents[1]));
    DestroyThreadpoolEnvironment(&OneThread);
    CloseThreadpool(Pool);

    _tprintf(_T("callback_returns: ok\n"));
    return 0;
}
