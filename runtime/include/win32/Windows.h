/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_WINDOWS_H_CAPITAL
#define RINGPOOL_WIN32_WINDOWS_H_CAPITAL
/* The other spelling Windows sources use; file names are case-sensitive here. */
#include <windows.h>
#endif
