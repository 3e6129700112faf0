// SPDX-License-Identifier: Apache-2.0
// Hill climbing replayed on what three real runs measured, against moves reckoned independently.
#include "scheduler/controllers/hillclimb/controller.hpp"
#include "tests/unit/scheduler/hillclimb_recorded.hpp"

#include <doctest/doctest.h>

#include <iterator>
#include <memory>
#include <string>

using namespace rp::sched;

TEST_CASE("hillclimb: recorded series of threads and throughput give the published moves") {
    std::unique_ptr<controllers::hillclimb> climber;
    int runs = 0;
    int moves_up = 0;
    int carried = 0;
    std::string series;
    for (size_t i = 0; i < std::size(hillclimb_recorded); ++i) {
        const recorded_sample& row = hillclimb_recorded[i];
        CAPTURE(i);
        if (series != row.series) {
            series = row.series;
            climber = std::make_unique<controllers::hillclimb>();
            ++runs;
        }
        pool_sample s;
        s.dt_ns = row.dt_ns;
        s.tokens = row.threads;
        s.completions = row.completions;
        s.cpu_use = row.cpu_use;
        s.random = row.random;
        s.hard_maximum = 40;
        s.tokens_limit = 64;
        s.cpus = 2;
        const decision d = climber->sample(s);
        CHECK(d.tokens == row.next_threads);
        CHECK(climber->setting() == doctest::Approx(row.setting).epsilon(1e-6));
        if (row.move == -100) {
            CHECK(d.why == reason::warm_up);
            CHECK(d.next_sample_in_ns == controllers::hillclimb::sample_min_ns);
            ++carried;
        } else if (row.dt_ns != 0) {
            CHECK(climber->last_move() == doctest::Approx(row.move).epsilon(1e-6));
            moves_up += row.move > 0.1 ? 1 : 0;
        }
    }
    // The recordings hold what they are for: three loads, climbing, samples too small to count.
    CHECK(runs == 3);
    CHECK(moves_up > 50);
    CHECK(carried > 0);
}

TEST_CASE("hillclimb: no move up while the CPUs are saturated") {
    controllers::hillclimb climber;
    pool_sample s;
    s.hard_maximum = 40;
    s.tokens_limit = 64;
    s.cpus = 4;
    decision d = climber.sample(s);
    bool has_been_held = false;
    for (int i = 0; i < 64; ++i) {
        s.dt_ns = 100'000'000;
        s.tokens = d.tokens;
        s.completions = 1000 * d.tokens; // as if more threads did more
        s.cpu_use = 0.96;
        d = climber.sample(s);
        CHECK(climber.last_move() <= 0);
        has_been_held = has_been_held || d.why == reason::cpu_saturated;
    }
    CHECK(has_been_held);
    CHECK(climber.setting() <= 4.0);
}

TEST_CASE("hillclimb: at the minimum with a falling slope it waits up to ten times as long") {
    controllers::hillclimb climber;
    pool_sample s;
    s.hard_maximum = 40;
    s.tokens_limit = 64;
    s.cpus = 1;
    decision d = climber.sample(s);
    int64_t longest = 0;
    for (int i = 0; i < 64; ++i) {
        s.dt_ns = 100'000'000;
        s.tokens = d.tokens;
        s.completions = 4000 / d.tokens; // more threads harm
        s.random = 50;                   // 60 ms
        d = climber.sample(s);
        longest = std::max(longest, d.next_sample_in_ns);
    }
    CHECK(longest > 200'000'000);
    CHECK(longest <= 600'000'001);
}
