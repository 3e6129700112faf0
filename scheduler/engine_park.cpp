// SPDX-License-Identifier: Apache-2.0
// Sleeping and being woken.
//
// Nouns. *parked*: in the idle list, without a core. *assigned*: a waker has taken the worker out
// of the list and given it a core it claimed for it. *poked*: woken without a core, to look around.
//
// park_word: 0 awake, 1 poked or assigned, 2 asleep.
//   parking worker                              waker (has taken the worker out of the list)
//   1. enters the idle list (roster lock)       1. assigned = core
//   2. gives up its core, heavy()               2. park_word: exchange 1
//   3. looks for idle cores with work           3. it was 2: wakes the futex or the ring
//   4. park_word: 0 -> 2, else looks again
//   5. sleeps while park_word == 2
// Step 3 of the worker pairs with the submit of crowd.hpp; step 4 with step 2 of the waker.
//
// A worker with requests in flight sleeps inside its ring, so that it reaps its own completions;
// its wake-up by a completion gives it no core, so it takes an idle one, or, when all cores are
// held by others, only turns the completions into queued items.
//
// Rejected: one eventfd for each worker (a system call more per wake than a futex in the ring, with
// the same latency); leaving the core with a parked worker (then a completion of another worker
// could not use it).
#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "scheduler/engine.hpp"

#include <algorithm>
#include <climits>
#include <mutex>

