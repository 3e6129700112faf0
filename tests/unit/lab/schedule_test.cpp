// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/quantity.hpp"
#include "bench/lab/random.hpp"
#include "bench/lab/schedule.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <vector>

using namespace rp::lab;

namespace {

struct moments {
    double mean = 0;
    double variance = 0;
};

template <class Values>
moments moments_of(const Values& values) {
    moments out;
    const auto n = static_cast<double>(values.size());
    out.mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
    for (const double value : values) {
        out.variance += (value - out.mean) * (value - out.mean) / n;
    }
    return out;
}

std::vector<double> gaps_of(const schedule& plan) {
    std::vector<double> gaps;
    for (std::size_t i = plan.measured_from + 1; i < plan.arrival_ns.size(); ++i) {
        gaps.push_back(static_cast<double>(plan.arrival_ns[i] - plan.arrival_ns[i - 1]));
    }
    return gaps;
}

} // namespace

TEST_CASE("schedule: the same seed gives the same schedule, another seed another one") {
    const service_spec service = *parse_service("exponential 10us");
    const std::uint64_t seed = rp::test::seed();
    const schedule a = make_schedule(service, 50'000, 0.05, 0.2, seed);
    const schedule b = make_schedule(service, 50'000, 0.05, 0.2, seed);
    const schedule c = make_schedule(service, 50'000, 0.05, 0.2, seed + 1);
    CHECK(a.arrival_ns == b.arrival_ns);
    CHECK(a.service_ns == b.service_ns);
    CHECK(a.arrival_ns != c.arrival_ns);
    CHECK(a.service_ns != c.service_ns);
}

TEST_CASE("schedule: arrivals ascend, fill warm-up and window, and their number is exact") {
    const schedule plan =
        make_schedule(*parse_service("fixed 10us"), 40'000, 0.1, 0.5, rp::test::seed());
    CHECK(plan.measured_from == 4'000);
    CHECK(plan.arrival_ns.size() == 24'000);
    CHECK(plan.service_ns.size() == 24'000);
    CHECK(std::is_sorted(plan.arrival_ns.begin(), plan.arrival_ns.end()));
    CHECK(plan.arrival_ns[plan.measured_from - 1] < plan.warmup_ns);
    CHECK(plan.arrival_ns[plan.measured_from] >= plan.warmup_ns);
    CHECK(plan.arrival_ns.back() <= plan.warmup_ns + plan.window_ns);
}

TEST_CASE("schedule: the gaps between arrivals have the moments of an exponential") {
    const schedule plan =
        make_schedule(*parse_service("fixed 10us"), 100'000, 0, 2, rp::test::seed());
    const std::vector<double> gaps = gaps_of(plan);
    const moments got = moments_of(gaps);
    // 200 000 gaps: the standard deviation of the variance is about 0.6 %; eight of them are
    // allowed.
    CHECK(got.mean == doctest::Approx(10'000).epsilon(0.001));
    CHECK(got.variance == doctest::Approx(1e8).epsilon(0.05));
    double product = 0;
    for (std::size_t i = 1; i < gaps.size(); ++i) {
        product += (gaps[i] - got.mean) * (gaps[i - 1] - got.mean);
    }
    const double correlation = product / static_cast<double>(gaps.size()) / got.variance;
    CHECK(correlation > -0.02);
    CHECK(correlation < 0.02);
}

TEST_CASE("schedule: exponential work has its exact mean and the variance of an exponential") {
    const std::vector<double> work =
        draw_services(*parse_service("exponential 10us"), 200'000, rp::test::seed());
    const moments got = moments_of(work);
    CHECK(got.mean == doctest::Approx(10'000).epsilon(1e-9));
    CHECK(got.variance == doctest::Approx(1e8).epsilon(0.05));
}

TEST_CASE("schedule: bimodal work has exactly its share of long jobs, spread over the run") {
    const std::vector<double> work =
        draw_services(*parse_service("bimodal 0.995 5us 1ms"), 20'000, rp::test::seed());
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < work.size(); ++i) {
        if (work[i] == 1e6) {
            places.push_back(i);
        } else {
            CHECK(work[i] == 5'000);
        }
    }
    CHECK(places.size() == 100);
    // All in one half has probability 2^-99.
    CHECK(places.front() < work.size() / 2);
    CHECK(places.back() >= work.size() / 2);
}

TEST_CASE("schedule: the ideal of one server is the Lindley recursion") {
    schedule plan;
    plan.arrival_ns = {0, 5, 30, 31};
    plan.service_ns = {10, 10, 1, 4};
    CHECK(ideal_latencies(plan, 1, 1) == std::vector<std::uint64_t>{10, 15, 1, 4});
    CHECK(ideal_latencies(plan, 2, 1) == std::vector<std::uint64_t>{10, 10, 1, 4});
    CHECK(ideal_latencies(plan, 1, 2) == std::vector<std::uint64_t>{20, 35, 12, 19});
}

TEST_CASE("schedule: the ideal of an M/D/1 queue waits as Pollaczek and Khinchine say") {
    const schedule plan =
        make_schedule(*parse_service("fixed 10us"), 50'000, 0, 20, rp::test::seed());
    const std::vector<std::uint64_t> latencies = ideal_latencies(plan, 1, 1);
    const double mean = std::accumulate(latencies.begin(), latencies.end(), 0.0) /
                        static_cast<double>(latencies.size());
    // rho = 0.5: service + rho * service / (2 * (1 - rho)) = 15 us.
    CHECK(mean == doctest::Approx(15'000).epsilon(0.03));
}

TEST_CASE("schedule: seeds differ by purpose and by index") {
    CHECK(derive_seed(1, "a", 0) != derive_seed(1, "b", 0));
    CHECK(derive_seed(1, "a", 0) != derive_seed(1, "a", 1));
    CHECK(derive_seed(1, "a", 0) != derive_seed(2, "a", 0));
    CHECK(derive_seed(1, "a", 0) == derive_seed(1, "a", 0));
}
