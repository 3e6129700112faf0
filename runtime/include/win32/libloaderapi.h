/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_LIBLOADERAPI_H
#define RINGPOOL_WIN32_LIBLOADERAPI_H
/* An HMODULE is a reference on a shared object. Under UNICODE the plain name leads to LoadLibraryW,
 * which does not exist yet: the compiler then names it. */
#include <minwindef.h>
#include <winnt.h>

#ifdef __cplusplus
extern "C" {
#endif

WINBASEAPI HMODULE WINAPI LoadLibraryA(LPCSTR lpLibFileName);
WINBASEAPI BOOL WINAPI FreeLibrary(HMODULE hLibModule);
WINBASEAPI FARPROC WINAPI GetProcAddress(HMODULE hModule, LPCSTR lpProcName);

#ifdef UNICODE
#define LoadLibrary LoadLibraryW
#else
#define LoadLibrary LoadLibraryA
#endif

#ifdef __cplusplus
}
#endif
#endif
