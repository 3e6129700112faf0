// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/shapes.hpp"

#include "bench/peers/optional_peers.hpp"
#include "bench/peers/tally.hpp"

#include <fmt/format.h>

#include <chrono>

namespace rp::peers {

std::string_view name_of(shape s) {
    switch (s) {
    case shape::submit_one:
        return "submit_one";
    case shape::submit_1000:
        return "submit_1000";
    case shape::try_submit:
        return "try_submit";
    case shape::fan_out:
        return "fan_out";
    case shape::fork_join:
        return "fork_join";
    case shape::chain:
        return "chain";
    case shape::four_producers:
        return "four_producers";
    }
    return "?";
}

const std::vector<engine_kind>& all_engines() {
    static const std::vector<engine_kind> kinds = [] {
        std::vector<engine_kind> all{
            {"ringpool", role::ours, make_ringpool, nullptr},
            {"onetbb", role::peer, make_tbb, nullptr},
            {"asio", role::peer, make_asio, nullptr},
        };
        for (const engine_kind& one : optional_engines()) {
            all.push_back(one);
        }
        all.push_back({"limit", role::limit, make_limit, nullptr});
        return all;
    }();
    return kinds;
}

double measure_shape(
    const engine_kind& kind, unsigned workers, shape s, std::uint64_t n, std::string& fault) {
    const std::uint64_t warm_up = s == shape::fork_join ? tree_tasks(n / 4 + 1) : n / 4 + 1;
    const std::uint64_t before = total();
    std::unique_ptr<engine> fresh = kind.make(workers);
    fresh->run(s, warm_up);
    const auto begin = std::chrono::steady_clock::now();
    fresh->run(s, n);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    // A task that runs twice may do so late: with its threads gone an engine runs nothing more.
    fresh.reset();
    const std::uint64_t ran = total() - before;
    if (ran != warm_up + n) {
        fault = fmt::format("{} tasks were submitted and {} ran", warm_up + n, ran);
    }
    return took.count() / static_cast<double>(n);
}

std::uint64_t tree_tasks(std::uint64_t n) {
    std::uint64_t nodes = 1;
    while (2 * nodes + 1 <= n) {
        nodes = 2 * nodes + 1;
    }
    return nodes;
}

std::uint64_t share_of(std::uint64_t n, unsigned index) {
    return n * (index + 1) / producer_team::size - n * index / producer_team::size;
}

producer_team::producer_team() {
    for (unsigned i = 0; i < size; ++i) {
        threads_.emplace_back([this, i] { work(i); });
    }
}

producer_team::~producer_team() {
    job_ = nullptr;
    // mo: release, pairs producer_team (work)
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
    for (auto& thread : threads_) {
        thread.join();
    }
}

void producer_team::run(const std::function<void(unsigned)>& job) {
    job_ = &job;
    // mo: relaxed, published by the round below
    busy_.store(size, std::memory_order_relaxed);
    // mo: release, pairs producer_team (work)
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
    // mo: acquire, pairs producer_team done (work)
    for (std::uint32_t left = busy_.load(std::memory_order_acquire); left != 0;
         // mo: acquire, pairs producer_team done (work)
         left = busy_.load(std::memory_order_acquire)) {
        // mo: acquire, pairs producer_team done (work)
        busy_.wait(left, std::memory_order_acquire);
    }
}

void producer_team::work(unsigned index) {
    std::uint32_t seen = 0;
    for (;;) {
        // mo: acquire, pairs producer_team (run)
        round_.wait(seen, std::memory_order_acquire);
        // mo: acquire, pairs producer_team (run)
        seen = round_.load(std::memory_order_acquire);
        if (job_ == nullptr) {
            return;
        }
        (*job_)(index);
        // mo: acq_rel, pairs producer_team done (run); the last one has seen the others
        if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            busy_.notify_one();
        }
    }
}

} // namespace rp::peers
