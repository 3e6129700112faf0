// SPDX-License-Identifier: Apache-2.0
#include "scheduler/near.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace rp;
using namespace rp::sched;

namespace {

/// Two NUMA nodes with two last-level caches each, two physical cores behind each cache, two
/// threads on each core; numbered as Linux does, all first threads before all second ones.
kernel::topology two_nodes() {
    kernel::topology t;
    for (int thread = 0; thread < 2; ++thread) {
        for (int core = 0; core < 8; ++core) {
            t.cpus.push_back({thread * 8 + core, core / 4, core, core / 2, core / 4});
        }
    }
    t.usable = 16;
    return t;
}

} // namespace

TEST_CASE("near: the sibling thread, then the cache, then the node, then the rest") {
    const auto order = neighbours_of(two_nodes());
    REQUIRE(order.size() == 16);
    for (core_id self = 0; self < 16; ++self) {
        CAPTURE(self);
        const auto& mine = order[static_cast<size_t>(self)];
        REQUIRE(std::set<core_id>(mine.begin(), mine.end()).size() == 15);
        CHECK(mine[0] == (self + 8) % 16); // the other thread of its core
        for (size_t k = 1; k <= 2; ++k) {  // its cache's other core
            CHECK(mine[k] % 8 == (self % 8 ^ 1));
        }
        for (size_t k = 3; k <= 6; ++k) { // its node's other cache
            CHECK(mine[k] % 8 / 4 == self % 8 / 4);
        }
        for (size_t k = 7; k < 15; ++k) {
            CHECK(mine[k] % 8 / 4 != self % 8 / 4);
        }
    }
}

TEST_CASE("near: every other core is named once, whatever the number of cores") {
    for (const int32_t cores : {1, 2, 3, 7, 64}) {
        for (core_id self = 0; self < cores; ++self) {
            std::set<core_id> named;
            for (uint32_t k = 0; k + 1 < static_cast<uint32_t>(cores); ++k) {
                named.insert(nearest_other_core(self, k, cores));
            }
            CHECK(named.size() == static_cast<size_t>(cores - 1));
            CHECK(named.count(self) == 0);
        }
    }
    CHECK(nearest_other_core(0, 0, 1) == 0);
}
