// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

// `ringpool_micro --ratios`: all engines in one process run, their repetitions interleaved in
// seeded random order, so that a noisy minute of the machine hits all of them.

namespace rp::micro {

struct ratio_options {
    unsigned repetitions = 9;
    std::uint64_t batch = 200'000;
    std::uint64_t seed = 1;
    std::string filter;    // only shapes whose name contains it
    std::string json_path; // empty: none
};

// Prints the table; the exit code of the process.
int run_ratios(const ratio_options& options);

} // namespace rp::micro
