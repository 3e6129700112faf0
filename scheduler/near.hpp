// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which cores are near one another, by the caches and NUMA nodes of the CPUs behind them.
//
// Core c of a pool stands for the c-th CPU the process may use; with more cores than CPUs they
// wrap around. That holds only as far as workers stay there, see policy_defaults::keeps_near.
#include "kernel_iface/linux/topology.hpp"
#include "scheduler/policy.hpp"

#include <cstdint>
#include <vector>

namespace rp::sched {

/// For each CPU of `machine` all others, nearest first: same physical core, same last-level cache,
/// same NUMA node, the rest; equally near ones in cyclic order after it, so that not everyone
/// starts with the same neighbour.
[[nodiscard]] std::vector<std::vector<core_id>> neighbours_of(const kernel::topology& machine);

/// The k-th nearest other core of `self` among the first `cores`; every one of them is named for
/// some k below cores - 1. `self` when there is no other.
[[nodiscard]] core_id nearest_other_core(core_id self, uint32_t k, int32_t cores) noexcept;

/// The last-level cache domain of a core, and how many there are.
[[nodiscard]] int32_t cache_domain(core_id c) noexcept;
[[nodiscard]] int32_t cache_domains() noexcept;

/// Tells the calling thread to stay on the CPUs of a cache domain. Best effort.
void stay_in_cache_domain(int32_t domain) noexcept;

} // namespace rp::sched
