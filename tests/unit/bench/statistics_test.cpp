// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/statistics.hpp"

#include <doctest/doctest.h>

using namespace rp::peers;

namespace {

series made(const char* name, role part, std::vector<std::optional<double>> values) {
    return {name, part, std::move(values), {}, {}};
}

row_result row_of(better sense, std::vector<series> engines) {
    row_result row;
    row.shape = "some";
    row.sense = sense;
    row.engines = std::move(engines);
    return row;
}

} // namespace

TEST_CASE("statistics: the median of an even number of values lies between the middle two") {
    CHECK(median({3, 1, 2}) == 2);
    CHECK(median({4, 1, 3, 2}) == 2.5);
    CHECK(median({7}) == 7);
}

TEST_CASE("statistics: a spread leaves out what was not measured") {
    const auto found = spread_of(made("a", role::ours, {5.0, std::nullopt, 1.0, 3.0}));
    REQUIRE(found.has_value());
    CHECK(found->low == 1);
    CHECK(found->median == 3);
    CHECK(found->high == 5);
    CHECK(found->count == 3);
    CHECK_FALSE(spread_of(made("a", role::ours, {std::nullopt})).has_value());
}

TEST_CASE("statistics: a ratio is the median of the ratios within each repetition") {
    // One repetition was disturbed, and with it both engines.
    const series above = made("a", role::ours, {10.0, 1000.0, 12.0});
    const series below = made("b", role::limit, {5.0, 500.0, 4.0});
    CHECK(paired_ratio(above, below) == 2.0); // 2, 2, 3
    // The ratio of the medians would be 12 / 5.
    CHECK(paired_ratio(below, above) == 0.5);
}

TEST_CASE("statistics: a ratio pairs only repetitions that have both values") {
    const series above = made("a", role::ours, {std::nullopt, 8.0, 6.0, 9.0});
    const series below = made("b", role::limit, {1.0, 2.0, std::nullopt});
    CHECK(paired_ratio(above, below) == 4.0);
    CHECK_FALSE(paired_ratio(made("a", role::ours, {1.0, std::nullopt}),
                             made("b", role::limit, {std::nullopt, 1.0}))
                    .has_value());
    CHECK_FALSE(
        paired_ratio(made("a", role::ours, {1.0}), made("b", role::limit, {0.0})).has_value());
}

TEST_CASE("statistics: the best peer has the least time or the most operations") {
    const std::vector<series> engines{made("ours", role::ours, {1.0}),
                                      made("slow", role::peer, {30.0}),
                                      made("fast", role::peer, {20.0}),
                                      made("raw", role::limit, {2.0})};
    CHECK(best_of(row_of(better::less, engines), role::peer)->engine == "fast");
    CHECK(best_of(row_of(better::more, engines), role::peer)->engine == "slow");
    CHECK(best_of(row_of(better::less, engines), role::limit)->engine == "raw");
    CHECK(best_of(row_of(better::less, {engines[0]}), role::peer) == nullptr);
}

TEST_CASE("statistics: better means above 1, for times and for throughput") {
    const std::vector<series> engines{made("ours", role::ours, {10.0}),
                                      made("peer", role::peer, {20.0}),
                                      made("raw", role::limit, {5.0})};
    const row_result times = row_of(better::less, engines);
    CHECK(times_better(times, engines[1]) == 2.0);
    CHECK(over_limit(times, engines[2]) == 2.0);
    const row_result rates = row_of(better::more, engines);
    CHECK(times_better(rates, engines[1]) == 0.5);
    CHECK(over_limit(rates, engines[2]) == 2.0);
}

TEST_CASE(
    "statistics: an engine whose answer was wrong wins nothing and is compared with nothing") {
    series wrong = made("wrong", role::peer, {1.0});
    wrong.fault = "9 of 10 tasks ran";
    const row_result row = row_of(
        better::less, {made("ours", role::ours, {10.0}), wrong, made("right", role::peer, {20.0})});
    CHECK(best_of(row, role::peer)->engine == "right");
    CHECK_FALSE(times_better(row, wrong).has_value());
    row_result ours_wrong = row;
    ours_wrong.engines[0].fault = "11 of 10 tasks ran";
    CHECK(ours_in(ours_wrong) == nullptr);
    CHECK_FALSE(times_better(ours_wrong, row.engines[2]).has_value());
}
