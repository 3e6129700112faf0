// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an engine keeps for its controller; see engine_tokens.cpp. Guard of everything: `lock`.
#include "scheduler/controller.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>

namespace rp::sched {

/// One change of an engine's tokens or soft limits, as they were in force.
struct control_change {
    uint64_t sequence = 0; ///< from 1
    int64_t time_ns = 0;
    uint32_t tokens_before = 0;
    uint32_t tokens = 0;
    uint32_t soft_minimum_before = 0;
    uint32_t soft_minimum = 0;
    uint32_t soft_maximum_before = 0;
    uint32_t soft_maximum = 0;
    uint32_t threads = 0;
    reason why = reason::initial;
    const char* controller = nullptr;
};

/// When items arrived, known from counts at every tick: item number n (from 1) was there at the
/// first tick by whose end n items had arrived. Under first in, first out the oldest waiting item
/// is number `starts + 1`, so its age needs no stamp in any item.
class arrival_history {
public:
    void clear() noexcept { first_ = last_ = 0; }

    void tick(int64_t now_ns, uint64_t arrived) noexcept {
        if (last_ - first_ == size) {
            ++first_;
        }
        ticks_[last_++ % size] = {now_ns, arrived};
    }

    /// For how long item number `n` has been seen waiting: at least, and at most the history.
    [[nodiscard]] int64_t age_ns(int64_t now_ns, uint64_t n) noexcept {
        while (first_ + 1 < last_ && ticks_[first_ % size].arrived < n) {
            ++first_; // n only grows
        }
        const entry& e = ticks_[first_ % size];
        return first_ < last_ && e.arrived >= n ? now_ns - e.time_ns : 0;
    }

private:
    static constexpr size_t size = 1024; // a second of ticks

    struct entry {
        int64_t time_ns = 0;
        uint64_t arrived = 0;
    };

    std::array<entry, size> ticks_{};
    size_t first_ = 0;
    size_t last_ = 0;
};

/// Sums over all workers at one instant; everything but the last group only grows.
struct worker_totals {
    uint64_t starts = 0;
    uint64_t completions = 0;
    int64_t service_ns = 0;
    uint64_t serviced = 0;
    uint64_t blocks_begun = 0;
    uint64_t blocks_ended = 0;

    uint32_t tokens_in_use = 0;
    uint32_t blocked_announced = 0;
    uint32_t long_running = 0;
};

struct token_state {
    static constexpr size_t log_size = 256;

    std::mutex lock;
    std::unique_ptr<controller> chosen;
    decision target;
    int64_t next_sample_ns = 0;
    int64_t last_raise_ns = 0;

    // Since the last sample.
    int64_t sample_began_ns = 0;
    int64_t cpu_began_ns = 0;
    worker_totals at_sample;
    uint64_t queued_at_sample = 0;
    int64_t wait_ns = 0;
    int64_t busy_ns = 0;

    // Since the last tick.
    int64_t last_tick_ns = 0;
    worker_totals at_tick;
    uint64_t seen_revoked = 0;
    bool is_wanted = false; ///< the controller has asked to be sampled
    arrival_history arrivals;

    uint64_t random_state = 0x9E3779B97F4A7C15ULL;
    uint64_t samples = 0;
    uint64_t changes = 0;
    std::array<control_change, log_size> log{};
};

} // namespace rp::sched
