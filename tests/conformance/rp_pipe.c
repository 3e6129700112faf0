// SPDX-License-Identifier: Apache-2.0
/* Named pipes: what is documented and Wine lets pass. */
#include "tests/conformance/fixture.h"

static HANDLE server_new(const char* name, DWORD mode, DWORD instances) {
    return CreateNamedPipeA(name, mode, PIPE_TYPE_BYTE, instances, 0, 0, 0, NULL);
}

TEST("W32-PIPE-1", "from 1 to 255 instances") {
    const char* name = "\\\\.\\pipe\\rpconf-count";
    CHECK(server_new(name, PIPE_ACCESS_DUPLEX, 0) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK(server_new(name, PIPE_ACCESS_DUPLEX, 256) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
}

TEST("W32-PIPE-1", "message mode and PIPE_NOWAIT are not supported") {
    const char* name = "\\\\.\\pipe\\rpconf-mode";
    const DWORD modes[] = {
        PIPE_TYPE_MESSAGE, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, PIPE_NOWAIT};
    for (int i = 0; i < 3; i++) {
        SetLastError(0);
        CHECK(CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX, modes[i], 1, 0, 0, 0, NULL) ==
              INVALID_HANDLE_VALUE);
        CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
    }
}

TEST("W32-PIPE-3", "FILE_FLAG_FIRST_PIPE_INSTANCE makes the first instance or none") {
    const char* name = "\\\\.\\pipe\\rpconf-first";
    const DWORD mode = PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE;
    HANDLE a = server_new(name, mode, 5);
    REQUIRE(a != INVALID_HANDLE_VALUE);
    CHECK(server_new(name, mode, 5) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_ACCESS_DENIED);
    CHECK(CloseHandle(a));
    a = server_new(name, mode, 5);
    CHECK(a != INVALID_HANDLE_VALUE);
    CHECK(CloseHandle(a));
}
