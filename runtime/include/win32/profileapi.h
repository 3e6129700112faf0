/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_PROFILEAPI_H
#define RINGPOOL_WIN32_PROFILEAPI_H
#include <minwindef.h>
#include <winnt.h>

#ifdef __cplusplus
extern "C" {
#endif

WINBASEAPI BOOL WINAPI QueryPerformanceCounter(LARGE_INTEGER* lpPerformanceCount);
WINBASEAPI BOOL WINAPI QueryPerformanceFrequency(LARGE_INTEGER* lpFrequency);

#ifdef __cplusplus
}
#endif
#endif
