// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/command.hpp"
#include "bench/peers/contest.hpp"
#include "bench/peers/tally.hpp"
#include "tests/unit/bench/scratch.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

using namespace rp::peers;
using rp::test::scratch_directory;

namespace {

// Runs tasks in the calling thread: one too few or one too many when it is told to.
template <int Extra>
class plain_engine final : public engine {
public:
    void run(shape, std::uint64_t n) override {
        for (std::uint64_t i = 0; i < n + static_cast<std::uint64_t>(Extra); ++i) {
            count_one();
        }
    }

    void submit(task_call call, void* context) override { call(context); }
};

template <int Extra>
engine_kind plain(const char* name, role part) {
    return {
        name,
        part,
        [](unsigned) -> std::unique_ptr<engine> { return std::make_unique<plain_engine<Extra>>(); },
        nullptr};
}

contest count_contest(std::vector<engine_kind> kinds) {
    contest one;
    one.shape = one.family = "count";
    for (const engine_kind& kind : kinds) {
        one.contestants.push_back({kind.name,
                                   kind.part,
                                   [kind](std::uint64_t) {
                                       sample found;
                                       found.value = measure_shape(
                                           kind, 1, shape::submit_one, 100, found.fault);
                                       return found;
                                   },
                                   {}});
    }
    return one;
}

const go_on always = [](const contestant&) { return true; };

std::string content_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::string> order_of(std::uint64_t seed) {
    std::vector<std::string> seen;
    contest one;
    one.shape = one.family = "order";
    for (const char* name : {"a", "b", "c", "d"}) {
        one.contestants.push_back({name,
                                   role::peer,
                                   [&seen, name](std::uint64_t) {
                                       seen.emplace_back(name);
                                       return sample{1, {}};
                                   },
                                   {}});
    }
    hold(one, 6, seed, always);
    return seen;
}

} // namespace

TEST_CASE("contest: an engine that loses a task is caught") {
    std::string fault;
    measure_shape(plain<-1>("loses", role::peer), 1, shape::submit_one, 100, fault);
    CHECK(fault == "126 tasks were submitted and 124 ran");
}

TEST_CASE("contest: an engine that runs a task twice is caught") {
    std::string fault;
    measure_shape(plain<1>("doubles", role::peer), 1, shape::submit_one, 100, fault);
    CHECK(fault == "126 tasks were submitted and 128 ran");
    fault.clear();
    measure_shape(plain<0>("right", role::peer), 1, shape::submit_one, 100, fault);
    CHECK(fault.empty());
}

TEST_CASE("contest: waiting for a task that was lost ends") {
    CHECK_FALSE(await_total(total() + 1, 20));
    count_one();
    CHECK(await_total(total(), 20));
}

TEST_CASE("contest: every engine of this process gives the right answer in every shape") {
    for (const engine_kind& kind : all_engines()) {
        for (const shape s : all_shapes) {
            if (!kind.can_run(s)) {
                continue;
            }
            for (const unsigned workers : {1U, 2U}) {
                CAPTURE(kind.name);
                CAPTURE(std::string(name_of(s)));
                CAPTURE(workers);
                std::string fault;
                const double ns = measure_shape(kind, workers, s, tree_tasks(2000), fault);
                CHECK(fault.empty());
                CHECK(ns > 0);
            }
        }
    }
}

TEST_CASE("contest: a tree whose nodes are visited twice or not at all counts wrongly") {
    task_tree tree;
    tree.plant(7);
    std::vector<std::uint64_t> todo{0};
    const auto spawn = [&](std::uint64_t child) { todo.push_back(child); };
    const std::uint64_t before = total();
    std::uint64_t visited = 0;
    while (!todo.empty()) {
        const std::uint64_t node = todo.back();
        todo.pop_back();
        if (node != 6) { // a lost leaf: its parent and the root never join
            tree.visit(node, spawn);
            visited += 1;
        }
    }
    CHECK(visited == 6);
    CHECK(total() - before == 5);
    tree.visit(6, spawn);
    CHECK(total() - before == 7);
    CHECK(tree_tasks(7) == 7);
    CHECK(tree_tasks(14) == 7);
    CHECK(tree_tasks(1) == 1);
}

TEST_CASE("contest: a wrong engine is reported, has no value and is not asked again") {
    unsigned asked = 0;
    contest one = count_contest({plain<0>("right", role::ours)});
    one.contestants.push_back({"wrong",
                               role::peer,
                               [&](std::uint64_t) {
                                   asked += 1;
                                   return sample{5, "lost its way"};
                               },
                               {}});
    const row_result row = hold(one, 5, 1, always);
    CHECK(asked == 1);
    const series* const wrong = row.named("wrong");
    REQUIRE(wrong != nullptr);
    CHECK(wrong->fault == "lost its way");
    CHECK_FALSE(spread_of(*wrong).has_value());
    CHECK(spread_of(*row.named("right"))->count == 5);
}

