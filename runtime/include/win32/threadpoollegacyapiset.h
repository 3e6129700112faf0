/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_THREADPOOLLEGACYAPISET_H
#define RINGPOOL_WIN32_THREADPOOLLEGACYAPISET_H
/* The thread pool of Windows 2000. All of it runs on the default pool. */
#include <minwinbase.h>
#include <windef.h>

#ifdef __cplusplus
extern "C" {
#endif

WINBASEAPI BOOL WINAPI QueueUserWorkItem(LPTHREAD_START_ROUTINE Function,
                                         PVOID Context,
                                         ULONG Flags);
WINBASEAPI BOOL WINAPI UnregisterWaitEx(HANDLE WaitHandle, HANDLE CompletionEvent);
WINBASEAPI HANDLE WINAPI CreateTimerQueue(VOID);
WINBASEAPI BOOL WINAPI CreateTimerQueueTimer(PHANDLE phNewTimer,
                                             HANDLE TimerQueue,
                                             WAITORTIMERCALLBACK Callback,
                                             PVOID Parameter,
                                             DWORD DueTime,
                                             DWORD Period,
                                             ULONG Flags);
WINBASEAPI BOOL WINAPI ChangeTimerQueueTimer(HANDLE TimerQueue,
                                             HANDLE Timer,
                                             ULONG DueTime,
                                             ULONG Period);
WINBASEAPI BOOL WINAPI DeleteTimerQueueTimer(HANDLE TimerQueue,
                                             HANDLE Timer,
                                             HANDLE CompletionEvent);
WINBASEAPI BOOL WINAPI DeleteTimerQueue(HANDLE TimerQueue);
WINBASEAPI BOOL WINAPI DeleteTimerQueueEx(HANDLE TimerQueue, HANDLE CompletionEvent);

#ifdef __cplusplus
}
#endif
#endif
