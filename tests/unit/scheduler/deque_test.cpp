// SPDX-License-Identifier: Apache-2.0
#include "scheduler/deque.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace rp::sched;
using rp::test::random_source;

TEST_CASE("deque: the holder pops the newest item first") {
    deque<8> d;
    item items[3];
    for (item& it : items) {
        REQUIRE(d.push(it));
    }
    CHECK(d.size() == 3);
    CHECK(d.pop() == &items[2]);
    CHECK(d.pop() == &items[1]);
    CHECK(d.pop() == &items[0]);
    CHECK(d.pop() == nullptr);
}

TEST_CASE("deque: a full deque refuses an item and takes it after the oldest were taken out") {
    deque<4> d;
    item items[5];
    for (int i = 0; i < 4; ++i) {
        REQUIRE(d.push(items[i]));
    }
    CHECK_FALSE(d.push(items[4]));
    item* oldest[2];
    REQUIRE(d.take_oldest(oldest, 2) == 2);
    CHECK(oldest[0] == &items[0]);
    CHECK(oldest[1] == &items[1]);
    CHECK(d.push(items[4]));
    CHECK(d.pop() == &items[4]);
    CHECK(d.pop_oldest() == &items[2]);
    CHECK(d.pop_oldest() == &items[3]);
    CHECK(d.pop_oldest() == nullptr);
}

TEST_CASE("deque: a thief takes half, oldest first, at least one, never more than asked for") {
    deque<16> d;
    item items[10];
    for (item& it : items) {
        REQUIRE(d.push(it));
    }
    item* out[16];
    unsigned taken = 0;
    CHECK(d.steal(out, 16, taken) == deque<16>::steal_result::stolen);
    REQUIRE(taken == 5);
    CHECK(out[0] == &items[0]);
    CHECK(out[4] == &items[4]);
    CHECK(d.steal(out, 1, taken) == deque<16>::steal_result::stolen);
    CHECK(taken == 1);
    CHECK(out[0] == &items[5]);
    while (d.pop() != nullptr) {
    }
    CHECK(d.steal(out, 16, taken) == deque<16>::steal_result::empty);
    CHECK(taken == 0);
}

TEST_CASE("deque: indexes survive many times round the ring") {
    deque<4> d;
    item items[4];
    for (int round = 0; round < 1000; ++round) {
        for (item& it : items) {
            REQUIRE(d.push(it));
        }
        item* out[4];
        unsigned taken = 0;
        (void)d.steal(out, 4, taken);
        REQUIRE(taken == 2);
        REQUIRE(d.pop() == &items[3]);
        REQUIRE(d.pop() == &items[2]);
        REQUIRE(d.pop() == nullptr);
    }
}

namespace {

struct counted : item {
    std::atomic<int> taken{0};
};

void count_once(item* it) {
    // mo: relaxed, summed up after the threads are joined.
    static_cast<counted*>(it)->taken.fetch_add(1, std::memory_order_relaxed);
}

} // namespace

// A small capacity keeps the deque near empty and near full, where the races are.
TEST_CASE("deque: with a holder and two thieves every item is taken exactly once") {
    constexpr size_t total = 200'000;
    std::vector<counted> items(total);
    deque<16> d;
    std::atomic<bool> is_over{false};
    auto thief = [&] {
        item* out[16];
        unsigned taken = 0;
        // mo: acquire, pairs test.over (below).
        while (!is_over.load(std::memory_order_acquire)) {
            (void)d.steal(out, 16, taken);
            for (unsigned i = 0; i < taken; ++i) {
                count_once(out[i]);
            }
        }
    };
    std::thread first(thief);
    std::thread second(thief);
    random_source random(rp::test::seed());
    size_t next = 0;
    while (next < total) {
        for (uint64_t pushes = random.below(20); pushes > 0 && next < total; --pushes) {
            if (d.push(items[next])) {
                ++next;
            }
        }
        for (uint64_t pops = random.below(20); pops > 0; --pops) {
            item* it = random.below(8) == 0 ? d.pop_oldest() : d.pop();
            if (it != nullptr) {
                count_once(it);
            }
        }
    }
    while (d.size() != 0) {
        if (item* it = d.pop(); it != nullptr) {
            count_once(it);
        }
    }
    // mo: release, pairs test.over (thief).
    is_over.store(true, std::memory_order_release);
    first.join();
    second.join();
    size_t wrong = 0;
    for (const counted& it : items) {
        // mo: relaxed, the threads are joined.
        wrong += it.taken.load(std::memory_order_relaxed) != 1 ? 1 : 0;
    }
    CHECK(wrong == 0);
}
