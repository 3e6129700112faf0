/* SPDX-License-Identifier: Apache-2.0 */
/* Serves several devices: each signals an event of its own, and a wait object turns every signal
 * into a callback. One device never answers, and its wait gives up. */
#include <windows.h>

#include <stdio.h>

#define DEVICES 5
#define SILENT_TIMEOUT_MS 30

typedef struct DEVICE {
    HANDLE Ready; /* auto-reset: one callback for one signal */
    HANDLE Served;
    PTP_WAIT Wait;
    volatile LONG Signals, Timeouts;
} DEVICE;

/* A wait object fires once: whoever wants the next signal sets it again. */
static VOID CALLBACK Serve(PTP_CALLBACK_INSTANCE Instance,
                           PVOID Context,
                           PTP_WAIT Wait,
                           TP_WAIT_RESULT Result) {
    DEVICE* device = (DEVICE*)Context;
    UNREFERENCED_PARAMETER(Instance);
    if (Result == WAIT_OBJECT_0)
        InterlockedIncrement(&device->Signals);
    SetThreadpoolWait(Wait, device->Ready, NULL);
    SetEvent(device->Served);
}

static VOID CALLBACK GiveUp(PTP_CALLBACK_INSTANCE Instance,
                            PVOID Context,
                            PTP_WAIT Wait,
                            TP_WAIT_RESULT Result) {
    DEVICE* device = (DEVICE*)Context;
    UNREFERENCED_PARAMETER(Wait);
    if (Result == WAIT_TIMEOUT)
        InterlockedIncrement(&device->Timeouts);
    SetEventWhenCallbackReturns(Instance, device->Served);
}

static BOOL OpenDevice(DEVICE* device, PTP_WAIT_CALLBACK callback) {
    device->Ready = CreateEventA(NULL, FALSE, FALSE, NULL);
    device->Served = CreateEventA(NULL, FALSE, FALSE, NULL);
    device->Wait = CreateThreadpoolWait(callback, device, NULL);
    return device->Ready && device->Served && device->Wait;
}

/* The handle a wait object waits for must stay open until the wait is cancelled. */
static void CloseDevice(DEVICE* device) {
    SetThreadpoolWait(device->Wait, NULL, NULL);
    WaitForThreadpoolWaitCallbacks(device->Wait, TRUE);
    CloseThreadpoolWait(device->Wait);
    CloseHandle(device->Ready);
    CloseHandle(device->Served);
}

int main(void) {
    static DEVICE devices[DEVICES], silent;
    HANDLE served[DEVICES];
    LARGE_INTEGER due;
    FILETIME timeout;

    for (int i = 0; i < DEVICES; i++) {
        if (!OpenDevice(&devices[i], Serve))
            return 1;
        served[i] = devices[i].Served;
        SetThreadpoolWait(devices[i].Wait, devices[i].Ready, NULL);
    }
    if (!OpenDevice(&silent, GiveUp))
        return 1;
    due.QuadPart = -10000LL * SILENT_TIMEOUT_MS;
    timeout.dwLowDateTime = due.LowPart;
    timeout.dwHighDateTime = (DWORD)due.HighPart;
    SetThreadpoolWait(silent.Wait, silent.Ready, &timeout);

    /* All at once, then the first one alone, then the second one alone, and so on. */
    for (int i = 0; i < DEVICES; i++)
        SetEvent(devices[i].Ready);
    WaitForMultipleObjects(DEVICES, served, TRUE, INFINITE);
    for (int i = 0; i < DEVICES; i++) {
        for (int signal = 0; signal < i; signal++) {
            SetEvent(devices[i].Ready);
            WaitForSingleObject(devices[i].Served, INFINITE);
        }
    }
    WaitForSingleObject(silent.Served, INFINITE);

    CloseDevice(&silent);
    for (int i = 0; i < DEVICES; i++) {
        CloseDevice(&devices[i]);
        printf("device %d: %d signals\n", i, (int)devices[i].Signals);
    }
    printf("the silent one: %d signals, %d timeout\n", (int)silent.Signals, (int)silent.Timeouts);
    return 0;
}
