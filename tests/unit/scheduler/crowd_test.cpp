// SPDX-License-Identifier: Apache-2.0
#include "scheduler/crowd.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using rp::sched::crowd;

TEST_CASE("crowd: a wake is wanted exactly while a core is idle and nobody is searching") {
    auto c = std::make_unique<crowd>();
    CHECK_FALSE(c->wants_wake());
    CHECK_FALSE(c->start_searching());
    c->set_idle(3, false);
    CHECK(c->wants_wake());
    CHECK(c->start_searching());
    CHECK_FALSE(c->wants_wake());
    CHECK_FALSE(c->start_searching());
    CHECK(c->searching() == 1);
    c->stop_searching();
    CHECK(c->wants_wake());
}

TEST_CASE("crowd: a core is claimed once, by number or as the lowest one below a bound") {
    auto c = std::make_unique<crowd>();
    c->set_idle(5, false);
    c->set_idle(70, false);
    CHECK(c->idle() == 2);
    CHECK(c->claim_any(5) == -1);
    CHECK(c->claim_any(100) == 5);
    CHECK_FALSE(c->claim(5));
    CHECK(c->is_idle(70));
    CHECK(c->claim(70));
    CHECK(c->idle() == 0);
}

TEST_CASE("crowd: a searcher that parks stops searching in the same step") {
    auto c = std::make_unique<crowd>();
    c->set_idle(0, false);
    REQUIRE(c->start_searching());
    REQUIRE(c->claim(0));
    c->set_idle(0, true);
    CHECK(c->searching() == 0);
    CHECK(c->idle() == 1);
    CHECK(c->wants_wake());
}

TEST_CASE("crowd: of many threads claiming idle cores each core goes to one of them") {
    constexpr int rounds = 20'000;
    auto c = std::make_unique<crowd>();
    std::atomic<int> claims{0};
    std::atomic<int> releases{0};
    auto player = [&](int core) {
        for (int i = 0; i < rounds; ++i) {
            const int got = (i % 2) != 0 ? c->claim_any(4) : (c->claim(core) ? core : -1);
            if (got >= 0) {
                // mo: relaxed, compared after the threads are joined.
                claims.fetch_add(1, std::memory_order_relaxed);
                c->set_idle(got, false);
                // mo: relaxed, compared after the threads are joined.
                releases.fetch_add(1, std::memory_order_relaxed);
            }
        }
    };
    for (int core = 0; core < 4; ++core) {
        c->set_idle(core, false);
    }
    std::vector<std::thread> players;
    for (int core = 0; core < 4; ++core) {
        players.emplace_back(player, core);
    }
    for (std::thread& t : players) {
        t.join();
    }
    // mo: relaxed, the threads are joined.
    CHECK(claims.load(std::memory_order_relaxed) == releases.load(std::memory_order_relaxed));
    CHECK(c->idle() == 4);
    CHECK(c->searching() == 0);
}
