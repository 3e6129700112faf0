// SPDX-License-Identifier: Apache-2.0
#ifndef CONFORMANCE_DUMP_H
#define CONFORMANCE_DUMP_H
#include "tests/conformance/fixture.h"

#include <ringpool/ringpool.h>

#include <fcntl.h>
#include <unistd.h>

/* The page of rp_dump; it is there until the next one. */
static const char* dumped(void) {
    static char text[1 << 20];
    size_t size = 0;
    int ends[2];
    if (!CHECK_(pipe(ends) == 0))
        return text;
    (void)fcntl(ends[1], F_SETPIPE_SZ, sizeof text);
    CHECK(rp_dump(ends[1]));
    close(ends[1]);
    for (ssize_t n = 1; n > 0; size += n > 0 ? (size_t)n : 0)
        n = read(ends[0], text + size, sizeof text - 1 - size);
    text[size] = 0;
    close(ends[0]);
    return text;
}

#endif
