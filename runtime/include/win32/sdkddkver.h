/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_SDKDDKVER_H
#define RINGPOOL_WIN32_SDKDDKVER_H
/* Which Windows a source is written for. A source may set _WIN32_WINNT before its first include;
 * it decides the version of TP_CALLBACK_ENVIRON (R-TYPES-6) and which functions are declared
 * (Vista, 7 and 8 each added some). */

#define _WIN32_WINNT_NT4 0x0400
#define _WIN32_WINNT_WIN2K 0x0500
#define _WIN32_WINNT_WINXP 0x0501
#define _WIN32_WINNT_WS03 0x0502
#define _WIN32_WINNT_WIN6 0x0600
#define _WIN32_WINNT_VISTA 0x0600
#define _WIN32_WINNT_WS08 0x0600
#define _WIN32_WINNT_LONGHORN 0x0600
#define _WIN32_WINNT_WIN7 0x0601
#define _WIN32_WINNT_WIN8 0x0602
#define _WIN32_WINNT_WINBLUE 0x0603
#define _WIN32_WINNT_WINTHRESHOLD 0x0A00
#define _WIN32_WINNT_WIN10 0x0A00

#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif
#ifndef WINVER
#define WINVER _WIN32_WINNT
#endif

#endif
