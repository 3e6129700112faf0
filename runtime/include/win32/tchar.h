/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_TCHAR_H
#define RINGPOOL_WIN32_TCHAR_H
/* Generic text, narrow only: the C library of this platform has no functions for 16-bit strings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#ifdef _UNICODE
#error "ringpool: <tchar.h> is narrow on this platform; build without _UNICODE"
#endif

#ifndef _TCHAR_DEFINED
#define _TCHAR_DEFINED
typedef char TCHAR, *PTCHAR;
#endif
typedef char _TCHAR;
typedef int _TINT;

#define __T(x) x
#define _T(x) __T(x)
#define _TEXT(x) __T(x)

#define _tmain main
#define _TEOF EOF

#define _tprintf printf
#define _ftprintf fprintf
#define _vtprintf vprintf
#define _vftprintf vfprintf
#define _sntprintf snprintf
#define _stprintf sprintf
#define _tscanf scanf
#define _stscanf sscanf
#define _tfopen fopen
#define _tperror perror
#define _putts puts
#define _puttchar putchar
#define _puttc putc
#define _fputts fputs
#define _fgetts fgets
#define _gettc getc
#define _gettchar getchar

#define _tcslen strlen
#define _tcsnlen strnlen
#define _tcscpy strcpy
#define _tcsncpy strncpy
#define _tcscat strcat
#define _tcsncat strncat
#define _tcscmp strcmp
#define _tcsncmp strncmp
#define _tcsicmp strcasecmp
#define _tcsnicmp strncasecmp
#define _tcschr strchr
#define _tcsrchr strrchr
#define _tcsstr strstr
#define _tcsdup strdup
#define _tcstok strtok
#define _tcstol strtol
#define _tcstoul strtoul
#define _tcstod strtod
#define _ttoi atoi
#define _ttol atol
#define _tgetenv getenv
#define _tsystem system

#endif
