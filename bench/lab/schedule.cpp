// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/schedule.hpp"

#include "bench/lab/random.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <queue>
#include <span>

namespace rp::lab {

namespace {

// `count` ascending times in [from, from + length).
void append_arrivals(std::vector<std::uint64_t>& out,
                     std::size_t count,
                     double from_ns,
                     double length_ns,
                     random_source& random) {
    std::vector<double> at(count + 1);
    double sum = 0;
    for (double& value : at) {
        sum += random.exponential();
        value = sum;
    }
    for (std::size_t i = 0; i < count; ++i) {
        out.push_back(static_cast<std::uint64_t>(from_ns + at[i] / sum * length_ns));
    }
}

void place_long_jobs(std::span<double> services,
                     const service_spec& service,
                     random_source& random) {
    const auto count = services.size();
    const auto long_jobs =
        static_cast<std::size_t>(std::llround(static_cast<double>(count) * (1 - service.p_short)));
    std::fill(services.begin(), services.end(), service.short_ns);
    std::fill_n(services.begin(), long_jobs, service.long_ns);
    for (std::size_t i = count; i > 1; --i) {
        std::swap(services[i - 1], services[random.below(i)]);
    }
}

} // namespace

std::vector<double>
draw_services(const service_spec& service, std::size_t count, std::uint64_t seed) {
    std::vector<double> services(count, service.mean());
    random_source random(derive_seed(seed, "service", 0));
    if (service.kind == service_kind::bimodal) {
        place_long_jobs(services, service, random);
    } else if (service.kind == service_kind::exponential && count > 0) {
        std::generate(services.begin(), services.end(), [&] { return random.exponential(); });
        const double sum = std::accumulate(services.begin(), services.end(), 0.0);
        const double scale = service.mean_ns * static_cast<double>(count) / sum;
        for (double& value : services) {
            value *= scale;
        }
    }
    return services;
}

schedule make_schedule(const service_spec& service,
                       double rate_per_second,
                       double warmup_seconds,
                       double window_seconds,
                       std::uint64_t seed) {
    schedule plan;
    const auto jobs_in = [&](double seconds) {
        return static_cast<std::size_t>(std::llround(rate_per_second * seconds));
    };
    plan.measured_from = jobs_in(warmup_seconds);
    plan.warmup_ns = static_cast<std::uint64_t>(warmup_seconds * 1e9);
    plan.window_ns = static_cast<std::uint64_t>(window_seconds * 1e9);
    const std::size_t measured = jobs_in(window_seconds);
    random_source random(derive_seed(seed, "arrival", 0));
    plan.arrival_ns.reserve(plan.measured_from + measured);
    append_arrivals(plan.arrival_ns, plan.measured_from, 0, warmup_seconds * 1e9, random);
    append_arrivals(plan.arrival_ns, measured, warmup_seconds * 1e9, window_seconds * 1e9, random);
    plan.service_ns = draw_services(service, plan.measured_from, derive_seed(seed, "warmup", 0));
    const std::vector<double> rest = draw_services(service, measured, seed);
    plan.service_ns.insert(plan.service_ns.end(), rest.begin(), rest.end());
    return plan;
}

std::vector<std::uint64_t> ideal_latencies(const schedule& plan, unsigned workers, double stretch) {
    std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
    for (unsigned i = 0; i < workers; ++i) {
        free_at.push(0);
    }
    std::vector<std::uint64_t> latencies(plan.arrival_ns.size());
    for (std::size_t i = 0; i < plan.arrival_ns.size(); ++i) {
        const auto arrival = static_cast<double>(plan.arrival_ns[i]);
        const double end = std::max(arrival, free_at.top()) + plan.service_ns[i] * stretch;
        free_at.pop();
        free_at.push(end);
        latencies[i] = static_cast<std::uint64_t>(end - arrival);
    }
    return latencies;
}

} // namespace rp::lab
