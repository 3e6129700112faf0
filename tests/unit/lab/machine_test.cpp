// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/machine.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using namespace rp::lab;

TEST_CASE(
    "machine: with two CPUs or more the last one is the generator's, the others the workers'") {
    const cpu_split split = split_cpus({0, 2, 5}, 0);
    CHECK(split.workers == std::vector<unsigned>{0, 2});
    CHECK(split.generator == std::vector<unsigned>{5});
    CHECK(split.default_workers() == 2);
    CHECK_FALSE(split.shared());
}

TEST_CASE("machine: one CPU is shared") {
    const cpu_split split = split_cpus({3}, 0);
    CHECK(split.workers == split.generator);
    CHECK(split.default_workers() == 1);
    CHECK(split.shared());
}

TEST_CASE("machine: a quota leaves the workers what the generator does not use") {
    const std::vector<unsigned> eight{0, 1, 2, 3, 4, 5, 6, 7};
    CHECK(split_cpus(eight, 3.5).workers == std::vector<unsigned>{0, 1, 2});
    CHECK(split_cpus(eight, 0.5).workers == std::vector<unsigned>{0});
    CHECK(split_cpus(eight, 100).workers.size() == 7);
    CHECK(split_cpus(eight, 3.5).generator == std::vector<unsigned>{7});
}

TEST_CASE("machine: confined restricts the calling thread and gives the old mask back") {
    const std::vector<unsigned> before = usable_cpus();
    {
        const confined here({before.front()});
        REQUIRE(here.succeeded());
        CHECK(usable_cpus() == std::vector<unsigned>{before.front()});
        std::vector<unsigned> inherited;
        std::thread([&] { inherited = usable_cpus(); }).join();
        CHECK(inherited == std::vector<unsigned>{before.front()});
    }
    CHECK(usable_cpus() == before);
}

TEST_CASE("machine: CPU time of this process counts as its own and as busy") {
    const std::vector<unsigned> cpus = usable_cpus();
    const disturbance before = read_disturbance(cpus);
    const double until = thread_cpu_seconds() + 0.05;
    while (thread_cpu_seconds() < until) {
        relax();
    }
    const disturbance after = read_disturbance(cpus);
    CHECK(after.own_seconds - before.own_seconds >= 0.05);
    CHECK(after.busy_seconds > before.busy_seconds);
    CHECK(after.throttled >= before.throttled);
}
