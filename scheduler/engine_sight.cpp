// SPDX-License-Identifier: Apache-2.0
// What the engine makes of seeing that a worker is blocked.
//
// Nouns. A *suspect* is a worker in a callback that could be blocked to somebody's cost: work
// waits, and few callbacks were begun on it since the last tick, so the one it is in is slow. A
// *sight* (kernel_iface/linux/block_sight.hpp) is opened for suspects and closed when a worker has
// not been one for 30 ms, or when it ends: callbacks that neither block nor take long are never
// looked at. *Under watch*: an engine that has had a suspect within the last 30 ms. A worker that
// gets a core meanwhile opens its own switch records before it runs anything, so that a burst of
// blocks (one callback after the other takes a worker with it) is seen block by block and not tick
// by tick.
//
// Who may touch a sight, and when it may be trusted:
//   monitor                                    the worker
//   1. takes the sight's lock                  opens: in engine code, under the lock
//   2. busy = 0, or gives up: a worker in      closes when its thread ends: under the lock, busy
//      engine code may be about to end         stays 1 from then on
//   3. opens it or looks                       blocks, or returns to engine code at any time
//   4. revokes the core (worker.hpp), which
//      fails if the worker has returned
// A sight that says "blocked" may be outdated by the time the core is revoked; then a worker runs
// on without a core and parks after its callback, one more than there are cores until then. That is
// the price of handing over at once, and what a completion port does too.
//
// A core is taken from a sleeper even when nothing waits (looked at after 1, 2, 4, 8... ticks):
// then the next submit finds an idle core and wakes a worker at once, instead of waiting for a
// tick.
//
// Rejected: opening a sight with every thread (three descriptors and a microsecond per switch for
// pools that never block); waiting longer before the core is taken from a thread that has just
// blocked (a hand-over costs 25 us, and that long it takes to notice, so the wait is as long as it
// should be already).
#include "kernel_iface/linux/block_bell.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "scheduler/engine.hpp"

#include <mutex>

