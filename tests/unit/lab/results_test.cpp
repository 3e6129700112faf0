// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/results.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace rp::lab;

namespace {

// A block of raw, libuv and the twin of raw, with latencies of `base` nanoseconds and up.
run_results three_cells() {
    run_results results;
    for (const char* engine : {"raw", "libuv", "raw"}) {
        cell one;
        one.kind = section_kind::echo;
        one.block = "echo/connections=1/workers=1";
        one.engine = engine;
        one.twin = results.what.cells.size() == 2;
        one.label = one.twin ? "raw (again)" : engine;
        one.id = one.block + "/" + one.label;
        results.what.cells.push_back(one);
    }
    results.what.blocks = {"echo/connections=1/workers=1"};
    return results;
}

repetition measured(std::size_t cell, unsigned index, std::uint64_t base, double rate) {
    histogram latency;
    for (std::uint64_t i = 1; i <= 2'000; ++i) {
        latency.record(base + i);
    }
    repetition out;
    out.cell = cell;
    out.index = index;
    out.latency = distribution(latency);
    out.per_second = rate;
    out.operations = 2'000;
    return out;
}

repetition spoilt(std::size_t cell, unsigned index, const std::string& reason) {
    repetition out = measured(cell, index, 1, 1);
    out.outcome = verdict::invalid;
    out.reason = reason;
    return out;
}

} // namespace

TEST_CASE("results: a cell reports the median of its repetitions' percentiles and their range") {
    run_results results = three_cells();
    results.repetitions = {
        measured(0, 0, 90'000, 10), measured(0, 1, 10'000, 30), measured(0, 2, 30'000, 20)};
    const cell_summary got = summarize(results).at(0);
    CHECK(got.outcome == verdict::valid);
    CHECK(got.valid == 3);
    const figure p50 = got.latency_ns.at("p50");
    CHECK(p50.median == doctest::Approx(31'000).epsilon(0.001));
    CHECK(p50.low == doctest::Approx(11'000).epsilon(0.001));
    CHECK(p50.high == doctest::Approx(91'000).epsilon(0.001));
    REQUIRE(got.per_second.has_value());
    CHECK(got.per_second->median == 20);
}

TEST_CASE("results: a percentile needs ten samples above it") {
    histogram latency;
    for (std::uint64_t i = 1; i <= 1'000; ++i) {
        latency.record(i);
    }
    const distribution stored(latency);
    CHECK(stored.percentile(0.99) == 990);
    CHECK_FALSE(stored.percentile(0.991).has_value());
    CHECK_FALSE(stored.percentile(0.999).has_value());
    run_results results = three_cells();
    results.repetitions = {measured(0, 0, 1'000, 1)};
    CHECK(summarize(results).at(0).latency_ns.count("p99") == 1);
    CHECK(summarize(results).at(0).latency_ns.count("p99.9") == 0);
}

TEST_CASE("results: invalid repetitions leave no trace in the figures") {
    run_results results = three_cells();
    results.repetitions = {
        measured(0, 0, 10'000, 10), spoilt(0, 1, "late"), measured(0, 2, 10'000, 12)};
    const cell_summary got = summarize(results).at(0);
    CHECK(got.outcome == verdict::valid);
    CHECK(got.done == 3);
    CHECK(got.valid == 2);
    CHECK(got.latency_ns.at("p50").low > 10'000);
    CHECK(got.per_second->low == 10);
}

TEST_CASE("results: with half or more invalid the cell has a reason and no figures") {
    run_results results = three_cells();
    results.repetitions = {measured(0, 0, 10'000, 10),
                           spoilt(0, 1, "late"),
                           spoilt(0, 2, "late"),
                           spoilt(0, 3, "throttled")};
    const cell_summary got = summarize(results).at(0);
    CHECK(got.outcome == verdict::invalid);
    CHECK(got.reason == "late");
    CHECK(got.latency_ns.empty());
    CHECK_FALSE(got.per_second.has_value());
    const std::string text = result_tables(results);
    CHECK(text.find("invalid: late") != std::string::npos);
    CHECK(text.find("11.0 us") == std::string::npos);
}

TEST_CASE("results: a cell that was not measured is missing") {
    const run_results results = three_cells();
    const cell_summary got = summarize(results).at(1);
    CHECK(got.done == 0);
    CHECK(got.reason == "not measured");
    CHECK(result_tables(results).find("missing: not measured") != std::string::npos);
}

TEST_CASE("results: ratios are paired by repetition") {
    run_results results = three_cells();
    // The machine is half as fast in the second round; the ratio does not notice.
    results.repetitions = {measured(0, 0, 10'000, 100),
                           measured(1, 0, 10'000, 80),
                           measured(2, 0, 20'000, 100),
                           measured(1, 1, 20'000, 40),
                           measured(0, 1, 20'000, 50),
                           measured(2, 1, 40'000, 50),
                           measured(1, 2, 10'000, 99)};
    const auto all = summarize(results);
    REQUIRE(all.at(1).limit_ratio.has_value());
    CHECK(all.at(1).limit_ratio->low == doctest::Approx(0.8));
    CHECK(all.at(1).limit_ratio->high == doctest::Approx(0.8));
    REQUIRE(all.at(0).limit_ratio.has_value());
    CHECK(all.at(0).limit_ratio->median == 1);
    REQUIRE(all.at(2).noise_ratio.has_value());
    CHECK(all.at(2).noise_ratio->median == doctest::Approx(1.87).epsilon(0.02));
    CHECK_FALSE(all.at(0).noise_ratio.has_value());
}

TEST_CASE("results: the median of an even number is between the two in the middle") {
    CHECK_FALSE(figure_of({}).has_value());
    CHECK(figure_of({4, 1, 3, 2})->median == 2.5);
    CHECK(figure_of({3, 1, 2})->median == 2);
}
