// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/gates.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <string>

using namespace rp::lab;

namespace {

observation good_open_loop() {
    observation seen;
    seen.open_loop = true;
    seen.window_seconds = 1;
    seen.measured_seconds = 1;
    seen.planned = 10'000;
    seen.submitted = 10'000;
    seen.completed = 10'000;
    seen.stalls_p99_ns = 1'000;
    seen.latency_p99_ns = 100'000;
    seen.drain_seconds = 0.001;
    seen.slice_medians_ns = {10, 11, 10, 12, 10, 11, 10, 12, 11, 10};
    return seen;
}

struct failing {
    const char* gate;
    verdict expected;
    std::function<void(observation&)> spoil;
    const char* reason;
};

} // namespace

TEST_CASE("gates: an undisturbed repetition is valid and has no reasons") {
    const observation seen = good_open_loop();
    const auto gates = evaluate_gates(seen, {});
    CHECK(verdict_of(seen, gates) == verdict::valid);
    CHECK(reasons_of(seen, gates).empty());
    CHECK(gates.size() == 8);
}

TEST_CASE("gates: each disturbance fails its gate, and its gate only") {
    const failing cases[] = {
        {"stalls",
         verdict::invalid,
         [](observation& s) { s.stalls_p99_ns = 20'001; },
         "generator stalled"},
        {"stalls",
         verdict::invalid,
         [](observation& s) {
             s.latency_p99_ns = 300'000;
             s.stalls_p99_ns = 30'001;
         },
         "generator stalled"},
        {"achieved", verdict::invalid, [](observation& s) { s.measured_seconds = 1.03; }, "off by"},
        {"achieved",
         verdict::invalid,
         [](observation& s) { s.submitted = s.completed = 9'700; },
         "off by 3.0 %"},
        {"interference", verdict::invalid, [](observation& s) { s.service_ratio = 1.2; }, "1.20 x"},
        {"interference", verdict::invalid, [](observation& s) { s.service_ratio = 0.8; }, "0.80 x"},
        {"lost_events", verdict::invalid, [](observation& s) { s.completed -= 1; }, "1 callbacks"},
        {"throttled", verdict::invalid, [](observation& s) { s.throttled = 1; }, "quota"},
        {"other_cpu", verdict::invalid, [](observation& s) { s.other_cpu = 0.2; }, "20 %"},
        {"stable", verdict::unstable, [](observation& s) { s.drain_seconds = 0.06; }, "backlog"},
        {"stationary",
         verdict::invalid,
         [](observation& s) {
             s.slice_medians_ns = {10, 11, 10, 11, 10, 20, 21, 20, 22, 20};
         },
         "factor of 2.0"},
        {"stationary",
         verdict::invalid,
         [](observation& s) {
             s.slice_medians_ns = {30, 31, 30, 31, 30, 20, 21, 20, 22, 20};
         },
         "factor of 1.5"},
    };
    for (const failing& one : cases) {
        CAPTURE(one.gate);
        CAPTURE(one.reason);
        observation seen = good_open_loop();
        one.spoil(seen);
        const auto gates = evaluate_gates(seen, {});
        for (const gate& g : gates) {
            CAPTURE(g.name);
            CHECK(g.passed == (g.name != one.gate));
        }
        CHECK(verdict_of(seen, gates) == one.expected);
        CHECK(reasons_of(seen, gates).find(one.reason) != std::string::npos);
    }
}

TEST_CASE("gates: halves that overlap or hardly differ are stationary") {
    observation seen = good_open_loop();
    seen.slice_medians_ns = {10, 10, 10, 10, 50, 20, 20, 20, 20, 20};
    CHECK(verdict_of(seen, evaluate_gates(seen, {})) == verdict::valid);
    seen.slice_medians_ns = {10, 10, 10, 10, 10, 11, 11, 11, 11, 11};
    CHECK(verdict_of(seen, evaluate_gates(seen, {})) == verdict::valid);
}

TEST_CASE("gates: a disturbed repetition with a backlog is invalid, not unstable") {
    observation seen = good_open_loop();
    seen.drain_seconds = 0.5;
    seen.service_ratio = 1.5;
    CHECK(verdict_of(seen, evaluate_gates(seen, {})) == verdict::invalid);
}

TEST_CASE("gates: a percentile is trusted up to the limit, or a tenth of itself") {
    CHECK(is_trusted(20'000, 1'000, {}));
    CHECK_FALSE(is_trusted(20'001, 1'000, {}));
    CHECK(is_trusted(100'000, 1'000'000, {}));
    CHECK_FALSE(is_trusted(100'001, 1'000'000, {}));
}

TEST_CASE("gates: the manifest's limits are the limits") {
    observation seen = good_open_loop();
    seen.stalls_p99_ns = 50'001;
    seen.throttled = 3;
    seen.slice_medians_ns = {10, 10, 10, 10, 10, 90, 90, 90, 90, 90};
    gate_limits loose;
    loose.stalls_ns = 60'000;
    loose.throttled = 3;
    loose.stationary = false;
    CHECK(verdict_of(seen, evaluate_gates(seen, loose)) == verdict::valid);
    CHECK(verdict_of(seen, evaluate_gates(seen, {})) == verdict::invalid);
}

TEST_CASE("gates: an error is a failure with the error as its reason, whatever else was seen") {
    observation seen = good_open_loop();
    seen.error = "io_uring: operation not permitted";
    const auto gates = evaluate_gates(seen, {});
    CHECK(verdict_of(seen, gates) == verdict::failed);
    CHECK(reasons_of(seen, gates) == seen.error);
}

TEST_CASE("gates: a closed loop is gated on its window, stalls, other processes and throttling") {
    observation seen;
    seen.window_seconds = 1;
    seen.measured_seconds = 1.01;
    CHECK(verdict_of(seen, evaluate_gates(seen, {})) == verdict::valid);
    seen.measured_seconds = 0.3;
    CHECK(verdict_of(seen, evaluate_gates(seen, {})) == verdict::invalid);
    seen.measured_seconds = 1;
    seen.other_cpu = 0.11;
    CHECK(verdict_of(seen, evaluate_gates(seen, {})) == verdict::invalid);
    seen.other_cpu = 0;
    seen.explained_share = 0.05;
    CHECK(verdict_of(seen, evaluate_gates(seen, {})) == verdict::invalid);
    CHECK(reasons_of(seen, evaluate_gates(seen, {})).find("stalled") != std::string::npos);
    seen.explained_share = 0.65;
    CHECK(verdict_of(seen, evaluate_gates(seen, {})) == verdict::valid);
    seen.throttled = 2;
    CHECK(verdict_of(seen, evaluate_gates(seen, {})) == verdict::invalid);
}
