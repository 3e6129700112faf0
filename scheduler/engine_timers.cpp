// SPDX-License-Identifier: Apache-2.0
// Who looks at the deadlines.
//
// Nouns. The *tender* is the parked worker that sleeps no longer than until the next deadline. To
// *tend*: to expire what is due and place the items that have become runnable.
//
//   a worker with a core     tends whenever it polls: every few callbacks, and when it finds
//   nothing the tender               tends when its sleep ends, then looks for work like any parked
//   worker the monitor              tends at its tick, while workers are stuck in callbacks and the
//   others
//                            sleep without a deadline; and, when a pool has no thread at all, wakes
//                            for its deadline
//
// The race between setting an earlier deadline and the last worker going to sleep:
//   setter                                    parking worker
//   1. next_look = earlier                    1. tender = itself
//   2. reads tender: pokes it. Nobody: is     2. reads next_look, sleeps no longer
//      any worker awake? Then it will poll
//      or park. None: rouses the monitor
// All four are seq_cst, so at least one sees the other.
//
// The tender is the first worker to park and, as wakers take the one that parked last, the last to
// be woken for work. One that is given a core gives the role up: it polls, or blocks, and then the
// monitor ticks.
//
// Rejected: a timer thread (a wake and a hop more for each expiry); a deadline for every parked
// worker (all would wake for each timer); handing the role over on each wake (a wake more).
#include "kernel_iface/linux/clock.hpp"
#include "scheduler/engine.hpp"
#include "scheduler/monitor.hpp"
#include "scheduler/visit.hpp"

#include <mutex>

namespace rp::sched {

void engine::deadline_came_nearer() noexcept {
    const visit inside(*this);
    // mo: seq_cst, pairs engine.tender (become_tender): see the essay.
    if (worker* t = tender_.load(std::memory_order_seq_cst); t != nullptr) {
        unpark(*t);
        return;
    }
    // A worker that is awake looks at the deadlines itself, or becomes the tender when it parks.
    // mo: relaxed (both), a worker that has left was uncounted before it resigned.
    if (threads_.load(std::memory_order_relaxed) <= idle_threads_.load(std::memory_order_relaxed)) {
        monitor::watch(*this);
        monitor::rouse();
    }
}

void engine::become_tender(worker& w) noexcept {
    worker* nobody = nullptr;
    // mo: seq_cst, pairs engine.tender (deadline_came_nearer).
    (void)tender_.compare_exchange_strong(
        nobody, &w, std::memory_order_seq_cst, std::memory_order_relaxed);
}

void engine::resign_as_tender(worker& w) noexcept {
    // mo: relaxed, only this worker puts itself there.
    if (tender_.load(std::memory_order_relaxed) == &w) {
        // mo: seq_cst, pairs engine.tender (deadline_came_nearer).
        tender_.store(nullptr, std::memory_order_seq_cst);
    }
}

/// How long `w`, which is parked, may sleep for the sake of the deadlines.
int64_t engine::tending_deadline_ns(const worker& w) const noexcept {
    // mo: relaxed, only this worker puts itself there.
    return tender_.load(std::memory_order_relaxed) == &w ? timers_.next_look_ns() : timers::never;
}

/// For the monitor: the deadline that nobody else would look at; is_active() was false.
int64_t engine::untended_deadline_ns() const noexcept {
    // mo: seq_cst, pairs engine.tender (become_tender).
    return tender_.load(std::memory_order_seq_cst) == nullptr ? timers_.next_look_ns()
                                                              : timers::never;
}

/// Expires what is due. Returns how many items have become runnable. Any thread.
unsigned engine::tend_if_due() noexcept {
    const int64_t next = timers_.next_look_ns();
    if (next == timers::never) {
        return 0;
    }
    const int64_t now = kernel::now_ns();
    return next <= now ? tend(now) : 0;
}

unsigned engine::tend(int64_t now) noexcept {
    constexpr unsigned batch = 64;
    item* runnable[batch];
    unsigned total = 0;
    for (;;) {
        if (!timers_.lock().try_lock()) {
            return total; // somebody is setting one, or tending: the next look is not far
        }
        unsigned found = 0;
        {
            const std::scoped_lock guard(std::adopt_lock, timers_.lock());
            const int64_t offset = timers_.has_absolute() ? kernel::wall_clock_offset_ns() : 0;
            found = timers_.expire(now, offset, runnable, batch);
        }
        for (unsigned i = 0; i < found; ++i) {
            place(*runnable[i], origin::timer);
        }
        total += found;
        if (found < batch) {
            return total;
        }
    }
}

} // namespace rp::sched
