/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_REALTIMEAPISET_H
#define RINGPOOL_WIN32_REALTIMEAPISET_H
#include <minwindef.h>
#include <winnt.h>

#ifdef __cplusplus
extern "C" {
#endif

#if _WIN32_WINNT >= 0x0601
WINBASEAPI BOOL WINAPI QueryUnbiasedInterruptTime(PULONGLONG UnbiasedTime);
#endif

#ifdef __cplusplus
}
#endif
#endif
