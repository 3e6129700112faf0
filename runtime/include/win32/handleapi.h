/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_HANDLEAPI_H
#define RINGPOOL_WIN32_HANDLEAPI_H
#include <minwindef.h>
#include <winnt.h>

#define INVALID_HANDLE_VALUE ((HANDLE)(LONG_PTR)-1)

#ifdef __cplusplus
extern "C" {
#endif

WINBASEAPI BOOL WINAPI CloseHandle(HANDLE hObject);

/* Both processes must be the calling one. A duplicate has the rights of its source. */
WINBASEAPI BOOL WINAPI DuplicateHandle(HANDLE hSourceProcessHandle,
                                       HANDLE hSourceHandle,
                                       HANDLE hTargetProcessHandle,
                                       LPHANDLE lpTargetHandle,
                                       DWORD dwDesiredAccess,
                                       BOOL bInheritHandle,
                                       DWORD dwOptions);

#ifdef __cplusplus
}
#endif
#endif
