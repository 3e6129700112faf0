// SPDX-License-Identifier: Apache-2.0
#include "scheduler/near.hpp"

#include "kernel_iface/linux/thread.hpp"

#include <algorithm>
#include <numeric>
#include <set>

namespace rp::sched {

namespace {

int distance(const kernel::cpu_info& a, const kernel::cpu_info& b) {
    if (a.package == b.package && a.core == b.core) {
        return 0;
    }
    if (a.llc == b.llc) {
        return 1;
    }
    return a.node == b.node ? 2 : 3;
}

struct map {
    std::vector<std::vector<core_id>> neighbours;
    std::vector<int32_t> domains; // of each CPU
    int32_t domain_count = 1;

    map() {
        const kernel::topology& machine = kernel::machine_topology();
        neighbours = neighbours_of(machine);
        std::set<int32_t> all;
        for (const kernel::cpu_info& cpu : machine.cpus) {
            domains.push_back(cpu.llc);
            all.insert(cpu.llc);
        }
        domain_count = static_cast<int32_t>(std::max<size_t>(all.size(), 1));
    }
};

const map& machine_map() noexcept {
    static const auto* const the_map = new map; // never destroyed: workers outlive static objects
    return *the_map;
}

} // namespace

std::vector<std::vector<core_id>> neighbours_of(const kernel::topology& machine) {
    const size_t count = machine.cpus.size();
    std::vector<std::vector<core_id>> all(count);
    for (size_t self = 0; self < count; ++self) {
        std::vector<core_id>& order = all[self];
        for (size_t k = 1; k < count; ++k) {
            order.push_back(static_cast<core_id>((self + k) % count));
        }
        std::stable_sort(order.begin(), order.end(), [&](core_id a, core_id b) {
            return distance(machine.cpus[self], machine.cpus[static_cast<size_t>(a)]) <
                   distance(machine.cpus[self], machine.cpus[static_cast<size_t>(b)]);
        });
    }
    return all;
}

core_id nearest_other_core(core_id self, uint32_t k, int32_t cores) noexcept {
    if (cores < 2) {
        return self;
    }
    const auto& neighbours = machine_map().neighbours;
    const auto known = static_cast<core_id>(neighbours.size());
    if (cores == known && self < known) {
        return neighbours[static_cast<size_t>(self)][k % static_cast<uint32_t>(cores - 1)];
    }
    // Fewer or more cores than CPUs: who is near whom is not known, so the order is cyclic.
    return static_cast<core_id>(
        (static_cast<uint32_t>(self) + 1 + k % static_cast<uint32_t>(cores - 1)) %
        static_cast<uint32_t>(cores));
}

int32_t cache_domain(core_id c) noexcept {
    const auto& domains = machine_map().domains;
    return domains.empty() ? 0 : domains[static_cast<size_t>(c) % domains.size()];
}

int32_t cache_domains() noexcept {
    return machine_map().domain_count;
}

void stay_in_cache_domain(int32_t domain) noexcept {
    std::vector<int> cpus;
    for (const kernel::cpu_info& cpu : kernel::machine_topology().cpus) {
        if (cpu.llc == domain) {
            cpus.push_back(cpu.cpu);
        }
    }
    kernel::keep_thread_on(cpus);
}

} // namespace rp::sched
