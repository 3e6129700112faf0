/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_BASETSD_H
#define RINGPOOL_WIN32_BASETSD_H
/* Integer types by width (R-TYPES-1). Every other header of this directory includes this one.
 *
 * Windows is LLP64: `long` has 32 bits there and 64 here. So everything Windows spells `long` is an
 * `int` here, and 64-bit integers are `long long` as there. Pointer-sized integers are `long`, so
 * that SIZE_T is the size_t of this platform and ULONG_PTR its uintptr_t. */

#if !defined(__LP64__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "ringpool's Win32 headers describe a 64-bit little-endian (LP64) platform"
#endif

/* Lets a source tell "Win32 API on Linux" from Windows. _WIN32 stays undefined: every portable
 * library would take its Windows branch. */
#define RINGPOOL_WIN32_COMPAT 1

#ifndef __int8
#define __int8 char
#endif
#ifndef __int16
#define __int16 short
#endif
#ifndef __int32
#define __int32 int
#endif
#ifndef __int64
#define __int64 long long
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef signed char INT8, *PINT8;
typedef short INT16, *PINT16;
typedef int INT32, *PINT32;
typedef long long INT64, *PINT64;
typedef unsigned char UINT8, *PUINT8;
typedef unsigned short UINT16, *PUINT16;
typedef unsigned int UINT32, *PUINT32;
typedef unsigned long long UINT64, *PUINT64;

typedef int LONG32, *PLONG32;
typedef unsigned int ULONG32, *PULONG32;
typedef unsigned int DWORD32, *PDWORD32;
typedef long long LONG64, *PLONG64;
typedef unsigned long long ULONG64, *PULONG64;
typedef unsigned long long DWORD64, *PDWORD64;

typedef long INT_PTR, *PINT_PTR;
typedef unsigned long UINT_PTR, *PUINT_PTR;
typedef long LONG_PTR, *PLONG_PTR;
typedef unsigned long ULONG_PTR, *PULONG_PTR;
typedef ULONG_PTR DWORD_PTR, *PDWORD_PTR;
typedef ULONG_PTR SIZE_T, *PSIZE_T;
typedef LONG_PTR SSIZE_T, *PSSIZE_T;
typedef ULONG_PTR KAFFINITY, *PKAFFINITY;

#define MAXUINT8 ((UINT8)0xFF)
#define MAXUINT16 ((UINT16)0xFFFF)
#define MAXUINT32 ((UINT32)0xFFFFFFFFu)
#define MAXUINT64 ((UINT64)0xFFFFFFFFFFFFFFFFull)
#define MAXINT32 ((INT32)0x7FFFFFFF)
#define MAXINT64 ((INT64)0x7FFFFFFFFFFFFFFFll)
#define MAXULONG32 ((ULONG32)0xFFFFFFFFu)
#define MAXULONG64 ((ULONG64)0xFFFFFFFFFFFFFFFFull)
#define MAXULONG_PTR (~(ULONG_PTR)0)
#define MAXLONG_PTR ((LONG_PTR)(MAXULONG_PTR >> 1))
#define MINLONG_PTR (~MAXLONG_PTR)
#define MAXSIZE_T (~(SIZE_T)0)

#define HandleToULong(h) ((unsigned int)(ULONG_PTR)(h))
#define HandleToUlong(h) HandleToULong(h)
#define HandleToLong(h) ((int)(LONG_PTR)(h))
#define ULongToHandle(ul) ((void*)(ULONG_PTR)(unsigned int)(ul))
#define UlongToHandle(ul) ULongToHandle(ul)
#define LongToHandle(l) ((void*)(LONG_PTR)(int)(l))
#define PtrToUlong(p) ((unsigned int)(ULONG_PTR)(p))
#define PtrToLong(p) ((int)(LONG_PTR)(p))
#define PtrToUint(p) ((unsigned int)(UINT_PTR)(p))
#define PtrToInt(p) ((int)(INT_PTR)(p))
#define UlongToPtr(ul) ((void*)(ULONG_PTR)(unsigned int)(ul))
#define LongToPtr(l) ((void*)(LONG_PTR)(int)(l))
#define UintToPtr(ui) ((void*)(UINT_PTR)(unsigned int)(ui))
#define IntToPtr(i) ((void*)(INT_PTR)(int)(i))

#ifdef __cplusplus
}
#endif
#endif
