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

#ifdef __cplusplus
}
#endif
#endif
