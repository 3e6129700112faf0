// SPDX-License-Identifier: Apache-2.0
// What a controller is told: sums and integrals over the monitor's ticks.
//
// Nothing here costs a callback anything, except the service time, which two clock readings around
// an item give, for controllers that want it. The rest is counted anyway or seen at the ticks:
//   arrivals      starts + growth of the queues
//   waits         integral of the queue length (Little: the sum of the waits of all items in it)
//   oldest age    from the history of arrivals (token_state.hpp)
//   busy tokens   integral of the workers inside a callback that hold a core
// Rejected: a stamp in every item (a clock reading and 8 bytes for each submit, of every pool).
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "scheduler/engine.hpp"
#include "scheduler/token_state.hpp"

#include <algorithm>
#include <mutex>

namespace rp::sched {

namespace {

/// The monitor has slept: what was measured before tells nothing about now.
constexpr int64_t gap_ns = 20'000'000;
constexpr int64_t long_ns = 500'000'000;

} // namespace

/// Runs an item between two readings of the clock; how long it took.
int64_t engine::run_timed(item& it, worker& w) noexcept {
    // mo: relaxed (all below), only this thread writes them.
    const uint64_t before = w.callbacks_.load(std::memory_order_relaxed);
    w.item_began_ns_ = kernel::now_ns();
    it.run(it, w); // `it` may be gone now
    const int64_t took_ns = kernel::now_ns() - w.item_began_ns_;
    const uint64_t run = w.callbacks_.load(std::memory_order_relaxed) - before;
    w.service_ns_.store(w.service_ns_.load(std::memory_order_relaxed) + took_ns,
                        std::memory_order_relaxed);
    w.serviced_.store(w.serviced_.load(std::memory_order_relaxed) + run, std::memory_order_relaxed);
    return took_ns;
}

uint64_t engine::queued_items() const noexcept {
    uint64_t sum = arrivals_length() + central_length();
    for (const auto& c : cores_) {
        sum += c->length();
    }
    return sum;
}

worker_totals engine::totals(int64_t now_ns) noexcept {
    worker_totals t;
    for_each_worker([&](worker& w) {
        // mo: relaxed (all below), figures that may be a few operations apart.
        const uint64_t started = w.started_.load(std::memory_order_relaxed);
        const uint64_t blocks = w.blocks_.load(std::memory_order_relaxed);
        t.starts += started;
        t.completions += w.callbacks_.load(std::memory_order_relaxed);
        t.service_ns += w.service_ns_.load(std::memory_order_relaxed);
        t.serviced += w.serviced_.load(std::memory_order_relaxed);
        t.blocks_begun += (blocks + 1) / 2;
        t.blocks_ended += blocks / 2;
        const bool is_in_callback = w.busy_.load(std::memory_order_relaxed) == 0;
        if (!is_in_callback || started != w.controlled_started_) {
            w.controlled_started_ = started;
            w.controlled_since_ns_ = now_ns;
        }
        if (!is_in_callback) {
            return;
        }
        t.tokens_in_use += w.seat_.load(std::memory_order_relaxed) != 0 ? 1 : 0;
        t.blocked_announced += static_cast<uint32_t>(blocks % 2);
        t.long_running += now_ns - w.controlled_since_ns_ >= long_ns ? 1 : 0;
    });
    return t;
}

/// What happened since the last tick. True: the controller wants to be sampled in this one.
bool engine::hear_events(const worker_totals& t) noexcept {
    token_state& s = *tokens_;
    const auto begun = static_cast<uint32_t>(t.blocks_begun - s.at_tick.blocks_begun);
    const auto ended = static_cast<uint32_t>(t.blocks_ended - s.at_tick.blocks_ended);
    const auto revoked = static_cast<uint32_t>(cores_revoked_ - s.seen_revoked);
    s.seen_revoked = cores_revoked_;
    bool is_wanted = false;
    if (begun != 0) {
        is_wanted = s.chosen->blocked(compensation::announced, begun);
    }
    if (revoked != 0) {
        is_wanted = s.chosen->blocked(compensation::detected, revoked) || is_wanted;
    }
    if (ended != 0) {
        is_wanted = s.chosen->unblocked(ended) || is_wanted;
    }
    return is_wanted;
}

/// Called by the monitor at each tick while is_controlled_.
void engine::control_tick() noexcept {
    const std::scoped_lock guard(tokens_->lock);
    token_state& s = *tokens_;
    const int64_t now_ns = kernel::now_ns();
    // mo: relaxed, only a tick and a setter write it.
    if (is_approaching_.load(std::memory_order_relaxed)) {
        provision();
        approach(now_ns, false);
    }
    if (!s.chosen->traits().wants_samples) {
        // mo: relaxed (both), as above.
        is_controlled_.store(is_approaching_.load(std::memory_order_relaxed),
                             std::memory_order_relaxed);
        return;
    }
    const worker_totals t = totals(now_ns);
    const uint64_t queued = queued_items();
    const int64_t since_ns = now_ns - s.last_tick_ns;
    const bool is_new = s.last_tick_ns == 0 || since_ns > gap_ns;
    s.last_tick_ns = now_ns;
    s.is_wanted = hear_events(t) || s.is_wanted;
    s.at_tick = t;
    if (is_new) {
        s.arrivals.clear();
        s.at_sample = t;
        s.queued_at_sample = queued;
        s.sample_began_ns = now_ns;
        s.cpu_began_ns = kernel::process_cpu_ns();
        s.wait_ns = s.busy_ns = 0;
    } else {
        s.wait_ns += since_ns * static_cast<int64_t>(queued);
        s.busy_ns += since_ns * static_cast<int64_t>(t.tokens_in_use);
    }
    s.arrivals.tick(now_ns, t.starts + queued);
    const int64_t age_ns = queued != 0 ? s.arrivals.age_ns(now_ns, t.starts + 1) : 0;
    if (queued != 0) {
        s.is_wanted = s.chosen->queue_age(age_ns) || s.is_wanted;
    }
    if (!is_new && (s.is_wanted || now_ns >= s.next_sample_ns)) {
        s.is_wanted = false;
        take_sample(t, now_ns, queued, age_ns);
    }
}

void engine::take_sample(const worker_totals& t,
                         int64_t now_ns,
                         uint64_t queued,
                         int64_t age_ns) noexcept {
    token_state& s = *tokens_;
    pool_sample p = limits_now();
    p.dt_ns = now_ns - s.sample_began_ns;
    if (p.dt_ns <= 0) {
        return;
    }
    p.starts = t.starts - s.at_sample.starts;
    p.completions = t.completions - s.at_sample.completions;
    p.service_ns = t.service_ns - s.at_sample.service_ns;
    p.serviced = t.serviced - s.at_sample.serviced;
    const uint64_t came = p.starts + queued;
    p.arrivals = came > s.queued_at_sample ? came - s.queued_at_sample : 0;
    p.wait_ns = s.wait_ns;
    p.busy_ns = s.busy_ns;
    p.oldest_age_ns = age_ns;
    p.queued = queued;
    p.tokens_in_use = t.tokens_in_use;
    p.blocked_announced = t.blocked_announced;
    p.long_running = t.long_running;
    if (s.chosen->traits().wants_thread_states) {
        read_thread_states(p);
    }
    const int64_t cpu_ns = kernel::process_cpu_ns();
    p.cpu_use = static_cast<double>(cpu_ns - s.cpu_began_ns) /
                (static_cast<double>(p.dt_ns) * std::max(p.cpus, 1U));
    p.cpu_use = std::clamp(p.cpu_use, 0.0, 1.0);
    p.random = static_cast<uint32_t>(next_random(s.random_state));
    s.cpu_began_ns = cpu_ns;
    s.at_sample = t;
    s.queued_at_sample = queued;
    s.sample_began_ns = now_ns;
    s.wait_ns = s.busy_ns = 0;
    ++s.samples;
    adopt(s.chosen->sample(p), now_ns, false);
}

/// One read of /proc for each worker inside a callback that has not said that it blocks.
void engine::read_thread_states(pool_sample& s) noexcept {
    for_each_worker([&s](worker& w) {
        // mo: relaxed (all below), figures that may be a few operations apart.
        const bool is_in_callback = w.busy_.load(std::memory_order_relaxed) == 0;
        if (!is_in_callback || w.blocks_.load(std::memory_order_relaxed) % 2 != 0) {
            return;
        }
        const bool is_runnable =
            kernel::thread_state(w.tid_.load(std::memory_order_relaxed)) == 'R';
        const bool is_seated = w.seat_.load(std::memory_order_relaxed) != 0;
        s.running += is_runnable && is_seated ? 1 : 0;
        s.waiting_for_cpu += is_runnable && !is_seated ? 1 : 0;
        s.blocked_detected += is_runnable ? 0 : 1;
    });
}

} // namespace rp::sched
