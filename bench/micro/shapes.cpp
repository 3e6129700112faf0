// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/shapes.hpp"

namespace rp::micro {

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
    case shape::chain:
        return "chain";
    case shape::four_producers:
        return "four_producers";
    }
    return "?";
}

const std::vector<engine_kind>& all_engines() {
    static const std::vector<engine_kind> kinds{
        {"ringpool", false, make_ringpool},
        {"onetbb", false, make_tbb},
        {"asio", false, make_asio},
        {"limit", true, make_limit},
    };
    return kinds;
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

} // namespace rp::micro
