// SPDX-License-Identifier: Apache-2.0
// A C++ exception that leaves a callback. It ends a process, so this one forks before it has a
// pool.
#include "tests/unit/unit_test.hpp"

#include <windows.h>

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <stdexcept>

namespace {

[[noreturn]] void leave_with_42() {
    _exit(42);
}

VOID CALLBACK throw_up(PTP_CALLBACK_INSTANCE, PVOID) {
    throw std::runtime_error("left a callback");
}

} // namespace

TEST_CASE("R-LIFE-22: an exception that leaves a callback reaches std::terminate") {
#if defined(__SANITIZE_THREAD__)
    rp::test::skip_missing("a thread sanitizer that follows fork");
    return;
#endif
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::set_terminate(leave_with_42);
        alarm(20);
        TrySubmitThreadpoolCallback(throw_up, nullptr, nullptr);
        Sleep(INFINITE);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 42);
}
