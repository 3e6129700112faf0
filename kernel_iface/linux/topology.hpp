// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which CPUs this process may use: affinity ∩ cpuset ∩ cgroup quota.
#include <string>
#include <vector>

namespace rp::kernel {

struct cpu_info {
    int cpu = 0; ///< kernel CPU number
    int package = 0;
    int core = 0; ///< physical core id within the package
    int llc = 0;  ///< dense id of the last-level cache domain
    int node = 0; ///< NUMA node
};

struct topology {
    std::vector<cpu_info> cpus; ///< those the affinity mask (already cut to the cpuset) allows
    double quota_cpus = 0; ///< cgroup v1 or v2 CPU quota in CPUs, the tightest up the tree; 0: none
    unsigned usable = 1; ///< min(cpus.size(), ceil(quota)), at least 1: how many cores a pool gets
    [[nodiscard]] std::string describe() const;
};

/// Reads the machine; `root` is prefixed to /sys and /proc paths so tests can supply a fake tree.
topology read_topology(const std::string& root = "");
/// Read once per process. RINGPOOL_CPUS=n overrides `usable` (for experiments and tests).
const topology& machine_topology();

} // namespace rp::kernel
