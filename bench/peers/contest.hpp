// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/peers/statistics.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

// One row of the comparison before it is measured: the same work, once for each engine.

namespace rp::peers {

struct sample {
    double value = 0;  // in the unit of the contest
    std::string fault; // a sentence when the engine's answer was wrong; then there is no value
    // Why this repetition has no value though nothing was wrong: a machine that gave the engine no
    // time at all.
    std::string missed = {};
};

struct contestant {
    std::string engine;
    role part = role::peer;
    // One repetition: builds the engine, warms it up, measures, tears it down. The seed is the same
    // for all engines of a repetition.
    std::function<sample(std::uint64_t seed)> measure;
    std::string absent; // why it cannot be measured here; empty: it can
};

struct contest {
    std::string shape;
    std::string family;
    unsigned workers = 1;
    std::string unit = "ns";
    better sense = better::less;
    double seconds = 0.1; // what one measurement is expected to take
    std::vector<contestant> contestants;
    // Called once before the first measurement; a sentence says why there can be none.
    std::function<std::string()> prepare;

    [[nodiscard]] std::string name() const;
};

struct bench_settings {
    bool quick = false;
    bool peers = false;
    std::string directory; // for data files
};

// Everything that can be compared, in the order in which it is. Cheap: nothing is made or started.
std::vector<contest> all_contests(const bench_settings& settings);

void add_task_shapes(std::vector<contest>& to, const bench_settings& settings);
void add_idle_wake(std::vector<contest>& to, const bench_settings& settings);
void add_timers(std::vector<contest>& to, const bench_settings& settings);
void add_event_wait(std::vector<contest>& to, const bench_settings& settings);
void add_transfers(std::vector<contest>& to, const bench_settings& settings);
void add_win32(std::vector<contest>& to, const bench_settings& settings);

// Those whose shape or family is named; all without a name. A name that nothing has is answered in
// `unknown`.
std::vector<contest>
select(std::vector<contest> from, const std::vector<std::string>& only, std::string& unknown);

// Called before each measurement; false ends the contest.
using go_on = std::function<bool(const contestant& next)>;

// Measures every engine `repetitions` times, each repetition in an order of its own that follows
// from the seed. An engine whose answer was wrong is not asked again.
row_result hold(const contest& which, unsigned repetitions, std::uint64_t seed, const go_on& next);

} // namespace rp::peers
