// SPDX-License-Identifier: Apache-2.0
#include "scheduler/sorted.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <vector>

using namespace rp::sched;

TEST_CASE("sorted queue: the smallest key comes first, equal keys in the order they came") {
    sorted_queue q;
    item items[6];
    const int64_t keys[6] = {5, 1, 5, 1, -3, 5};
    for (int i = 0; i < 6; ++i) {
        q.push(items[i], keys[i]);
    }
    CHECK(q.size() == 6);
    for (const int expected : {4, 1, 3, 0, 2, 5}) {
        CHECK(q.take() == &items[expected]);
    }
    CHECK(q.take() == nullptr);
    CHECK(q.size() == 0);
    CHECK(q.taken() == 6);
}

TEST_CASE("sorted queue: random pushes and takes agree with a multimap, through every growth") {
    rp::test::random_source random(rp::test::seed());
    sorted_queue q;
    std::multimap<int64_t, item*> model; // keeps equal keys in order of insertion
    std::vector<std::unique_ptr<item>> items;
    for (int round = 0; round < 20'000; ++round) {
        // Two thirds pushes at first, two thirds takes later.
        if (random.below(3) < (round < 10'000 ? 2U : 1U)) {
            items.push_back(std::make_unique<item>());
            const auto key = static_cast<int64_t>(random.below(50)) - 25;
            q.push(*items.back(), key);
            model.emplace(key, items.back().get());
        } else if (model.empty()) {
            REQUIRE(q.take() == nullptr);
        } else {
            REQUIRE(q.take() == model.begin()->second);
            model.erase(model.begin());
        }
        REQUIRE(q.size() == model.size());
    }
}
