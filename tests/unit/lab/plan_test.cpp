// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

using namespace rp::lab;

namespace {

manifest wanted() {
    const std::vector<std::string> known{"ws", "shared-fifo"};
    manifest_result got = parse_manifest(
        "schema = 1\nname = \"p\"\nseed = 3\nrepetitions = 4\n[submit]\n"
        "service = [\"fixed 10us\", \"exponential 10us\"]\nload = [0.3, 0.9]\n"
        "policy = [\"ws\", \"shared-fifo\"]\naa = true\nduration = \"1s\"\nwarmup = \"0ms\"\n"
        "[read]\nengine = [\"raw\", \"ringpool:ws\", \"libuv\"]\ndirect = [false, true]\n"
        "depth = [1, 32]\n[echo]\nengine = [\"raw\", \"asio\"]\nconnections = 64\n",
        "p.toml",
        known,
        false);
    REQUIRE(got.problems.empty());
    return got.value;
}

} // namespace

TEST_CASE("plan: cells are the product of the factors, with one A/A twin per block") {
    const plan what = make_plan(wanted(), 3, "");
    CHECK(what.blocks.size() == 4 + 4 + 1);
    CHECK(what.cells.size() == 4 * 3 + 4 * 3 + 2);
    std::set<std::string> ids;
    for (const cell& one : what.cells) {
        ids.insert(one.id);
        CHECK(one.workers == 3);
    }
    CHECK(ids.size() == what.cells.size());
    CHECK(ids.count("submit/service=fixed-10us/load=0.3/workers=3/ringpool:ws#2") == 1);
    CHECK(ids.count("read/direct/depth=32/workers=3/libuv") == 1);
    CHECK(ids.count("echo/connections=64/workers=3/asio") == 1);
}

TEST_CASE("plan: each round measures every cell of its block once, before the next block") {
    const plan what = make_plan(wanted(), 1, "");
    CHECK(what.steps.size() == what.cells.size() * 4);
    std::map<std::pair<std::size_t, unsigned>, int> times;
    std::set<std::pair<std::string, unsigned>> finished;
    std::string current;
    unsigned repetition = 0;
    for (const step& one : what.steps) {
        times[{one.cell, one.repetition}] += 1;
        const std::string& block = what.cells[one.cell].block;
        if (!current.empty()) {
            CHECK(block == current);
            CHECK(one.repetition == repetition);
        }
        CHECK(finished.count({block, one.repetition}) == 0);
        current = block;
        repetition = one.repetition;
        if (one.ends_round) {
            finished.emplace(block, repetition);
            current.clear();
        }
    }
    CHECK(finished.size() == what.blocks.size() * 4);
    CHECK(std::all_of(times.begin(), times.end(), [](const auto& t) { return t.second == 1; }));
    CHECK(times.size() == what.steps.size());
}

TEST_CASE("plan: all blocks have their first round before any has its second") {
    const plan what = make_plan(wanted(), 1, "");
    CHECK(std::is_sorted(what.steps.begin(), what.steps.end(), [](const step& a, const step& b) {
        return a.repetition < b.repetition;
    }));
}

TEST_CASE("plan: the cells of a block share their seed; blocks and repetitions do not") {
    const plan what = make_plan(wanted(), 1, "");
    std::map<std::pair<std::string, unsigned>, std::set<std::uint64_t>> seeds;
    std::set<std::uint64_t> different;
    for (const step& one : what.steps) {
        seeds[{what.cells[one.cell].block, one.repetition}].insert(one.seed);
        different.insert(one.seed);
    }
    CHECK(std::all_of(
        seeds.begin(), seeds.end(), [](const auto& entry) { return entry.second.size() == 1; }));
    CHECK(different.size() == seeds.size());
}

TEST_CASE("plan: the order follows from the seed and differs between rounds") {
    const auto order_of = [](const plan& what) {
        std::vector<std::size_t> order;
        for (const step& one : what.steps) {
            order.push_back(one.cell);
        }
        return order;
    };
    manifest other = wanted();
    other.seed = 4;
    const auto first = order_of(make_plan(wanted(), 1, ""));
    CHECK(first == order_of(make_plan(wanted(), 1, "")));
    CHECK(first != order_of(make_plan(other, 1, "")));
    const std::size_t round = first.size() / 4;
    const auto middle = first.begin() + static_cast<std::ptrdiff_t>(round);
    CHECK_FALSE(std::equal(first.begin(), middle, middle));
}

TEST_CASE("plan: a filter keeps the cells whose name contains it, with the same seeds") {
    const plan all = make_plan(wanted(), 1, "");
    const plan some = make_plan(wanted(), 1, "read/direct");
    CHECK(some.cells.size() == 6);
    CHECK(some.blocks.size() == 2);
    for (const step& one : some.steps) {
        const auto same = std::find_if(all.steps.begin(), all.steps.end(), [&](const step& s) {
            return all.cells[s.cell].id == some.cells[one.cell].id &&
                   s.repetition == one.repetition;
        });
        REQUIRE(same != all.steps.end());
        CHECK(same->seed == one.seed);
    }
    CHECK(make_plan(wanted(), 1, "no such cell").steps.empty());
}

TEST_CASE("plan: the estimate is the sum of its measurements, set-up included") {
    const manifest all = wanted();
    const plan what = make_plan(all, 1, "");
    double measurements = 0;
    for (const step& one : what.steps) {
        measurements += step_seconds(all.sections[what.cells[one.cell].section]);
    }
    CHECK(what.estimated_seconds > measurements);
    CHECK(what.estimated_seconds < measurements + 5);
}
