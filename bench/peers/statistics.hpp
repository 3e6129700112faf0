// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/peers/shapes.hpp"

#include <optional>
#include <string>
#include <vector>

// What a comparison found, and the figures that are made of it.
//
// A repetition measures every engine of a row once, in random order, so what disturbs a repetition
// disturbs all of them alike. That is why ratios are taken inside each repetition and their median
// is reported: a ratio of two medians would compare different minutes.

namespace rp::peers {

struct series {
    std::string engine;
    role part = role::peer;
    std::vector<std::optional<double>> values; // by repetition; nothing: not measured
    std::string fault;       // of the first repetition in which the engine's answer was wrong
    std::string absent;      // why it is not compared here
    std::string missed = {}; // why the latest repetition without a value has none
};

enum class better { less, more };

struct row_result {
    std::string shape;
    std::string family; // of shapes that differ in a number: read_cached_qd32 is a read_cached
    unsigned workers = 1;
    std::string unit; // "ns", "1/s"
    better sense = better::less;
    std::vector<series> engines;
    std::string skipped; // why nothing was measured

    [[nodiscard]] const series* named(const std::string& engine) const;
};

// Of a non-empty list.
double median(std::vector<double> values);

struct spread {
    double low = 0;
    double median = 0;
    double high = 0;
    std::size_t count = 0;
};

std::optional<spread> spread_of(const series& of);

// Median of above / below over the repetitions that have both.
std::optional<double> paired_ratio(const series& above, const series& below);

// The engine under test; nullptr if it was not measured.
const series* ours_in(const row_result& row);

// The one with the best median among the peers, or among the limits, that answered rightly.
const series* best_of(const row_result& row, role part);

// How many times better than a peer: above 1 the engine under test wins, whatever the unit.
std::optional<double> times_better(const row_result& row, const series& than);

// The engine under test over the limit: times its time, or the share of its throughput.
std::optional<double> over_limit(const row_result& row, const series& limit);

} // namespace rp::peers
