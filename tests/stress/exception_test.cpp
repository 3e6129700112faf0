// SPDX-License-Identifier: Apache-2.0
// A C++ exception that leaves a callback. It ends a process, so this one starts another.
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
    constexpr const char* child_mark = "RINGPOOL_TEST_CHILD";
    if (std::getenv(child_mark) != nullptr) {
        std::set_terminate(leave_with_42);
        alarm(20);
        TrySubmitThreadpoolCallback(throw_up, nullptr, nullptr);
        Sleep(INFINITE);
    }
    setenv(child_mark, "1", 1);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        // A new program, because a forked one has the locks of other threads (a sanitizer's
        // allocator) as they were at that instant.
        execl("/proc/self/exe",
              "stress",
              "--no-intro",
              "--source-file=*/stress/exception_test.cpp",
              static_cast<char*>(nullptr));
        _exit(127);
    }
    unsetenv(child_mark);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 42);
}
