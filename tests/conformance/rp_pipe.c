// SPDX-License-Identifier: Apache-2.0
/* Named pipes: what is not supported, and what the documentation leaves open. */
#include "tests/conformance/fixture.h"

static HANDLE server_new(const char* name, DWORD mode, DWORD instances) {
    return CreateNamedPipeA(name, mode, PIPE_TYPE_BYTE, instances, 0, 0, 0, NULL);
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

TEST("R-CANCEL-1", "closing the server's handle cancels what it waits for: 995") {
    const char* name = "\\\\.\\pipe\\rpconf-close";
    OVERLAPPED* ov = fresh(3 * sizeof *ov);
    char* byte = fresh(1);
    for (int i = 0; i < 3; i++)
        ov[i].hEvent = manual_event();
    HANDLE s = server_new(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 2);
    CHECK_FAILS(ConnectNamedPipe(s, &ov[0]), ERROR_IO_PENDING);
    CHECK_FAILS(ConnectNamedPipe(s, &ov[1]), ERROR_PIPE_LISTENING);
    CHECK(CloseHandle(s));
    CHECK(signaled(ov[0].hEvent));
    CHECK_EQ((DWORD)ov[0].Internal, 0xC0000120);
    s = server_new(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 2);
    HANDLE c = CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    REQUIRE(c != INVALID_HANDLE_VALUE);
    CHECK_FAILS(ReadFile(s, byte, 1, NULL, &ov[2]), ERROR_IO_PENDING);
    CHECK(CloseHandle(s));
    CHECK(signaled(ov[2].hEvent));
    CHECK_EQ((DWORD)ov[2].Internal, 0xC0000120);
    for (int i = 0; i < 3; i++)
        CHECK(CloseHandle(ov[i].hEvent));
    CHECK(CloseHandle(c));
}

TEST("W32-PIPE-8", "DisconnectNamedPipe while ConnectNamedPipe waits ends it with 233") {
    const char* name = "\\\\.\\pipe\\rpconf-listen";
    OVERLAPPED* ov = fresh(sizeof *ov);
    DWORD bytes;
    ov->hEvent = manual_event();
    HANDLE s = server_new(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 1);
    CHECK_FAILS(ConnectNamedPipe(s, ov), ERROR_IO_PENDING);
    CHECK(DisconnectNamedPipe(s));
    CHECK_FAILS(GetOverlappedResult(s, ov, &bytes, TRUE), ERROR_PIPE_NOT_CONNECTED);
    CHECK_FAILS(ConnectNamedPipe(s, ov), ERROR_IO_PENDING);
    HANDLE c = CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(c != INVALID_HANDLE_VALUE);
    CHECK(GetOverlappedResult(s, ov, &bytes, TRUE));
    CHECK(CloseHandle(ov->hEvent));
    CHECK(CloseHandle(c));
    CHECK(CloseHandle(s));
}

static counter is_busy;

static void burn(void* unused) {
    (void)unused;
    while (count(&is_busy))
        YieldProcessor();
}

/* DisconnectNamedPipe returns as soon as the operation is over: the thread that ends it is then
 * often still at it, above all while others want the processors. */
TEST("R-OVL-6", "an OVERLAPPED and its event can be used again once the status is final") {
    struct helper* load[4];
    char name[64];
    OVERLAPPED* ov = fresh(sizeof *ov);
    DWORD bytes;
    ov->hEvent = manual_event();
    InterlockedExchange(&is_busy, 1);
    for (int i = 0; i < 4; i++)
        load[i] = helper_start(burn, NULL);
    for (int i = 0; i < 1500; i++) {
        snprintf(name, sizeof name, "\\\\.\\pipe\\rpconf-again-%d", i);
        HANDLE s = server_new(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 1);
        CHECK_FAILS(ConnectNamedPipe(s, ov), ERROR_IO_PENDING);
        CHECK(DisconnectNamedPipe(s));
        CHECK(HasOverlappedIoCompleted(ov));
        CHECK_FAILS(ConnectNamedPipe(s, ov), ERROR_IO_PENDING);
        HANDLE c = CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
        CHECK(c != INVALID_HANDLE_VALUE);
        REQUIRE(GetOverlappedResult(s, ov, &bytes, TRUE));
        CHECK(CloseHandle(c));
        CHECK(CloseHandle(s));
    }
    InterlockedExchange(&is_busy, 0);
    for (int i = 0; i < 4; i++)
        CHECK(helper_join(load[i]));
    CHECK(CloseHandle(ov->hEvent));
}
