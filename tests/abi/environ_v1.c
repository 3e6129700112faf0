/* SPDX-License-Identifier: Apache-2.0 */
/* A source written for Windows Vista gets environment version 1 (R-TYPES-6, R-ENV-4), and the word
 * behind it belongs to someone else. */
#define _WIN32_WINNT 0x0600
#include <windows.h>

#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(TP_CALLBACK_ENVIRON) == 0x40, "version 1 has 0x40 bytes");
_Static_assert(WINVER == 0x0600, "WINVER follows _WIN32_WINNT");

int main(void) {
    struct {
        TP_CALLBACK_ENVIRON environment;
        DWORD neighbour;
    } frame;

    memset(&frame, 0xCC, sizeof frame);
    InitializeThreadpoolEnvironment(&frame.environment);
    SetThreadpoolCallbackRunsLong(&frame.environment);
    if (frame.environment.Version != 1 || frame.environment.u.Flags != 1 ||
        frame.environment.Pool != NULL || frame.neighbour != 0xCCCCCCCCu) {
        printf("version %u, flags %#x, neighbour %#x\n",
               (unsigned)frame.environment.Version,
               (unsigned)frame.environment.u.Flags,
               (unsigned)frame.neighbour);
        return 1;
    }
    return 0;
}
