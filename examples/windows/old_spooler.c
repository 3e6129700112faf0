/* SPDX-License-Identifier: Apache-2.0 */
/* A print spooler as it was written for Windows 2000, on the old thread pool: work items print the
 * jobs, a registered wait watches the paper, and a timer queue has a clock and an alarm. */
#include <windows.h>

#include <stdio.h>

#define JOBS 40
#define PAPER_REFILLS 4
#define CLOCK_TICKS 3

typedef struct SPOOLER {
    CRITICAL_SECTION Lock;
    long PagesPrinted; /* under Lock */
    volatile LONG JobsLeft, Refills, PaperTimeouts, Ticks, Alarms;
    HANDLE PaperOut, Refilled, AllPrinted, TickedEnough, AlarmRang, GaveUp;
} SPOOLER;

static SPOOLER Spooler;

static DWORD WINAPI PrintJob(LPVOID Context) {
    int pages = (int)(INT_PTR)Context;
    EnterCriticalSection(&Spooler.Lock);
    Spooler.PagesPrinted += pages;
    LeaveCriticalSection(&Spooler.Lock);
    if (InterlockedDecrement(&Spooler.JobsLeft) == 0)
        SetEvent(Spooler.AllPrinted);
    return 0;
}

/* Without WT_EXECUTEONLYONCE the wait goes on after every signal. */
static VOID CALLBACK Refill(PVOID Context, BOOLEAN TimerOrWaitFired) {
    UNREFERENCED_PARAMETER(Context);
    if (!TimerOrWaitFired)
        InterlockedIncrement(&Spooler.Refills);
    SetEvent(Spooler.Refilled);
}

static VOID CALLBACK NoPaper(PVOID Context, BOOLEAN TimerOrWaitFired) {
    if (TimerOrWaitFired)
        InterlockedIncrement(&Spooler.PaperTimeouts);
    SetEvent((HANDLE)Context);
}

static VOID CALLBACK Tick(PVOID Context, BOOLEAN TimerOrWaitFired) {
    UNREFERENCED_PARAMETER(TimerOrWaitFired);
    if (InterlockedIncrement(&Spooler.Ticks) == CLOCK_TICKS)
        SetEvent((HANDLE)Context);
}

static VOID CALLBACK RingAlarm(PVOID Context, BOOLEAN TimerOrWaitFired) {
    UNREFERENCED_PARAMETER(TimerOrWaitFired);
    InterlockedIncrement(&Spooler.Alarms);
    SetEvent((HANDLE)Context);
}

static HANDLE NewEvent(void) {
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    if (event == NULL)
        ExitProcess(2);
    return event;
}

static BOOL PrintJobs(void) {
    Spooler.JobsLeft = JOBS;
    for (int pages = 1; pages <= JOBS; pages++) {
        ULONG flags = pages % 10 == 0 ? WT_EXECUTELONGFUNCTION : WT_EXECUTEDEFAULT;
        if (!QueueUserWorkItem(PrintJob, (PVOID)(INT_PTR)pages, flags))
            return FALSE;
    }
    return WaitForSingleObject(Spooler.AllPrinted, INFINITE) == WAIT_OBJECT_0;
}

static BOOL WatchPaper(void) {
    HANDLE never = NewEvent(), watch, once;
    if (!RegisterWaitForSingleObject(
            &watch, Spooler.PaperOut, Refill, NULL, INFINITE, WT_EXECUTEDEFAULT))
        return FALSE;
    if (!RegisterWaitForSingleObject(&once, never, NoPaper, Spooler.GaveUp, 20, WT_EXECUTEONLYONCE))
        return FALSE;
    for (int i = 0; i < PAPER_REFILLS; i++) {
        SetEvent(Spooler.PaperOut);
        WaitForSingleObject(Spooler.Refilled, INFINITE);
    }
    WaitForSingleObject(Spooler.GaveUp, INFINITE);

    /* INVALID_HANDLE_VALUE: come back when no callback runs any more. */
    BOOL ended = UnregisterWaitEx(watch, INVALID_HANDLE_VALUE);
    ended &= UnregisterWaitEx(once, INVALID_HANDLE_VALUE);
    CloseHandle(never);
    return ended;
}

static BOOL RunClocks(void) {
    HANDLE queue = CreateTimerQueue(), ticker, bell;
    if (queue == NULL)
        return FALSE;
    if (!CreateTimerQueueTimer(&ticker, queue, Tick, Spooler.TickedEnough, 5, 5, 0) ||
        !CreateTimerQueueTimer(
            &bell, queue, RingAlarm, Spooler.AlarmRang, 3600 * 1000, 0, WT_EXECUTEONLYONCE))
        return FALSE;
    WaitForSingleObject(Spooler.TickedEnough, INFINITE);
    if (!DeleteTimerQueueTimer(queue, ticker, INVALID_HANDLE_VALUE))
        return FALSE;
    /* Nobody wants to wait an hour for the alarm. */
    if (!ChangeTimerQueueTimer(queue, bell, 1, 0))
        return FALSE;
    WaitForSingleObject(Spooler.AlarmRang, INFINITE);
    return DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE);
}

int main(void) {
    HANDLE* events[] = {&Spooler.PaperOut,
                        &Spooler.Refilled,
                        &Spooler.AllPrinted,
                        &Spooler.TickedEnough,
                        &Spooler.AlarmRang,
                        &Spooler.GaveUp};
    const int count = (int)(sizeof events / sizeof events[0]);
    InitializeCriticalSection(&Spooler.Lock);
    for (int i = 0; i < count; i++)
        *events[i] = NewEvent();

    if (!PrintJobs() || !WatchPaper() || !RunClocks()) {
        printf("error %u\n", (unsigned)GetLastError());
        return 1;
    }
    printf("%d jobs, %ld pages\n", JOBS, Spooler.PagesPrinted);
    printf("%d refills, %d timeout\n", (int)Spooler.Refills, (int)Spooler.PaperTimeouts);
    printf("ticked enough: %s\n", Spooler.Ticks >= CLOCK_TICKS ? "yes" : "no");
    printf("%d alarm\n", (int)Spooler.Alarms);

    for (int i = 0; i < count; i++)
        CloseHandle(*events[i]);
    DeleteCriticalSection(&Spooler.Lock);
    return 0;
}