TEST_CASE("contest: a repetition that could not be measured is left out and is no wrong answer") {
    contest one;
    one.shape = one.family = "some";
    unsigned asked = 0;
    one.contestants.push_back({"ringpool",
                               role::ours,
                               [&](std::uint64_t) {
                                   asked += 1;
                                   return asked == 2 ? sample{0, {}, "no time"} : sample{5, {}, {}};
                               },
                               {}});
    const row_result row = hold(one, 4, 1, always);
    CHECK(asked == 4);
    CHECK(row.engines[0].fault.empty());
    CHECK(row.engines[0].missed == "no time");
    CHECK(spread_of(row.engines[0])->count == 3);
    CHECK(spread_of(row.engines[0])->low == 5);
}

TEST_CASE("contest: each repetition has an order of its own, which follows from the seed") {
    const std::vector<std::string> first = order_of(1);
    CHECK(first == order_of(1));
    CHECK(first != order_of(2));
    REQUIRE(first.size() == 24);
    std::set<std::vector<std::string>> orders;
    for (std::size_t i = 0; i < first.size(); i += 4) {
        std::vector<std::string> one(first.begin() + static_cast<std::ptrdiff_t>(i),
                                     first.begin() + static_cast<std::ptrdiff_t>(i) + 4);
        orders.insert(one);
        std::sort(one.begin(), one.end());
        CHECK(one == std::vector<std::string>{"a", "b", "c", "d"}); // each exactly once
    }
    CHECK(orders.size() > 1);
}

TEST_CASE("contest: a row that is stopped keeps what it has") {
    unsigned left = 3;
    const row_result row =
        hold(count_contest({plain<0>("a", role::ours), plain<0>("b", role::peer)}),
             4,
             1,
             [&](const contestant&) { return left-- != 0; });
    std::size_t values = 0;
    for (const series& one : row.engines) {
        values += spread_of(one) ? spread_of(one)->count : 0;
    }
    CHECK(values == 3);
}

TEST_CASE("contest: a row that cannot be prepared is skipped with the reason") {
    contest one = count_contest({plain<0>("a", role::ours)});
    one.prepare = [] { return std::string("no room"); };
    const row_result row = hold(one, 2, 1, always);
    CHECK(row.skipped == "no room");
    CHECK_FALSE(spread_of(row.engines[0]).has_value());
}

TEST_CASE("contest: --only takes shapes and families, and says what it does not know") {
    std::string unknown;
    const auto direct = select(all_contests({}), {"read_direct", "submit_one"}, unknown);
    CHECK(unknown.empty());
    CHECK(direct.size() == 5); // submit_one with 1 and 2 workers, three queue depths
    CHECK(select(all_contests({}), {"read_cached_qd32"}, unknown).size() == 2);
    CHECK(select(all_contests({}), {"submit"}, unknown).empty());
    CHECK(unknown == "submit");
}

TEST_CASE("contest: without --peers only ringpool and the limits are there") {
    for (const contest& one : all_contests({})) {
        for (const contestant& c : one.contestants) {
            CHECK(c.part != role::peer);
        }
    }
}

TEST_CASE("bench: an unknown shape is exit code 2 and leaves no directory") {
    const scratch_directory directory;
    bench_options options;
    options.only = {"submit_two"};
    options.out = directory.at("out");
    CHECK(run_bench(options) == 2);
    CHECK_FALSE(std::filesystem::exists(directory.at("out")));
    CHECK(shape_names().find("submit_one") != std::string::npos);
}

TEST_CASE("bench: a wrong answer is exit code 1, and is in the files") {
    const scratch_directory directory;
    bench_options options;
    options.repetitions = 2;
    options.out = directory.at("out");
    const std::vector<contest> rows{
        count_contest({plain<0>("ringpool", role::ours), plain<-1>("lossy", role::peer)})};
    CHECK(run_contests(options, rows) == 1);
    const auto json = nlohmann::json::parse(content_of(directory.at("out/bench.json")));
    const auto& engines = json.at("rows")[0].at("engines");
    CHECK(engines[1].at("fault") == "126 tasks were submitted and 124 ran");
    CHECK(engines[1].at("median").is_null());
    CHECK(json.at("complete") == true);
    CHECK(content_of(directory.at("out/bench.html")).find("wrong answer: 126 tasks") !=
          std::string::npos);
    CHECK(content_of(directory.at("out/bench.csv")).find("lossy") == std::string::npos);
    // The right ones alone are no failure; and results are not replaced unasked.
    const std::vector<contest> right{count_contest({plain<0>("ringpool", role::ours)})};
    CHECK(run_contests(options, right) == 1);
    options.force = true;
    CHECK(run_contests(options, right) == 0);
}
