/* SPDX-License-Identifier: Apache-2.0 */
/* Saves a document when nothing was typed for a moment, and beats a few times. Neither has to
 * happen on the millisecond, so both timers have a window in which the system may run them
 * together. */
#include <windows.h>

#include <stdio.h>

#define EDITS 100
#define BEATS 5
#define SAVE_DELAY_MS 100
#define SAVE_WINDOW_MS 50
#define BEAT_PERIOD_MS 20
#define BEAT_WINDOW_MS 10

typedef struct DOCUMENT {
    volatile LONG Revision, SavedRevision, Saves;
    HANDLE Complete;
} DOCUMENT;

typedef struct PULSE {
    volatile LONG Beats;
    HANDLE Enough;
} PULSE;

/* Negative: from now on, in units of 100 nanoseconds. */
static FILETIME FromNow(DWORD milliseconds) {
    ULARGE_INTEGER due;
    FILETIME time;
    due.QuadPart = (ULONGLONG)(-10000LL * milliseconds);
    time.dwLowDateTime = due.LowPart;
    time.dwHighDateTime = due.HighPart;
    return time;
}

static VOID CALLBACK Save(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_TIMER Timer) {
    DOCUMENT* document = (DOCUMENT*)Context;
    LONG revision = InterlockedCompareExchange(&document->Revision, 0, 0);
    UNREFERENCED_PARAMETER(Timer);
    InterlockedExchange(&document->SavedRevision, revision);
    InterlockedIncrement(&document->Saves);
    if (revision == EDITS)
        SetEventWhenCallbackReturns(Instance, document->Complete);
}

/* Each edit puts the save off: setting a timer again replaces what was set before. */
static void Edit(DOCUMENT* document, PTP_TIMER timer) {
    FILETIME due = FromNow(SAVE_DELAY_MS);
    InterlockedIncrement(&document->Revision);
    SetThreadpoolTimer(timer, &due, 0, SAVE_WINDOW_MS);
}

static VOID CALLBACK Beat(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_TIMER Timer) {
    PULSE* pulse = (PULSE*)Context;
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Timer);
    if (InterlockedIncrement(&pulse->Beats) == BEATS)
        SetEvent(pulse->Enough);
}

/* First no new callbacks, then none that are queued or running, then the object goes. */
static BOOL StopTimer(PTP_TIMER timer) {
    BOOL was_set = IsThreadpoolTimerSet(timer);
    SetThreadpoolTimer(timer, NULL, 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    BOOL is_set = IsThreadpoolTimerSet(timer);
    CloseThreadpoolTimer(timer);
    return was_set && !is_set;
}

int main(void) {
    DOCUMENT document = {0, 0, 0, CreateEventA(NULL, TRUE, FALSE, NULL)};
    PULSE pulse = {0, CreateEventA(NULL, TRUE, FALSE, NULL)};
    PTP_TIMER save = CreateThreadpoolTimer(Save, &document, NULL);
    PTP_TIMER beat = CreateThreadpoolTimer(Beat, &pulse, NULL);
    FILETIME at_once = FromNow(0);
    if (!document.Complete || !pulse.Enough || !save || !beat)
        return 1;

    SetThreadpoolTimer(beat, &at_once, BEAT_PERIOD_MS, BEAT_WINDOW_MS);
    for (int i = 0; i < EDITS; i++)
        Edit(&document, save);
    WaitForSingleObject(document.Complete, INFINITE);
    WaitForSingleObject(pulse.Enough, INFINITE);

    BOOL stopped = StopTimer(beat);
    LONG beats = pulse.Beats;
    WaitForThreadpoolTimerCallbacks(save, FALSE);
    CloseThreadpoolTimer(save);

    printf("%d edits, revision %d saved\n", (int)document.Revision, (int)document.SavedRevision);
    printf("fewer saves than edits: %s\n", document.Saves < EDITS ? "yes" : "no");
    printf("at least %d beats: %s\n", BEATS, beats >= BEATS ? "yes" : "no");
    printf("the beat was set and was stopped: %s\n", stopped ? "yes" : "no");
    CloseHandle(document.Complete);
    CloseHandle(pulse.Enough);
    return 0;
}