namespace rp::sched {

/// Returns whether `w` is wanted again.
bool engine::park(worker& w) noexcept {
    const bool is_wanted = park_until_wanted(w);
    if (events::is_on()) [[unlikely]] {
        w.note(event_kind::unparks, 0, 0);
    }
    return is_wanted;
}

/// Under a policy of the program: does the worker park again and again without having run anything,
/// beside work it may have? Then it is not its own judge any more, but sleeps until the next submit
/// or the monitor's next tick: as fast as it can, it would take the CPU from those who find out.
bool engine::parks_in_vain(worker& w) const noexcept {
    constexpr uint32_t patience = 16;
    // mo: relaxed, only this thread writes it.
    const uint64_t started = w.started_.load(std::memory_order_relaxed);
    w.parks_in_vain_ = started == w.started_at_park_ ? w.parks_in_vain_ + 1 : 0;
    w.started_at_park_ = started;
    return is_watched_ && w.parks_in_vain_ >= patience;
}

bool engine::park_until_wanted(worker& w) noexcept {
    const bool is_in_vain = parks_in_vain(w);
    {
        const std::scoped_lock guard(roster_lock_);
        push_idle(w);
    }
    become_tender(w);
    const bool was_searching = w.is_searching_;
    w.is_searching_ = false;
    if (was_searching) {
        crowd_.searched(false);
    }
    if (events::is_on()) [[unlikely]] {
        if (was_searching) {
            w.note(event_kind::search_ends, 0, 0);
        }
        w.note(event_kind::parks, 0, 0);
    }
    if (core* c = w.give_up_seat(); c != nullptr) {
        surrender_core(*c, was_searching, !is_in_vain);
    } else {
        if (was_searching) {
            crowd_.stop_searching();
        }
        fence::heavy();
    }
    // mo: relaxed, statistics; only this thread writes it.
    w.parks_.store(w.parks_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    // mo: relaxed, a setting.
    int64_t deadline_ns = kernel::now_ns() + idle_timeout_ns_.load(std::memory_order_relaxed);
    for (;;) {
        if (seat_assigned(w)) {
            return true;
        }
        if (tending_deadline_ns(w) != timers::never) {
            (void)tend_if_due();
        }
        core* c = is_in_vain ? nullptr : find_idle_core_with_work(w.last_core_);
        if (c != nullptr && take_back(w, *c)) {
            return true;
        }
        if (w.ring_ != nullptr && w.ring_->has_completions()) {
            if (take_back(w, *cores_[static_cast<size_t>(w.last_core_)])) {
                return true;
            }
            reap_while_parked(w);
        }
        const bool is_late = kernel::now_ns() >= deadline_ns;
        // mo: relaxed, a hint; leaving is decided under the roster lock.
        if (is_late || (orders_.load(std::memory_order_relaxed) & order_surplus) != 0 ||
            // mo: relaxed, as above.
            threads_.load(std::memory_order_relaxed) > ceiling_of_threads() ||
            // mo: seq_cst, pairs engine.shut_down (shut_down).
            is_shut_down_.load(std::memory_order_seq_cst)) {
            if (may_exit_idle(w, is_late)) {
                return false;
            }
            // mo: relaxed, a setting.
            deadline_ns = kernel::now_ns() + idle_timeout_ns_.load(std::memory_order_relaxed);
        }
        sleep(w, std::min(deadline_ns, tending_deadline_ns(w)));
    }
}

/// For a worker outside the idle list and without a core: takes an idle core that has work.
bool engine::take_core_with_work(worker& w) noexcept {
    core* c = find_idle_core_with_work(w.last_core_);
    if (c == nullptr || !crowd_.claim(c->id)) {
        return false;
    }
    w.take_seat(*c);
    return true;
}

core* engine::find_idle_core_with_work(int32_t prefer) noexcept {
    if (crowd_.idle() == 0) {
        return nullptr;
    }
    const auto count = static_cast<int32_t>(cores_.size());
    bool is_asked = false;
    for (int32_t k = 0; k < count; ++k) {
        const int32_t c = (prefer + k) % count;
        if (!crowd_.is_idle(c)) {
            continue;
        }
        if (is_asked && reads_everything_) {
            return nullptr; // every core would give the same answer
        }
        is_asked = true;
        if (has_work_for(c) || has_waiting_arms()) {
            return cores_[static_cast<size_t>(c)].get();
        }
    }
    return nullptr;
}

/// Takes the seat a waker has assigned, if there is one. The word is reset by an exchange, never by
/// a plain store: the store could still be on its way when `assigned` is read, and then wipe out
/// the 1 of a waker that saw nobody asleep.
bool engine::seat_assigned(worker& w) noexcept {
    // mo: seq_cst, pairs worker.park_word (unpark): the look at `assigned` comes after it.
    w.park_word_.exchange(0, std::memory_order_seq_cst);
    // mo: acquire, pairs worker.assigned (assign).
    core* c = w.assigned_.load(std::memory_order_acquire);
    if (c == nullptr) {
        return false;
    }
    // mo: relaxed, only a waker that has taken this worker out of the idle list writes it.
    w.assigned_.store(nullptr, std::memory_order_relaxed);
    w.is_searching_ = w.is_assigned_searching_;
    if (w.is_searching_) {
        w.searches_.add(1);
        if (events::is_on()) [[unlikely]] {
            note(event_kind::search_begins, c->id, uint64_t{0}, 0);
        }
    }
    w.take_seat(*c);
    return true;
}

/// A parked worker found work itself: leaves the list and takes the idle core, unless a waker was
/// faster with either.
bool engine::take_back(worker& w, core& c) noexcept {
    if (!crowd_.claim(c.id)) {
        return false;
    }
    bool is_closed = false;
    {
        const std::scoped_lock guard(roster_lock_);
        if (w.is_idle_) {
            remove_idle(w);
            w.take_seat(c);
            return true;
        }
        is_closed = settle(c, false);
    }
    // Another core is on its way to this worker. Somebody else may be needed for this one.
    fence::heavy();
    if (is_closed) {
        evacuate(c);
    } else if (has_work_for(c.id)) {
        wake_core(c.id);
    }
    return false;
}

void engine::reap_while_parked(worker& w) noexcept {
    if (w.ring_->needs_enter()) {
        w.ring_->submit_and_get_events();
    }
    (void)reap(w, *w.ring_, 256);
}

void engine::spin(int32_t requested_ns) noexcept {
    constexpr int32_t spin_max_ns = 20'000;
    const int64_t until = kernel::now_ns() + std::min(requested_ns, spin_max_ns);
    do {
        for (unsigned i = 0; i < 8; ++i) {
            kernel::cpu_relax();
        }
    } while (kernel::now_ns() < until);
}

bool engine::is_about_to_be_taken(const core& victim) noexcept {
    // mo: acquire, pairs core.holder (take_seat); workers are never freed while the engine lives.
    const worker* holder = victim.holder.load(std::memory_order_acquire);
    if (holder == nullptr) {
        return false;
    }
    // mo: relaxed, compared with itself a microsecond later.
    const uint64_t before = holder->started_.load(std::memory_order_relaxed);
    spin(1000);
    // mo: relaxed, as above.
    return holder->started_.load(std::memory_order_relaxed) != before;
}

void engine::sleep(worker& w, int64_t deadline_ns) noexcept {
    // Not to the worker, which is in the engine, but to whoever put himself in front of it.
    const kernel::blocking_scope announced;
    const bool in_ring = w.ring_ != nullptr && w.ring_->in_flight() != 0;
    // mo: relaxed, published by the CAS below.
    w.sleeps_in_ring_.store(in_ring, std::memory_order_relaxed);
    uint32_t awake = 0;
    // mo: seq_cst, pairs worker.park_word (unpark).
    if (!w.park_word_.compare_exchange_strong(
            awake, 2, std::memory_order_seq_cst, std::memory_order_relaxed)) {
        return; // poked: the caller's next look resets the word
    }
    if (in_ring) {
        w.ring_->wait(w.park_word_, 2, deadline_ns);
    } else {
        (void)kernel::futex_wait(w.park_word_, 2, deadline_ns);
    }
    // mo: seq_cst, pairs worker.park_word (unpark): no waker need wake this worker any more.
    w.park_word_.exchange(0, std::memory_order_seq_cst);
}

void engine::unpark(worker& w) noexcept {
    // mo: seq_cst, pairs worker.park_word (sleep).
    if (w.park_word_.exchange(1, std::memory_order_seq_cst) != 2) {
        return;
    }
    // mo: relaxed, published by the CAS to 2.
    if (w.sleeps_in_ring_.load(std::memory_order_relaxed)) {
        const std::scoped_lock guard(w.ring_guard_);
        if (w.ring_ != nullptr) {
            w.ring_->wake(w.park_word_);
            return;
        }
    }
    // Everyone on the word: the worker's ring may still have a waiter there from an earlier sleep,
    // which would swallow the only wake.
    (void)kernel::futex_wake(w.park_word_, INT_MAX);
}

/// Idle for the whole timeout, or surplus, or the engine is shutting down: may this worker leave?
bool engine::may_exit_idle(worker& w, bool is_late) noexcept {
    const std::scoped_lock guard(roster_lock_);
    if (!w.is_idle_) {
        return false; // a waker was faster
    }
    // mo: relaxed, guard: roster_lock_.
    const uint32_t exist = threads_.load(std::memory_order_relaxed);
    // mo: relaxed, guard: roster_lock_.
    const uint32_t maximum = maximum_.load(std::memory_order_relaxed);
    // mo: relaxed, a one-way flag.
    const bool is_over = is_shut_down_.load(std::memory_order_relaxed) || exist > maximum;
    const bool has_requests = w.ring_ != nullptr && w.ring_->in_flight() != 0;
    const bool is_unwanted =
        exist > ceiling_of_threads() || (is_late && exist > floor_of_threads());
    if (!is_over && (has_requests || w.is_persistent || !is_unwanted)) {
        return false;
    }
    remove_idle(w);
    // mo: relaxed, guard: roster_lock_.
    threads_.store(exist - 1, std::memory_order_relaxed);
    set_order(order_surplus, exist - 1 > maximum ? exist - 1 - maximum : 0);
    return true;
}

} // namespace rp::sched
