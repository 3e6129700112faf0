// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/work.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

namespace rp::lab {

namespace {

constexpr double trial_ns = 60e6;
constexpr std::size_t trials = 5;

struct worker_share {
    std::vector<std::uint64_t> iterations;
    double cpu_seconds = 0;
    std::uint64_t sink = 0;
};

// The same steps as a job of the open loop takes, without a pool.
void run_share(worker_share& share, const std::vector<unsigned>& cpus) {
    const confined on(cpus);
    const double cpu_before = thread_cpu_seconds();
    std::uint64_t sum = 0;
    for (const std::uint64_t iterations : share.iterations) {
        const std::uint64_t began = now_ns();
        sum += do_work(iterations, began);
        sum += now_ns();
    }
    share.sink = sum;
    share.cpu_seconds = thread_cpu_seconds() - cpu_before;
}

double jobs_per_second(const calibration& cost,
                       const cpu_split& cpus,
                       const service_spec& service,
                       unsigned workers,
                       std::uint64_t seed) {
    const auto jobs = static_cast<std::size_t>(std::max(200.0, trial_ns / service.mean()));
    std::vector<worker_share> shares(workers);
    for (unsigned w = 0; w < workers; ++w) {
        for (const double ns : draw_services(service, jobs, seed + w)) {
            shares[w].iterations.push_back(cost.iterations(ns));
        }
    }
    std::vector<std::thread> threads;
    for (worker_share& share : shares) {
        threads.emplace_back([&] { run_share(share, cpus.workers); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    double rate = 0;
    for (const worker_share& share : shares) {
        rate += static_cast<double>(jobs) / share.cpu_seconds;
    }
    return rate;
}

} // namespace

calibration calibrate_work(const cpu_split& cpus) {
    const confined on(cpus.workers);
    calibration cost;
    std::uint64_t sink = 1;
    constexpr std::uint64_t iterations = 400'000;
    std::array<double, 41> samples{};
    sink = do_work(10 * iterations, sink);
    for (double& sample : samples) {
        const double began = thread_cpu_seconds();
        sink = do_work(iterations, sink);
        sample = (thread_cpu_seconds() - began) * 1e9 / static_cast<double>(iterations);
    }
    std::sort(samples.begin(), samples.end());
    // A chain that ended at 0 would print as a faster machine; it keeps the result alive.
    cost.ns_per_iteration = samples[samples.size() / 2] + (sink == 0 ? 1e-12 : 0);
    cost.fastest = samples.front();
    cost.slowest = samples.back();
    constexpr unsigned readings = 100'000;
    const std::uint64_t began = now_ns();
    for (unsigned i = 0; i < readings; ++i) {
        sink ^= now_ns();
    }
    cost.clock_ns = static_cast<double>(now_ns() - began) / readings + (sink == 0 ? 1e-12 : 0);
    return cost;
}

capacity calibrate_capacity(const calibration& cost,
                            const cpu_split& cpus,
                            const service_spec& service,
                            unsigned workers,
                            std::uint64_t seed) {
    std::atomic<bool> stop{false};
    std::thread generator([&] {
        if (cpus.shared()) {
            return;
        }
        const confined on(cpus.generator);
        // mo: relaxed, only asks the thread to end; the join orders everything else
        while (!stop.load(std::memory_order_relaxed)) {
            relax();
        }
    });
    std::array<double, trials> rates{};
    for (std::size_t i = 0; i < trials; ++i) {
        rates[i] = jobs_per_second(cost, cpus, service, workers, seed + 100 * i);
    }
    // mo: relaxed, only asks the thread to end; the join orders everything else
    stop.store(true, std::memory_order_relaxed);
    generator.join();
    std::sort(rates.begin(), rates.end());
    capacity found;
    found.service = service;
    found.workers = workers;
    found.per_second = rates[trials / 2];
    found.spread = (rates.back() - rates.front()) / rates[trials / 2];
    return found;
}

} // namespace rp::lab
