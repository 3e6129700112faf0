/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_SYSINFOAPI_H
#define RINGPOOL_WIN32_SYSINFOAPI_H
#include <minwinbase.h>
#include <minwindef.h>
#include <winnt.h>

#ifdef __cplusplus
extern "C" {
#endif

WINBASEAPI DWORD WINAPI GetTickCount(VOID);
#if _WIN32_WINNT >= 0x0600
WINBASEAPI ULONGLONG WINAPI GetTickCount64(VOID);
#endif
WINBASEAPI VOID WINAPI GetSystemTimeAsFileTime(LPFILETIME lpSystemTimeAsFileTime);

#ifdef __cplusplus
}
#endif
#endif
