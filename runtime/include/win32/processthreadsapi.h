/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_PROCESSTHREADSAPI_H
#define RINGPOOL_WIN32_PROCESSTHREADSAPI_H
#include <minwinbase.h>
#include <minwindef.h>
#include <winnt.h>

#ifdef __cplusplus
extern "C" {
#endif

WINBASEAPI DECLSPEC_NORETURN VOID WINAPI ExitProcess(UINT uExitCode);
WINBASEAPI DWORD WINAPI GetCurrentProcessId(VOID);
WINBASEAPI DWORD WINAPI GetCurrentThreadId(VOID);

#ifdef __cplusplus
}
#endif
#endif
