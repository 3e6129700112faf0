/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_MINWINDEF_H
#define RINGPOOL_WIN32_MINWINDEF_H
/* The words every Win32 declaration is made of: BOOL, DWORD, WINAPI, HINSTANCE, FILETIME. */
#include <basetsd.h>
#include <sal.h>
#include <sdkddkver.h>

/* Calling conventions are no-ops on 64-bit Windows too (R-TYPES-2). To clang the double-underscore
 * words are keywords that warn on this platform, hence the macros. */
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wkeyword-macro"
#endif
#ifndef __stdcall
#define __stdcall
#endif
#ifndef __cdecl
#define __cdecl
#endif
#ifndef __fastcall
#define __fastcall
#endif
#ifndef __thiscall
#define __thiscall
#endif
#ifndef __vectorcall
#define __vectorcall
#endif
#ifndef __forceinline
#define __forceinline __inline__ __attribute__((__always_inline__))
#endif
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

#define WINAPI __stdcall
#define WINAPIV __cdecl
#define CALLBACK __stdcall
#define APIENTRY WINAPI
#define APIPRIVATE __stdcall
#define PASCAL __stdcall
#define CDECL __cdecl
#define FAR
#define NEAR

#define CONST const

#ifndef NULL
#ifdef __cplusplus
#define NULL __null
#else
#define NULL ((void*)0)
#endif
#endif
#ifndef FALSE
#define FALSE 0
#endif
#ifndef TRUE
#define TRUE 1
#endif
#define MAX_PATH 260

#if !defined(STRICT) && !defined(NO_STRICT)
#define STRICT 1
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef int BOOL, *PBOOL, *LPBOOL;
typedef unsigned char BYTE, *PBYTE, *LPBYTE;
typedef unsigned short WORD, *PWORD, *LPWORD;
typedef unsigned int DWORD, *PDWORD, *LPDWORD;
typedef int INT, *PINT, *LPINT;
typedef unsigned int UINT, *PUINT;
typedef unsigned char UCHAR, *PUCHAR;
typedef unsigned short USHORT, *PUSHORT;
typedef unsigned int ULONG, *PULONG;
typedef int* LPLONG;
typedef float FLOAT, *PFLOAT;
typedef void* LPVOID;
typedef const void* LPCVOID;

typedef UINT_PTR WPARAM;
typedef LONG_PTR LPARAM;
typedef LONG_PTR LRESULT;
typedef WORD ATOM;

#define MAKEWORD(a, b) ((WORD)(((BYTE)((DWORD_PTR)(a)&0xff)) | (BYTE)((DWORD_PTR)(b)&0xff) << 8))
#define MAKELONG(a, b)                                                                             \
    ((int)(((WORD)((DWORD_PTR)(a)&0xffff)) | (DWORD)(WORD)((DWORD_PTR)(b)&0xffff) << 16))
#define LOWORD(l) ((WORD)((DWORD_PTR)(l)&0xffff))
#define HIWORD(l) ((WORD)(((DWORD_PTR)(l) >> 16) & 0xffff))
#define LOBYTE(w) ((BYTE)((DWORD_PTR)(w)&0xff))
#define HIBYTE(w) ((BYTE)(((DWORD_PTR)(w) >> 8) & 0xff))

#ifdef STRICT
#define DECLARE_HANDLE(name)                                                                       \
    struct name##__ {                                                                              \
        int unused;                                                                                \
    };                                                                                             \
    typedef struct name##__* name
#else
#define DECLARE_HANDLE(name) typedef void* name
#endif

typedef void **SPHANDLE, **LPHANDLE;
typedef void *HGLOBAL, *HLOCAL, *GLOBALHANDLE, *LOCALHANDLE;

DECLARE_HANDLE(HINSTANCE);
DECLARE_HANDLE(HKEY);
typedef HINSTANCE HMODULE;
typedef int HFILE;

/* Without a parameter list in C, as Windows code calls it with any; C++ and C23 have no such type.
 */
#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 202311L)
typedef INT_PTR(WINAPI* FARPROC)(void);
typedef INT_PTR(WINAPI* NEARPROC)(void);
typedef INT_PTR(WINAPI* PROC)(void);
#else
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
typedef INT_PTR(WINAPI* FARPROC)();
typedef INT_PTR(WINAPI* NEARPROC)();
typedef INT_PTR(WINAPI* PROC)();
#pragma GCC diagnostic pop
#endif

/* 100 ns units since 1601. Only 4-byte aligned: put the halves together, never cast (R-TYPES-14).
 */
typedef struct _FILETIME {
    DWORD dwLowDateTime;
    DWORD dwHighDateTime;
} FILETIME, *PFILETIME, *LPFILETIME;

#ifdef __cplusplus
}
#endif
#endif
