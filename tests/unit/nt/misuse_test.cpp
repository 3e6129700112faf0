// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/misuse.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <string>

using namespace rp::nt;

namespace {

struct report {
    unsigned code = 0;
    std::string function;
    const void* object = nullptr;
    ULONG_PTR detail = 0;
};

report last_report;

void remember_report(unsigned code, const char* function, const void* object, ULONG_PTR detail) {
    last_report = {code, function, object, detail};
}

} // namespace

TEST_CASE(
    "R-ERR-4: an installed handler gets status, function, object and detail, and may return") {
    const bool was_default = set_misuse_handler(remember_report) == nullptr;
    CHECK(was_default);
    int object = 0;
    fatal_misuse(0xC000000D, "SubmitThreadpoolWork", &object, 42, "the work object is NULL");
    CHECK(last_report.code == 0xC000000D);
    CHECK(last_report.function == "SubmitThreadpoolWork");
    CHECK(last_report.object == &object);
    CHECK(last_report.detail == 42);
    const bool was_ours = set_misuse_handler(nullptr) == remember_report;
    CHECK(was_ours);
}

TEST_CASE("R-ERR-4: the default handler prints one diagnosis and aborts") {
    int channel[2];
    REQUIRE(pipe(channel) == 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(channel[1], STDERR_FILENO);
        std::signal(SIGABRT, SIG_DFL);
        fatal_misuse(0xC000070A, "SetThreadpoolWait", nullptr, 7, "the handle is a mutex");
        _exit(0);
    }
    close(channel[1]);
    std::string text;
    std::array<char, 4096> piece;
    for (ssize_t bytes = 1; bytes > 0;) {
        bytes = read(channel[0], piece.data(), piece.size());
        text.append(piece.data(), bytes > 0 ? static_cast<size_t>(bytes) : 0);
    }
    close(channel[0]);
    int ended = 0;
    REQUIRE(waitpid(child, &ended, 0) == child);
    CHECK(WIFSIGNALED(ended));
    CHECK(WTERMSIG(ended) == SIGABRT);
    CHECK(text.find("misuse of SetThreadpoolWait: the handle is a mutex") != std::string::npos);
    CHECK(text.find("0xC000070A") != std::string::npos);
}
