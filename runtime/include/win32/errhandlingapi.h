/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_ERRHANDLINGAPI_H
#define RINGPOOL_WIN32_ERRHANDLINGAPI_H
#include <minwindef.h>
#include <winnt.h>

#ifdef __cplusplus
extern "C" {
#endif

WINBASEAPI DWORD WINAPI GetLastError(VOID);
WINBASEAPI VOID WINAPI SetLastError(DWORD dwErrCode);

#ifdef __cplusplus
}
#endif
#endif
