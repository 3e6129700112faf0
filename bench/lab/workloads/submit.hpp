// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/lab/histogram.hpp"
#include "bench/lab/machine.hpp"
#include "bench/lab/schedule.hpp"
#include "bench/lab/work.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace rp::lab {

struct submit_spec {
    std::string policy;
    unsigned workers = 1;
    const schedule* plan = nullptr;
    const calibration* cost = nullptr;
    const cpu_split* cpus = nullptr;
    double stretch = 1; // capacity::stretch
};

struct submit_result {
    histogram latency_ns;  // completion minus intended arrival, measured part
    histogram lateness_ns; // actual minus intended submit, measured part
    histogram stalls_ns;   // the part of it for which the generator lost its CPU
    histogram queueing_ns; // start of the callback minus intended arrival, measured part
    std::vector<double> slice_medians_ns;
    std::uint64_t planned = 0;   // measured part
    std::uint64_t submitted = 0; // measured part
    std::uint64_t completed = 0; // measured part
    double window_seconds =
        0; // as it was: until the last arrival was submitted, at least as planned
    double drain_seconds = 0;
    double service_ratio = 1;
    double cpu_seconds = 0;                 // of everything but the generator, warm-up included
    std::uint64_t jobs = 0;                 // to divide cpu_seconds by: warm-up included
    std::map<std::string, double> counters; // of the pool: steals, parks, wakes, ...
    std::string error;
};

// Open loop: one generator thread submits each job of the schedule at its intended time with
// TrySubmitThreadpoolCallback, whether or not earlier ones have completed.
submit_result run_submit_cell(const submit_spec& spec);

} // namespace rp::lab
