// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/lab/machine.hpp"
#include "bench/lab/schedule.hpp"

#include <cstdint>
#include <vector>

// The work a job does, and what it costs on this machine.
//
// A job runs a number of iterations of a dependent multiply-add chain. That measures work: a job
// that is preempted, or slowed down by its neighbour, ends later. Spinning until a clock says so
// would measure occupancy, and a preempted job would end on time.

namespace rp::lab {

inline std::uint64_t do_work(std::uint64_t iterations, std::uint64_t value) noexcept {
    for (; iterations != 0; --iterations) {
        value = value * 6364136223846793005U + 1442695040888963407U;
        asm("" : "+r"(value)); // the chain stays a chain: no unrolling by closed form
    }
    return value;
}

struct capacity {
    service_spec service;
    unsigned workers = 1;
    double per_second = 0; // jobs, closed loop, no pool: plain threads that do job after job
    double spread = 0;     // (highest - lowest) / median of the trials

    // What one job costs here over its nominal work: the clock readings and the store around it.
    [[nodiscard]] double stretch() const noexcept {
        return static_cast<double>(workers) * 1e9 / (per_second * service.mean());
    }
};

struct calibration {
    double ns_per_iteration = 0; // median of the samples
    double fastest = 0;
    double slowest = 0;
    double clock_ns = 0; // one reading of the clock
    std::vector<capacity> capacities;

    [[nodiscard]] std::uint64_t iterations(double ns) const noexcept {
        return ns <= 0 ? 1 : static_cast<std::uint64_t>(ns / ns_per_iteration) + 1;
    }
};

// On a worker's CPU, once per run.
calibration calibrate_work(const cpu_split& cpus);

// Closed loop on `workers` threads confined to the workers' CPUs while a thread spins on the
// generator's, as it will later: what the machine gives to this service when no pool is in the way.
capacity calibrate_capacity(const calibration& cost,
                            const cpu_split& cpus,
                            const service_spec& service,
                            unsigned workers,
                            std::uint64_t seed);

} // namespace rp::lab
