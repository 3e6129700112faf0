// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/lab/manifest.hpp"

#include <cstdint>
#include <string>
#include <vector>

// What must hold for a repetition to be a result. The numbers of one that fails are kept as raw
// data, but no table, curve or summary prints them as if they were a result.

namespace rp::lab {

enum class verdict : std::uint8_t {
    valid,
    invalid,  // the measurement was disturbed: says nothing about the engine
    unstable, // offered more than the engine carried: has no percentiles
    failed,   // the engine could not be measured at all
};

const char* name_of(verdict value) noexcept;

struct gate {
    std::string name;
    double value = 0;
    double limit = 0;
    bool passed = true;
    std::string reason; // empty when passed
};

struct observation {
    bool open_loop = false;
    std::string error;
    std::uint64_t throttled = 0;
    double other_cpu = 0;        // share of our CPUs' time that went to other processes
    double window_seconds = 0;   // as planned
    double measured_seconds = 0; // as it was

    // Closed loop only: Little's law, throughput x mean latency / operations in flight. Near 1;
    // what is missing is time between operations, or operations that never came back.
    double explained_share = 1;

    // Open loop only.
    std::uint64_t planned = 0;
    std::uint64_t submitted = 0;
    std::uint64_t completed = 0;
    double stalls_p99_ns = 0; // how late the generator was through no fault of the pool
    double latency_p99_ns = 0;
    double drain_seconds = 0;             // from the last planned arrival to the last completion
    double service_ratio = 1;             // time on the CPU's wall clock over calibrated time
    std::vector<double> slice_medians_ns; // latency medians of ten equal slices of the window
};

// The generator's own delay is part of the latency it measures. A percentile of the latency is
// reported when the same percentile of that delay is within the limit, or at most a tenth of it.
bool is_trusted(double stall_ns, double latency_ns, const gate_limits& limits) noexcept;

std::vector<gate> evaluate_gates(const observation& seen, const gate_limits& limits);
verdict verdict_of(const observation& seen, const std::vector<gate>& gates);

// The reasons of the gates that failed, joined; the error if there is one.
std::string reasons_of(const observation& seen, const std::vector<gate>& gates);

} // namespace rp::lab
