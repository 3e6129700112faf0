/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_IOAPISET_H
#define RINGPOOL_WIN32_IOAPISET_H
/* Completion ports (R-IOCP-*); results and cancellation of overlapped operations (R-OVL-6,
 * R-CANCEL-*). */
#include <minwinbase.h>
#include <minwindef.h>
#include <winnt.h>

#ifdef __cplusplus
extern "C" {
#endif

WINBASEAPI HANDLE WINAPI CreateIoCompletionPort(HANDLE FileHandle,
                                                HANDLE ExistingCompletionPort,
                                                ULONG_PTR CompletionKey,
                                                DWORD NumberOfConcurrentThreads);
WINBASEAPI BOOL WINAPI GetQueuedCompletionStatus(HANDLE CompletionPort,
                                                 LPDWORD lpNumberOfBytesTransferred,
                                                 PULONG_PTR lpCompletionKey,
                                                 LPOVERLAPPED* lpOverlapped,
                                                 DWORD dwMilliseconds);
#if _WIN32_WINNT >= 0x0600
WINBASEAPI BOOL WINAPI GetQueuedCompletionStatusEx(HANDLE CompletionPort,
                                                   LPOVERLAPPED_ENTRY lpCompletionPortEntries,
                                                   ULONG ulCount,
                                                   PULONG ulNumEntriesRemoved,
                                                   DWORD dwMilliseconds,
                                                   BOOL fAlertable);
#endif
WINBASEAPI BOOL WINAPI PostQueuedCompletionStatus(HANDLE CompletionPort,
                                                  DWORD dwNumberOfBytesTransferred,
                                                  ULONG_PTR dwCompletionKey,
                                                  LPOVERLAPPED lpOverlapped);
WINBASEAPI BOOL WINAPI GetOverlappedResult(HANDLE hFile,
                                           LPOVERLAPPED lpOverlapped,
                                           LPDWORD lpNumberOfBytesTransferred,
                                           BOOL bWait);
#if _WIN32_WINNT >= 0x0602
WINBASEAPI BOOL WINAPI GetOverlappedResultEx(HANDLE hFile,
                                             LPOVERLAPPED lpOverlapped,
                                             LPDWORD lpNumberOfBytesTransferred,
                                             DWORD dwMilliseconds,
                                             BOOL bAlertable);
#endif
WINBASEAPI BOOL WINAPI CancelIo(HANDLE hFile);
#if _WIN32_WINNT >= 0x0600
WINBASEAPI BOOL WINAPI CancelIoEx(HANDLE hFile, LPOVERLAPPED lpOverlapped);
#endif

#ifdef __cplusplus
}
#endif
#endif
