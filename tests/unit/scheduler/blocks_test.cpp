// SPDX-License-Identifier: Apache-2.0
#include "scheduler/blocks.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using namespace rp::sched;
using rp::test::random_source;

TEST_CASE("fifo: first in, first out, over many blocks and random batches") {
    block_pool pool;
    fifo f(pool);
    std::vector<item> items(5000);
    random_source random(rp::test::seed());
    size_t in = 0;
    size_t out = 0;
    item* batch[64];
    while (out < items.size()) {
        for (uint64_t n = random.below(700); n > 0 && in < items.size(); --n) {
            f.push(items[in++]);
        }
        for (uint64_t n = random.below(12); n > 0; --n) {
            const unsigned taken = f.take(batch, static_cast<unsigned>(random.below(64)));
            for (unsigned i = 0; i < taken; ++i) {
                REQUIRE(batch[i] == &items[out++]);
            }
        }
        REQUIRE(f.size() == in - out);
    }
    CHECK(f.take(batch, 64) == 0);
}

TEST_CASE("lane: first in, first out, over many blocks") {
    block_pool pool;
    lane l(pool);
    std::vector<item> items(3000);
    size_t in = 0;
    size_t out = 0;
    random_source random(rp::test::seed());
    item* batch[40];
    while (out < items.size()) {
        for (uint64_t n = random.below(900); n > 0 && in < items.size(); --n) {
            REQUIRE(l.push(items[in++]));
        }
        for (uint64_t n = random.below(30); n > 0; --n) {
            unsigned count = 0;
            (void)l.take(batch, 40, count);
            for (unsigned i = 0; i < count; ++i) {
                REQUIRE(batch[i] == &items[out++]);
            }
        }
    }
    unsigned count = 0;
    CHECK(l.take(batch, 40, count) == lane::take_result::empty);
}

TEST_CASE("lane: one producer and two consumers lose and double nothing, each sees arrival order") {
    constexpr size_t total = 200'000;
    block_pool pool;
    lane l(pool);
    std::vector<item> items(total);
    std::vector<std::atomic<int>> taken(total);
    std::atomic<size_t> left{total};
    std::atomic<bool> is_ordered{true};
    auto consumer = [&] {
        item* batch[32];
        const item* last = nullptr;
        // mo: relaxed, only ends the loop.
        while (left.load(std::memory_order_relaxed) != 0) {
            unsigned count = 0;
            (void)l.take(batch, 32, count);
            for (unsigned i = 0; i < count; ++i) {
                // mo: relaxed, read after the threads are joined.
                taken[static_cast<size_t>(batch[i] - items.data())].fetch_add(
                    1, std::memory_order_relaxed);
                if (last != nullptr && batch[i] <= last) {
                    // mo: relaxed, read after the threads are joined.
                    is_ordered.store(false, std::memory_order_relaxed);
                }
                last = batch[i];
            }
            // mo: relaxed, only ends the loop.
            left.fetch_sub(count, std::memory_order_relaxed);
        }
    };
    std::thread first(consumer);
    std::thread second(consumer);
    for (item& it : items) {
        REQUIRE(l.push(it));
    }
    first.join();
    second.join();
    size_t wrong = 0;
    for (const auto& t : taken) {
        // mo: relaxed, the threads are joined.
        wrong += t.load(std::memory_order_relaxed) != 1 ? 1 : 0;
    }
    CHECK(wrong == 0);
    // mo: relaxed, the threads are joined.
    CHECK(is_ordered.load(std::memory_order_relaxed));
}

TEST_CASE("fifo: four producers and two consumers lose and double nothing") {
    constexpr size_t each = 40'000;
    block_pool pool;
    fifo f(pool);
    std::vector<item> items(4 * each);
    std::vector<std::atomic<int>> taken(items.size());
    std::atomic<size_t> left{items.size()};
    std::vector<std::thread> threads;
    for (size_t p = 0; p < 4; ++p) {
        threads.emplace_back([&, p] {
            for (size_t i = 0; i < each; ++i) {
                f.push(items[p * each + i]);
            }
        });
    }
    for (int c = 0; c < 2; ++c) {
        threads.emplace_back([&] {
            item* batch[16];
            // mo: relaxed, only ends the loop.
            while (left.load(std::memory_order_relaxed) != 0) {
                const unsigned count = f.take(batch, 16);
                for (unsigned i = 0; i < count; ++i) {
                    // mo: relaxed, read after the threads are joined.
                    taken[static_cast<size_t>(batch[i] - items.data())].fetch_add(
                        1, std::memory_order_relaxed);
                }
                // mo: relaxed, only ends the loop.
                left.fetch_sub(count, std::memory_order_relaxed);
            }
        });
    }
    for (std::thread& t : threads) {
        t.join();
    }
    size_t wrong = 0;
    for (const auto& t : taken) {
        // mo: relaxed, the threads are joined.
        wrong += t.load(std::memory_order_relaxed) != 1 ? 1 : 0;
    }
    CHECK(wrong == 0);
}
