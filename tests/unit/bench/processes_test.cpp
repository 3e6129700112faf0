// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/child.hpp"

#include <doctest/doctest.h>

#include <stdlib.h>

using namespace rp::peers;

TEST_CASE("processes: the last line of a program is its figure") {
    const sample found = ask_process({"sh", "-c", "echo starting; echo 12.5"}, {}, 20'000);
    CHECK(found.fault.empty());
    CHECK(found.value == 12.5);
    const sample windows = ask_process({"printf", "7.25\\r\\n"}, {}, 20'000);
    CHECK(windows.fault.empty());
    CHECK(windows.value == 7.25);
}

TEST_CASE("processes: the environment that was asked for replaces that of this process") {
    REQUIRE(setenv("RINGPOOL_UNIT_TEST", "8", 1) == 0);
    const auto ask = [](const char* script) {
        return ask_process({"sh", "-c", script}, {{"RINGPOOL_UNIT_TEST", "3"}}, 20'000);
    };
    CHECK(ask("echo $RINGPOOL_UNIT_TEST").value == 3);
    // A second one of the same name would be for the program to choose from.
    CHECK(ask("tr '\\0' '\\n' < /proc/$$/environ | grep -c ^RINGPOOL_UNIT_TEST=").value == 1);
    CHECK(ask("test -n \"$PATH\" && echo 1").value == 1);
    unsetenv("RINGPOOL_UNIT_TEST");
}

TEST_CASE("processes: a sentence, a bad exit code and a missing program are faults") {
    const sample sentence = ask_process({"echo", "2 of 10 tasks were lost"}, {}, 20'000);
    CHECK(sentence.fault.find("2 of 10 tasks were lost") != std::string::npos);
    const sample failed = ask_process({"sh", "-c", "echo 5; exit 3"}, {}, 20'000);
    CHECK(failed.fault.find("ended with 3") != std::string::npos);
    const sample killed = ask_process({"sh", "-c", "kill -9 $$"}, {}, 20'000);
    CHECK(killed.fault.find("signal 9") != std::string::npos);
    const sample missing = ask_process({"./no-such-program"}, {}, 20'000);
    CHECK_FALSE(missing.fault.empty());
}

TEST_CASE("processes: a program that does not end is ended") {
    const sample found = ask_process({"sleep", "60"}, {}, 50);
    CHECK(found.fault.find("no answer") != std::string::npos);
}
