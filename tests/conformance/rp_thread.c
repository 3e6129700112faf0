// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/fixture.h"

TEST("W32-THREAD-1", "unknown creation flags and a missing routine fail with 87") {
    CHECK_FAILS(CreateThread(NULL, 0, NULL, NULL, 0, NULL), ERROR_INVALID_PARAMETER);
}
