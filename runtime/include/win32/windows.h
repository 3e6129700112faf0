/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_WINDOWS_H
#define RINGPOOL_WIN32_WINDOWS_H
/* Everything a Windows source expects from <windows.h>, as far as ringpool has it. It is always as
 * lean as WIN32_LEAN_AND_MEAN asks for, and min and max are never macros, NOMINMAX or not. */
#include <sdkddkver.h>
#include <stdarg.h>
#include <winbase.h>
#include <windef.h>
#include <winerror.h>

#endif
