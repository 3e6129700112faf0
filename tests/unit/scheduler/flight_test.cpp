// SPDX-License-Identifier: Apache-2.0
// The settings of the flight recorder; what it writes is tested from outside (tests/sight).
#include "scheduler/sight/flight.hpp"

#include <doctest/doctest.h>

using namespace rp::sched;

TEST_CASE("flight: settings in any order, with every unit") {
    flight::settings s;
    std::string problem;
    REQUIRE(flight::parse("threshold=5ms,file=/a/b.json", s, problem));
    CHECK(s.threshold_ns == 5'000'000);
    CHECK(s.keep_ns == 50'000'000);
    CHECK(s.file == "/a/b.json");
    REQUIRE(flight::parse("file=x,keep=2s,threshold=250us", s, problem));
    CHECK(s.threshold_ns == 250'000);
    CHECK(s.keep_ns == 2'000'000'000);
    REQUIRE(flight::parse("file=x,threshold=900ns", s, problem));
    CHECK(s.threshold_ns == 900);
}

TEST_CASE("flight: each bad setting is named, with what to write instead") {
    struct {
        const char* text;
        const char* named;
    } const cases[] = {
        {"", "file is missing"},
        {"threshold=5ms", "file is missing"},
        {"file=x", "threshold is missing"},
        {"threshold=5,file=x", "threshold=5:"},
        {"threshold=0ms,file=x", "threshold=0ms:"},
        {"threshold=-5ms,file=x", "threshold=-5ms:"},
        {"threshold=1.5ms,file=x", "threshold=1.5ms:"},
        {"threshold=5 ms,file=x", "threshold=5 ms:"},
        {"threshold=5ms,file=x,keep=2h", "keep=2h:"},
        {"threshold=3601s,file=x", "threshold=3601s:"},
        {"threshold=99999999999999999999s,file=x", "threshold=9999"},
        {"threshold=5ms,file=", "'file='"},
        {"threshold=5ms,file=x,colour=red", "'colour=red'"},
        {"threshold=5ms,,file=x", "''"},
    };

    for (const auto& c : cases) {
        CAPTURE(c.text);
        flight::settings s;
        s.file = "untouched";
        std::string problem;
        CHECK_FALSE(flight::parse(c.text, s, problem));
        CHECK(problem.find(c.named) != std::string::npos);
        CHECK(problem.find("threshold=5ms,file=PATH[,keep=50ms]") != std::string::npos);
        CHECK(s.file == "untouched");
    }
}

TEST_CASE("flight: an item's age survives the wrap of its stamp") {
    const uint64_t shortly_before = (uint64_t{1} << 42U) - 4096;
    const uint64_t shortly_after = (uint64_t{1} << 42U) + 4096;
    const uint32_t age = flight::stamp(shortly_after) - flight::stamp(shortly_before);
    CHECK((uint64_t{age} << 10U) == 8192);
    CHECK(flight::stamp(0) != 0);
}
