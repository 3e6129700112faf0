/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUID_DEFINED
#define GUID_DEFINED
#include <basetsd.h>

typedef struct _GUID {
    unsigned int Data1;
    unsigned short Data2;
    unsigned short Data3;
    unsigned char Data4[8];
} GUID;

#endif
