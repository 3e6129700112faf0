// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/contest.hpp"
#include "bench/peers/goals.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace rp::peers;

namespace {

row_result row_with(
    const char* shape, unsigned workers, better sense, double ours, double peer, double limit) {
    row_result row;
    row.shape = shape;
    row.workers = workers;
    row.sense = sense;
    row.engines = {{"ringpool", role::ours, {ours}, {}, {}},
                   {"libuv", role::peer, {peer}, {}, {}},
                   {"raw", role::limit, {limit}, {}, {}}};
    return row;
}

const judged_goal& against(const std::vector<judged_goal>& all, const char* whom) {
    const auto found = std::find_if(
        all.begin(), all.end(), [&](const judged_goal& g) { return g.which->against == whom; });
    REQUIRE(found != all.end());
    return *found;
}

} // namespace

TEST_CASE("goals: a bound that is just kept is met, beyond it the goal is missed") {
    const auto at_the_bound = judge(row_with("submit_1000", 1, better::less, 25.0, 150.0, 10.0));
    REQUIRE(at_the_bound.size() == 2);
    CHECK(against(at_the_bound, "limit").outcome == verdict::met);
    CHECK(against(at_the_bound, "limit").ratio == 2.5);
    CHECK(against(at_the_bound, "peers").outcome == verdict::met);
    CHECK(against(at_the_bound, "peers").ratio == 6.0);
    const auto beyond = judge(row_with("submit_1000", 1, better::less, 26.0, 150.0, 10.0));
    CHECK(against(beyond, "limit").outcome == verdict::missed);
    CHECK(against(beyond, "peers").outcome == verdict::missed);
}

TEST_CASE("goals: throughput is a share of the limit and a multiple of the best peer") {
    const auto found = judge(row_with("echo_64", 1, better::more, 96.0, 90.0, 100.0));
    REQUIRE(found.size() == 2);
    CHECK(against(found, "limit").outcome == verdict::met);
    CHECK(against(found, "peers").outcome == verdict::met);
    const auto less = judge(row_with("echo_64", 1, better::more, 94.0, 95.0, 100.0));
    CHECK(against(less, "limit").outcome == verdict::missed);
    CHECK(against(less, "peers").outcome == verdict::missed);
}

TEST_CASE("goals: a goal may name the number of workers") {
    const auto one = judge(row_with("fork_join", 1, better::less, 15.0, 50.0, 10.0));
    const auto two = judge(row_with("fork_join", 2, better::less, 15.0, 50.0, 10.0));
    REQUIRE(one.size() == 1);
    REQUIRE(two.size() == 1);
    CHECK(one[0].outcome == verdict::missed); // 1.25
    CHECK(two[0].outcome == verdict::met);    // 1.7
    CHECK(judge(row_with("read_cached_qd1", 2, better::more, 1.0, 1.0, 1.0)).empty());
}

TEST_CASE("goals: without the other side a goal stays open") {
    row_result row = row_with("timer_set", 1, better::less, 10.0, 50.0, 2.0);
    row.engines.erase(row.engines.begin() + 1); // no libuv
    const auto found = judge(row);
    REQUIRE(found.size() == 2);
    CHECK(against(found, "limit").outcome == verdict::met);
    CHECK(against(found, "libuv").outcome == verdict::open);
    row.engines[1].fault = "wrong";
    CHECK(against(judge(row), "limit").outcome == verdict::open);
}

TEST_CASE("goals: every goal is of a row and of an engine that exist") {
    bench_settings settings;
    settings.peers = true;
    const std::vector<contest> all = all_contests(settings);
    for (const goal& one : all_goals()) {
        CAPTURE(std::string(one.shape));
        CAPTURE(std::string(one.against));
        const auto row = std::find_if(all.begin(), all.end(), [&](const contest& c) {
            return c.shape == one.shape && (one.workers == 0 || c.workers == one.workers);
        });
        REQUIRE(row != all.end());
        CHECK(
            std::any_of(row->contestants.begin(), row->contestants.end(), [&](const contestant& c) {
                return one.against == "limit"   ? c.part == role::limit
                       : one.against == "peers" ? c.part == role::peer
                                                : c.engine == one.against;
            }));
    }
}
