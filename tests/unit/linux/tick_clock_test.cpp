// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/tick_clock.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

using namespace rp::kernel;

TEST_CASE("tick clock: ticks never go back, and map to CLOCK_MONOTONIC in their order") {
    tick_clock::prepare();
    uint64_t before = tick_clock::now();
    for (int i = 0; i < 100'000; ++i) {
        const uint64_t now = tick_clock::now();
        REQUIRE(now >= before);
        REQUIRE(tick_clock::to_ns(now) >= tick_clock::to_ns(before));
        before = now;
    }
}

TEST_CASE("tick clock: a tick lies between two readings of CLOCK_MONOTONIC, to 1 part in 1000") {
    tick_clock::prepare();
    const int64_t earlier = now_ns();
    const int64_t ns = tick_clock::to_ns(tick_clock::now());
    const int64_t later = now_ns();
    const int64_t slack = 1'000'000; // of a process that is seconds old
    CHECK(ns >= earlier - slack);
    CHECK(ns <= later + slack);
}

TEST_CASE("tick clock: durations become ticks and back") {
    tick_clock::prepare();
    const uint64_t origin = tick_clock::now();
    for (const int64_t ns : {1'000, 1'000'000, 1'000'000'000}) {
        const uint64_t ticks = tick_clock::duration_ticks(ns);
        const int64_t back = tick_clock::to_ns(origin + ticks) - tick_clock::to_ns(origin);
        CHECK(std::llabs(back - ns) <= 20 + ns / 1'000'000);
    }
    CHECK(tick_clock::duration_ticks(-5) == 0);
    const std::string source = tick_clock::source();
    CHECK((source == "tsc" || source == "clock_monotonic"));
}
