// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/histogram.hpp"
#include "bench/lab/results.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

using rp::lab::distribution;
using rp::lab::histogram;

namespace {

// The ceil(q * n)-th smallest value.
std::uint64_t exact_quantile(const std::vector<std::uint64_t>& sorted, double q) {
    const double rank = std::ceil(q * static_cast<double>(sorted.size()) * (1.0 - 1e-12));
    return sorted[static_cast<std::size_t>(std::max(1.0, rank)) - 1];
}

// Spread over all magnitudes up to two hours, so that the upper end is clipped now and then.
std::uint64_t any_magnitude(rp::test::random_source& random) {
    const std::uint64_t bits = random.below(43);
    return random.below(std::uint64_t{1} << bits) + random.below(2);
}

constexpr double quantiles[] = {0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};

} // namespace

TEST_CASE("histogram: counters cover 0 to one hour without gap or overlap, 1/1024 wide at most") {
    for (std::size_t i = 0; i + 1 < histogram::counters; ++i) {
        const std::uint64_t low = histogram::lowest_of(i);
        const std::uint64_t high = histogram::highest_of(i);
        if (histogram::index_of(low) != i || histogram::index_of(high) != i ||
            histogram::lowest_of(i + 1) != high + 1 ||
            static_cast<double>(high - low) > static_cast<double>(low) / 1024) {
            CAPTURE(i);
            FAIL("counter out of place");
        }
    }
    CHECK(histogram::index_of(histogram::limit_ns) == histogram::counters - 1);
    CHECK(histogram::index_of(~std::uint64_t{0}) == histogram::counters - 1);
}

TEST_CASE("histogram: every quantile is within 0.1 % of the exact one, and never below it") {
    rp::test::random_source random(rp::test::seed());
    for (int round = 0; round < 60; ++round) {
        CAPTURE(round);
        histogram recorded;
        std::vector<std::uint64_t> values(1 + random.below(3000));
        for (std::uint64_t& value : values) {
            value = std::min(any_magnitude(random), histogram::limit_ns);
            recorded.record(value);
        }
        std::sort(values.begin(), values.end());
        CHECK(recorded.count() == values.size());
        CHECK(recorded.min() == values.front());
        CHECK(recorded.max() == values.back());
        const distribution stored(recorded);
        for (const double q : quantiles) {
            CAPTURE(q);
            const std::uint64_t exact = exact_quantile(values, q);
            const std::uint64_t got = recorded.value_at(q);
            CHECK(got >= exact);
            CHECK(static_cast<double>(got - exact) <= static_cast<double>(exact) * 0.001);
            CHECK(stored.value_at(q) == got);
        }
    }
}

TEST_CASE("histogram: merging two gives the histogram of both inputs") {
    rp::test::random_source random(rp::test::seed());
    histogram first;
    histogram second;
    histogram both;
    for (int i = 0; i < 20'000; ++i) {
        const std::uint64_t value = any_magnitude(random);
        (random.below(3) == 0 ? first : second).record(value);
        both.record(value);
    }
    first.merge(second);
    CHECK(first.count() == both.count());
    CHECK(first.min() == both.min());
    CHECK(first.max() == both.max());
    CHECK(first.clipped() == both.clipped());
    CHECK(first.mean() == doctest::Approx(both.mean()));
    CHECK(first.buckets() == both.buckets());
}

TEST_CASE("histogram: merging an empty one changes nothing") {
    histogram some;
    some.record(17);
    some.merge(histogram());
    CHECK(some.count() == 1);
    CHECK(some.min() == 17);
    CHECK(some.max() == 17);
}

TEST_CASE("histogram: empty answers 0 everywhere") {
    const histogram empty;
    for (const double q : quantiles) {
        CHECK(empty.value_at(q) == 0);
    }
    CHECK(empty.min() == 0);
    CHECK(empty.max() == 0);
    CHECK(empty.mean() == 0);
    CHECK(empty.buckets().empty());
}

TEST_CASE("histogram: values above one hour are counted as clipped and keep their maximum") {
    histogram recorded;
    recorded.record(histogram::limit_ns);
    recorded.record(histogram::limit_ns + 1);
    recorded.record(2 * histogram::limit_ns);
    CHECK(recorded.clipped() == 2);
    CHECK(recorded.count() == 3);
    CHECK(recorded.max() == 2 * histogram::limit_ns);
    CHECK(recorded.value_at(1) == 2 * histogram::limit_ns);
}

TEST_CASE("histogram: clear forgets everything") {
    histogram recorded;
    recorded.record(5'000'000);
    recorded.record(2 * histogram::limit_ns);
    recorded.clear();
    CHECK(recorded.count() == 0);
    CHECK(recorded.max() == 0);
    CHECK(recorded.clipped() == 0);
    recorded.record(3);
    CHECK(recorded.min() == 3);
    CHECK(recorded.value_at(0.5) == 3);
}

TEST_CASE("histogram: restore rebuilds what buckets and exact describe") {
    rp::test::random_source random(rp::test::seed());
    histogram original;
    for (int i = 0; i < 5000; ++i) {
        original.record(any_magnitude(random));
    }
    histogram copy;
    REQUIRE(copy.restore(original.buckets(), original.exact()));
    CHECK(copy.buckets() == original.buckets());
    CHECK(copy.count() == original.count());
    CHECK(copy.min() == original.min());
    CHECK(copy.max() == original.max());
    CHECK(copy.mean() == doctest::Approx(original.mean()));
    for (const double q : quantiles) {
        CHECK(copy.value_at(q) == original.value_at(q));
    }
}

TEST_CASE("histogram: restore refuses an index out of range and leaves an empty histogram") {
    histogram copy;
    const std::vector<std::pair<std::uint32_t, std::uint64_t>> bad{
        {1, 1}, {static_cast<std::uint32_t>(histogram::counters), 1}};
    CHECK_FALSE(copy.restore(bad, {1, 2, 3, 0}));
    CHECK(copy.count() == 0);
    CHECK(copy.value_at(0.5) == 0);
}
