/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_WINDEF_H
#define RINGPOOL_WIN32_WINDEF_H
#include <minwindef.h>
#include <winnt.h>

#ifndef IN
#define IN
#endif
#ifndef OUT
#define OUT
#endif
#ifndef OPTIONAL
#define OPTIONAL
#endif

#endif
