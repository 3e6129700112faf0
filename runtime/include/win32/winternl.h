/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_WINTERNL_H
#define RINGPOOL_WIN32_WINTERNL_H
/* NTSTATUS and its severities (R-ERR-3): top two bits 00 success, 01 information, 10 warning,
 * 11 error. */
#include <windef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef LONG NTSTATUS, *PNTSTATUS;

#ifdef __cplusplus
}
#endif

#define NT_SUCCESS(Status) (((NTSTATUS)(Status)) >= 0)
#define NT_INFORMATION(Status) ((((ULONG)(Status)) >> 30) == 1)
#define NT_WARNING(Status) ((((ULONG)(Status)) >> 30) == 2)
#define NT_ERROR(Status) ((((ULONG)(Status)) >> 30) == 3)

#endif
