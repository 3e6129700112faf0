/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_TIMEZONEAPI_H
#define RINGPOOL_WIN32_TIMEZONEAPI_H
#include <minwinbase.h>
#include <minwindef.h>
#include <winnt.h>

#ifdef __cplusplus
extern "C" {
#endif

WINBASEAPI BOOL WINAPI SystemTimeToFileTime(const SYSTEMTIME* lpSystemTime, LPFILETIME lpFileTime);
WINBASEAPI BOOL WINAPI FileTimeToSystemTime(const FILETIME* lpFileTime, LPSYSTEMTIME lpSystemTime);

#ifdef __cplusplus
}
#endif
#endif
