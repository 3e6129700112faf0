// SPDX-License-Identifier: Apache-2.0
#pragma once
// A pool as a formula, for controllers: the best number of tokens is known, time is simulated.
//
// Every callback computes for c and waits for w, on P CPUs. n workers that are active without
// compensation complete min(n / (c + w), P / c) a second, and each callback takes
// max(c + w, n c / P): more workers than P (1 + w / c) only share the CPUs. With compensation a
// token is held while computing only, so n tokens complete min(n, P) / c. Items arrive at a rate,
// or there are always enough. Fluid: counts are rounded, what is left over is carried on.
#include "scheduler/controller.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

namespace rp::test {

struct plant {
    double cpus = 4;
    double compute_s = 0.001;
    double wait_s = 0;
    double arrivals_per_s = 0; ///< 0: there are always items
    uint32_t maximum = 64;

    [[nodiscard]] double best_tokens() const {
        return std::min<double>(maximum, cpus * (1 + wait_s / compute_s));
    }
};

class closed_loop {
public:
    closed_loop(const char* controller, const plant& of)
        : plant_(of), controller_(sched::make_controller(controller)) {
        apply(controller_->sample(limits()));
    }

    /// Tokens after each tick of one millisecond.
    std::vector<uint32_t> run(double seconds) {
        std::vector<uint32_t> tokens;
        for (auto ticks = static_cast<int>(seconds * 1000); ticks > 0; --ticks) {
            tick();
            tokens.push_back(tokens_);
        }
        return tokens;
    }

    [[nodiscard]] plant& of() { return plant_; }

    [[nodiscard]] sched::reason why() const { return why_; }

    [[nodiscard]] sched::controller& controller() { return *controller_; }

private:
    static constexpr double tick_s = 0.001;

    [[nodiscard]] bool is_compensated() const {
        return controller_->traits().compensates != sched::compensation::none;
    }

    [[nodiscard]] sched::pool_sample limits() {
        sched::pool_sample s;
        s.hard_maximum = plant_.maximum;
        s.soft_maximum = plant_.maximum;
        s.tokens_limit = 64;
        s.cpus = static_cast<uint32_t>(plant_.cpus);
        s.tokens = tokens_;
        s.random = random_ = random_ * 1664525U + 1013904223U;
        s.random >>= 8U;
        return s;
    }

    void tick() {
        const bool is_open = plant_.arrivals_per_s > 0;
        const double held_s = plant_.compute_s + (is_compensated() ? 0 : plant_.wait_s);
        const double capacity = std::min(tokens_ / held_s, plant_.cpus / plant_.compute_s);
        const double arriving = is_open ? plant_.arrivals_per_s * tick_s : capacity * tick_s;
        queue_ += arriving;
        const double done = std::min(queue_, capacity * tick_s);
        queue_ -= done;
        const bool is_full = !is_open || queue_ > 1e-9;
        const double rate = done / tick_s;
        const double busy = is_full ? tokens_ : std::min<double>(tokens_, rate * held_s);
        const double service =
            std::max(plant_.compute_s + plant_.wait_s, busy * plant_.compute_s / plant_.cpus);
        since_ += sums{tick_s, arriving, done, done * service, busy * tick_s, queue_ * tick_s};
        since_.compute_s += done * plant_.compute_s;
        oldest_s_ = is_full ? (queue_ + 1) / std::max(rate, 1.0) : 0;
        const bool is_asked = is_full && controller_->queue_age(int64_t(oldest_s_ * 1e9));
        if (is_asked || since_.dt_s * 1e9 >= static_cast<double>(next_ns_)) {
            sample(is_full, busy);
        }
    }

    void sample(bool is_full, double busy) {
        sched::pool_sample s = limits();
        s.dt_ns = std::llround(since_.dt_s * 1e9);
        s.arrivals = whole(since_.arrived, arrived_left_);
        s.completions = whole(since_.done, done_left_);
        s.starts = s.serviced = s.completions;
        const double each_s = since_.done > 0 ? since_.service_s / since_.done : 0;
        s.service_ns = std::llround(each_s * 1e9 * static_cast<double>(s.completions));
        s.busy_ns = std::llround(since_.busy_s * 1e9);
        s.wait_ns = std::llround(since_.wait_s * 1e9);
        s.oldest_age_ns = std::llround(oldest_s_ * 1e9);
        s.queued = static_cast<uint64_t>(queue_) + (is_full ? 1 : 0);
        s.tokens_in_use = static_cast<uint32_t>(std::ceil(busy));
        const double running = busy * plant_.compute_s / (plant_.compute_s + plant_.wait_s);
        s.running = static_cast<uint32_t>(std::llround(running));
        s.cpu_use = since_.compute_s / (since_.dt_s * plant_.cpus);
        since_ = {};
        apply(controller_->sample(s));
    }

    void apply(const sched::decision& d) {
        tokens_ = d.tokens;
        next_ns_ = d.next_sample_in_ns;
        why_ = d.why;
    }

    static uint64_t whole(double count, double& left) {
        const double all = count + left;
        left = all - std::floor(all);
        return static_cast<uint64_t>(all);
    }

    struct sums {
        double dt_s = 0, arrived = 0, done = 0, service_s = 0, busy_s = 0, wait_s = 0;
        double compute_s = 0;

        sums& operator+=(const sums& more) {
            dt_s += more.dt_s;
            arrived += more.arrived;
            done += more.done;
            service_s += more.service_s;
            busy_s += more.busy_s;
            wait_s += more.wait_s;
            return *this;
        }
    };

    plant plant_;
    std::unique_ptr<sched::controller> controller_;
    uint32_t tokens_ = 0;
    uint32_t random_ = 1;
    int64_t next_ns_ = 0;
    sched::reason why_ = sched::reason::initial;
    double queue_ = 0;
    double oldest_s_ = 0;
    double arrived_left_ = 0;
    double done_left_ = 0;
    sums since_;
};

/// Mean of the last `ticks` entries.
inline double settled(const std::vector<uint32_t>& tokens, size_t ticks) {
    double sum = 0;
    const size_t count = std::min(ticks, tokens.size());
    for (size_t i = tokens.size() - count; i < tokens.size(); ++i) {
        sum += tokens[i];
    }
    return sum / static_cast<double>(count);
}

} // namespace rp::test
