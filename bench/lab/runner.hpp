// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/lab/manifest.hpp"

#include <string>
#include <vector>

namespace rp::lab {

struct run_options {
    manifest wanted;
    std::string filter;
    std::string directory;
    bool force = false;
    std::vector<std::string> command;
};

// Exit codes of the tool.
enum : int {
    exit_fine = 0,
    exit_failed = 1, // the disk is full, the data file cannot be made, ...
    exit_usage = 2,  // bad manifest or arguments
    exit_interrupted = 130,
    exit_terminated = 143,
};

// Measures everything, writes the files after each round, prints the tables. Answers the exit code.
int run_experiment(const run_options& options);

} // namespace rp::lab
