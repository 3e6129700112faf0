/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_PROCESSTHREADSAPI_H
#define RINGPOOL_WIN32_PROCESSTHREADSAPI_H
#include <minwinbase.h>
#include <minwindef.h>
#include <winnt.h>

#define CREATE_SUSPENDED 0x00000004
#define STACK_SIZE_PARAM_IS_A_RESERVATION 0x00010000
#define TLS_OUT_OF_INDEXES ((DWORD)0xFFFFFFFFu)

#ifdef __cplusplus
extern "C" {
#endif

WINBASEAPI HANDLE WINAPI GetCurrentProcess(VOID);
WINBASEAPI DECLSPEC_NORETURN VOID WINAPI ExitProcess(UINT uExitCode);
WINBASEAPI DWORD WINAPI GetCurrentProcessId(VOID);
/* A process handle is signaled when the process has ended. The exit code of a process that is no
 * child of this one is not known to Linux: then GetExitCodeProcess fails with ERROR_ACCESS_DENIED.
 * A process killed by a signal has the exit code 128 + the signal. */
WINBASEAPI HANDLE WINAPI OpenProcess(DWORD dwDesiredAccess, BOOL bInheritHandle, DWORD dwProcessId);
WINBASEAPI BOOL WINAPI GetExitCodeProcess(HANDLE hProcess, LPDWORD lpExitCode);
#if _WIN32_WINNT >= 0x0501
WINBASEAPI DWORD WINAPI GetProcessId(HANDLE Process);
#endif

WINBASEAPI HANDLE WINAPI CreateThread(LPSECURITY_ATTRIBUTES lpThreadAttributes,
                                      SIZE_T dwStackSize,
                                      LPTHREAD_START_ROUTINE lpStartAddress,
                                      LPVOID lpParameter,
                                      DWORD dwCreationFlags,
                                      LPDWORD lpThreadId);
WINBASEAPI DECLSPEC_NORETURN VOID WINAPI ExitThread(DWORD dwExitCode);
/* Only for a thread created with CREATE_SUSPENDED: a running one cannot be suspended. */
WINBASEAPI DWORD WINAPI ResumeThread(HANDLE hThread);
WINBASEAPI BOOL WINAPI GetExitCodeThread(HANDLE hThread, LPDWORD lpExitCode);
WINBASEAPI HANDLE WINAPI GetCurrentThread(VOID);
WINBASEAPI DWORD WINAPI GetCurrentThreadId(VOID);
/* Finds threads of this process: those of CreateThread, and others that have asked for their id or
 * used their thread in another call of this library. */
WINBASEAPI HANDLE WINAPI OpenThread(DWORD dwDesiredAccess, BOOL bInheritHandle, DWORD dwThreadId);
#if _WIN32_WINNT >= 0x0502
WINBASEAPI DWORD WINAPI GetThreadId(HANDLE Thread);
#endif
WINBASEAPI BOOL WINAPI SwitchToThread(VOID);

WINBASEAPI DWORD WINAPI QueueUserAPC(PAPCFUNC pfnAPC, HANDLE hThread, ULONG_PTR dwData);

WINBASEAPI DWORD WINAPI TlsAlloc(VOID);
WINBASEAPI LPVOID WINAPI TlsGetValue(DWORD dwTlsIndex);
WINBASEAPI BOOL WINAPI TlsSetValue(DWORD dwTlsIndex, LPVOID lpTlsValue);
WINBASEAPI BOOL WINAPI TlsFree(DWORD dwTlsIndex);

#ifdef __cplusplus
}
#endif
#endif
