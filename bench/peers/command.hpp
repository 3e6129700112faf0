// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/peers/contest.hpp"

#include <cstdint>
#include <string>
#include <vector>

// `ringpool bench`.

namespace rp::peers {

struct bench_options {
    bool peers = false;
    bool quick = false;
    bool force = false;
    unsigned repetitions = 0; // 0: 9, or 3 when quick
    std::uint64_t seed = 1;
    std::vector<std::string> only;
    std::string out; // empty: results/bench-UTC-STAMP
    std::vector<std::string> command;
};

// Measures and prints; the exit code of the tool.
int run_bench(const bench_options& options);

// The same over given rows: what a test needs to bring an engine that answers wrongly.
int run_contests(const bench_options& options, const std::vector<contest>& contests);

// The shapes and families that --only takes, for its help and for the message when it fails.
std::string shape_names();

} // namespace rp::peers
