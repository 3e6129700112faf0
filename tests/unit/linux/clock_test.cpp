// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/clock.hpp"

#include <doctest/doctest.h>

#include <ctime>

using namespace rp::kernel;

TEST_SUITE("clock") {
    TEST_CASE("monotonic clocks do not run backwards and agree to within some ticks") {
        int64_t last_ns = now_ns();
        for (int i = 0; i < 1000; ++i) {
            const int64_t next_ns = now_ns();
            CHECK(next_ns >= last_ns);
            last_ns = next_ns;
        }
        const int64_t coarse_ns = now_coarse_ns();
        CHECK(coarse_ns <= now_ns());
        CHECK(last_ns - coarse_ns < 1'000'000'000);
    }

    TEST_CASE("utc_filetime counts 100 ns from 1601, so the Unix epoch is 116444736000000000") {
        const time_t before = time(nullptr);
        const int64_t filetime = utc_filetime();
        const time_t after = time(nullptr);
        const int64_t unix_s = (filetime - 116'444'736'000'000'000) / 10'000'000;
        CHECK(unix_s >= before - 1); // time() may lag by a tick
        CHECK(unix_s <= after + 1);
    }

    TEST_CASE("CPU clocks advance while a thread computes") {
        const int64_t thread_start_ns = thread_cpu_ns();
        const int64_t process_start_ns = process_cpu_ns();
        while (thread_cpu_ns() - thread_start_ns < 1'000'000) {
            cpu_relax();
        }
        CHECK(process_cpu_ns() - process_start_ns >= 900'000);
    }
}