namespace rp::sched {

namespace {

/// With at most so many callbacks in a tick of 1 ms, one of them may well be blocked.
constexpr uint64_t slow_callbacks_per_tick = 16;
constexpr int64_t watch_ns = 30'000'000;

bool sees_switches() noexcept {
    return kernel::detection().tier == kernel::detection_tier::perf;
}

bool hears_blocks() noexcept {
    return sees_switches() && kernel::block_bell::is_worthwhile();
}

} // namespace

/// Does a tier look, and does the controller make up for what it sees?
bool engine::looks_for_blocked() const noexcept {
    return kernel::detection().tier != kernel::detection_tier::announced &&
           compensates() == compensation::detected;
}

/// For the monitor's tick. Returns whether a glance before the next tick could find `w` blocked and
/// no bell would tell.
bool engine::tend_sight(worker& w, bool may_matter, uint64_t begun) noexcept {
    if (!looks_for_blocked()) {
        return false;
    }
    w.glanced_started_ = w.seen_started_;
    // mo: relaxed, a hint: who has a core.
    const bool is_seated = w.seat_.load(std::memory_order_relaxed) != 0;
    // mo: relaxed, the lock below decides.
    const bool is_open = w.has_sight_.load(std::memory_order_relaxed);
    if (may_matter && is_seated && begun <= slow_callbacks_per_tick) {
        const int64_t now = kernel::now_ns();
        // mo: relaxed, read again by the monitor only.
        w.suspected_at_ns_.store(now, std::memory_order_relaxed);
        // mo: relaxed, a hint for workers that get a core.
        watch_until_ns_.store(now + watch_ns, std::memory_order_relaxed);
        if (!is_open) {
            open_sight(w);
        }
        return !hears_blocks();
    }
    // mo: relaxed, written by the monitor and by a worker that has just opened its sight.
    if (is_open &&
        kernel::now_ns() - w.suspected_at_ns_.load(std::memory_order_relaxed) > watch_ns) {
        close_sight(w);
    }
    return false;
}

/// For the monitor.
void engine::open_sight(worker& w) noexcept {
    const std::scoped_lock guard(w.sight_guard_);
    // mo: acquire, pairs worker.busy (leave).
    if (w.busy_.load(std::memory_order_acquire) != 0) {
        return; // its thread may be about to end, and its number be given to another
    }
    // mo: relaxed, see thread_main.
    const pid_t tid = w.tid_.load(std::memory_order_relaxed);
    w.sight_.open(tid, kernel::detection().tier, hears_blocks());
    // mo: relaxed, a hint beside the lock.
    w.has_sight_.store(true, std::memory_order_relaxed);
}

/// For a worker that has got a core, before it runs anything.
void engine::open_own_sight(worker& w) noexcept {
    // mo: relaxed, a hint.
    const int64_t until = watch_until_ns_.load(std::memory_order_relaxed);
    // mo: relaxed, this worker is in engine code: only it opens its sight now.
    if (until == 0 || w.has_sight_.load(std::memory_order_relaxed)) {
        return;
    }
    const int64_t now = kernel::now_ns();
    if (now > until || !sees_switches()) {
        return; // what the lower tiers look at was there before
    }
    const std::scoped_lock guard(w.sight_guard_);
    w.sight_.open(kernel::thread_id(), kernel::detection_tier::perf, hears_blocks());
    // mo: relaxed, read by the monitor's tick, which closes sights that have not served for long.
    w.suspected_at_ns_.store(now, std::memory_order_relaxed);
    // mo: relaxed, a hint beside the lock.
    w.has_sight_.store(true, std::memory_order_relaxed);
}

void engine::close_sight(worker& w) noexcept {
    const std::scoped_lock guard(w.sight_guard_);
    w.sight_.close();
    // mo: relaxed, a hint beside the lock.
    w.has_sight_.store(false, std::memory_order_relaxed);
}

/// For the monitor: takes the core of a worker that sleeps in its callback. False: it does not, or
/// nobody can tell.
bool engine::take_if_blocked(worker& w) noexcept {
    if (!looks_for_blocked()) {
        return false;
    }
    bool is_blocked = false;
    {
        const std::scoped_lock guard(w.sight_guard_);
        if (w.sight_.is_open()) {
            is_blocked = w.sight_.look(kernel::now_ns()) == kernel::thread_activity::blocked;
        } else {
            // mo: relaxed, see thread_main.
            is_blocked = kernel::is_asleep(w.tid_.load(std::memory_order_relaxed));
        }
    }
    core* c = is_blocked ? w.revoke() : nullptr;
    if (c == nullptr) {
        return false;
    }
    ++cores_revoked_;
    surrender_core(*c, false);
    if (kernel::block_sight::is_scarce()) {
        close_sight(w); // it has served; the next holder of a core may need one
    }
    return true;
}

/// For the monitor between two ticks: looks at the holders of cores. Adds to `wants_another`
/// whether one more glance could find what no bell would announce; returns how many cores it took.
unsigned engine::glance(bool& wants_another) noexcept {
    if (!looks_for_blocked() || (!has_anything_queued() && !has_waiting_arms())) {
        return 0;
    }
    unsigned taken = 0;
    for (const auto& c : cores_) {
        // mo: acquire, pairs core.holder (take_seat); workers are never freed while the engine
        // lives.
        worker* w = c->holder.load(std::memory_order_acquire);
        // mo: acquire, pairs worker.busy (leave).
        if (w == nullptr || w->busy_.load(std::memory_order_acquire) != 0) {
            continue;
        }
        // mo: relaxed, compared with itself at the next glance.
        const uint64_t started = w->started_.load(std::memory_order_relaxed);
        const bool is_same = started == w->glanced_started_;
        w->glanced_started_ = started;
        // mo: relaxed, a hint; records tell at once, and a look at them is nearly free.
        const bool is_recorded = sees_switches() && w->has_sight_.load(std::memory_order_relaxed);
        wants_another = wants_another || !is_recorded || !hears_blocks();
        if ((is_same || is_recorded) && take_if_blocked(*w)) {
            ++taken;
        }
    }
    return taken;
}

} // namespace rp::sched
