/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs under observation do when a call fails: say so, and end. */
#pragma once
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>

static void need(int is_true, const char* what) {
    if (!is_true) {
        fprintf(stderr, "%s failed, error %u\n", what, (unsigned)GetLastError());
        exit(1);
    }
}
