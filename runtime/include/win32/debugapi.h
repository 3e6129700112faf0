/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_DEBUGAPI_H
#define RINGPOOL_WIN32_DEBUGAPI_H
/* Under UNICODE the plain name leads to OutputDebugStringW, which does not exist yet. */
#include <minwindef.h>
#include <winnt.h>

#ifdef __cplusplus
extern "C" {
#endif

WINBASEAPI VOID WINAPI OutputDebugStringA(LPCSTR lpOutputString);

#ifdef UNICODE
#define OutputDebugString OutputDebugStringW
#else
#define OutputDebugString OutputDebugStringA
#endif

#ifdef __cplusplus
}
#endif
#endif
