// SPDX-License-Identifier: Apache-2.0
// Requests and completions.
//
// A request is armed on the ring of a worker, because the kernel ties it to the thread that armed
// it: the thread's death would cancel it. A foreign thread leaves its request in the inbox of a
// core; the next worker that looks there arms it. Completions are reaped by the owner of the ring
// in its turn, by a searching worker that finds some, or by the monitor for an owner stuck in a
// callback; whoever reaps calls complete(), which ends in a callback run right there or in an item
// placed on a queue.
#include "kernel_iface/linux/ring_caps.hpp"
#include "kernel_iface/linux/thread_source.hpp"
#include "scheduler/engine.hpp"
#include "scheduler/visit.hpp"

#include <mutex>

namespace rp::sched {

namespace {

constexpr unsigned ring_entries = 256;

} // namespace

bool engine::ensure_ring(worker& w) noexcept {
    if (w.ring_ != nullptr) {
        return true;
    }
    if (!kernel::probed_ring_caps().ring) {
        return false;
    }
    int error = 0;
    auto made = kernel::ring::create(ring_entries, error);
    if (made == nullptr) {
        return false; // out of descriptors or memory: this request goes to the thread source
    }
    const std::scoped_lock guard(w.ring_guard_);
    w.ring_ = std::move(made);
    // mo: relaxed, a hint.
    ring_count_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

void engine::arm(kernel::io_request& request) noexcept {
    worker* w = worker::current();
    if (w != nullptr && &w->owner_ == this) {
        if (ensure_ring(*w)) {
            w->ring_->arm(request);
        } else {
            kernel::thread_source().arm(request);
        }
        return;
    }
    // mo: relaxed, a one-way flag: a bound handle may outlive its pool.
    if (!kernel::probed_ring_caps().ring || is_shut_down_.load(std::memory_order_relaxed) ||
        // mo: relaxed, a setting: with a maximum of zero there is no worker to arm anything.
        maximum_.load(std::memory_order_relaxed) == 0) {
        kernel::thread_source().arm(request);
        return;
    }
    const visit inside(*this);
    static thread_local uint32_t spread = 0;
    (void)cores_[spread++ % core_count()]->arms.push(request);
    fence::light();
    wake_if_wanted();
}

void engine::cancel(kernel::io_request& request) noexcept {
    for (;;) {
        // mo: acquire, pairs request.place (ring::arm).
        const uintptr_t place = request.place.load(std::memory_order_acquire);
        if ((place & 1U) != 0) {
            return; // asked for already
        }
        if (place == 0) {
            uintptr_t expected = 0;
            // mo: acq_rel, pairs request.place (ring::arm): the armer sees the wish.
            if (request.place.compare_exchange_strong(
                    expected, 1, std::memory_order_acq_rel, std::memory_order_relaxed)) {
                return;
            }
            continue;
        }
        bool is_posted = false;
        for_each_worker(
            [&](worker& w) { is_posted = is_posted || post_cancel(w, place, request); });
        if (!is_posted) {
            kernel::thread_source().cancel(request);
        }
        return;
    }
}

/// If `ring_address` is the ring of `w`, posts the cancel there and makes sure that it is seen.
bool engine::post_cancel(worker& w, uintptr_t ring_address, kernel::io_request& request) noexcept {
    {
        const std::scoped_lock guard(w.ring_guard_);
        if (reinterpret_cast<uintptr_t>(w.ring_.get()) != ring_address) {
            return false;
        }
        // mo: acq_rel, pairs request.place (ring::arm).
        if ((request.place.fetch_or(1, std::memory_order_acq_rel) & 1U) != 0) {
            return true;
        }
        request.hold();
        w.ring_->post_cancel(request);
    }
    if (&w == worker::current()) {
        w.ring_->submit_and_get_events();
        return true;
    }
    fence::heavy();
    // A sleeping owner is woken to submit it; a running one gets to it at its next turn; one stuck
    // in a callback is rescued by the monitor.
    unpark(w);
    return true;
}

bool engine::has_waiting_arms() const noexcept {
    for (const auto& c : cores_) {
        if (!c->arms.is_empty()) {
            return true;
        }
    }
    return false;
}

void engine::arm_waiting(worker& w, bool is_looking_elsewhere) noexcept {
    const core* own = w.seat();
    for (const auto& c : cores_) {
        if (c.get() != own && !is_looking_elsewhere) {
            continue;
        }
        kernel::io_request* r = c->arms.take_all();
        if (r != nullptr) {
            // mo: relaxed, compared by the monitor between ticks.
            arm_rounds_.fetch_add(1, std::memory_order_relaxed);
        }
        while (r != nullptr) {
            kernel::io_request* following = r->next;
            if (ensure_ring(w)) {
                w.ring_->arm(*r);
            } else {
                kernel::thread_source().arm(*r);
            }
            r = following;
        }
    }
}

unsigned engine::poll(worker& w, unsigned budget, bool is_looking_elsewhere) noexcept {
    arm_waiting(w, is_looking_elsewhere);
    unsigned reaped = tend_if_due();
    if (w.ring_ != nullptr) {
        if (w.ring_->needs_enter()) {
            w.ring_->submit_and_get_events();
        }
        reaped += reap(w, *w.ring_, budget);
    }
    // mo: relaxed, a hint.
    if (reaped == 0 && is_looking_elsewhere &&
        ring_count_.load(std::memory_order_relaxed) > (w.ring_ != nullptr ? 1U : 0U)) {
        for_each_worker([&](worker& other) {
            if (reaped == 0 && &other != &w && w.seat() != nullptr) {
                reaped = reap_foreign(other, &w, 1);
            }
        });
    }
    return reaped;
}

unsigned engine::reap(worker& w, kernel::ring& r, unsigned budget) noexcept {
    const bool was_seated = w.seat() != nullptr;
    unsigned reaped = 0;
    kernel::io_request* request = nullptr;
    int32_t res = 0;
    while (reaped < budget && r.reap_one(request, res)) {
        ++reaped;
        if (w.is_searching_) {
            stop_searching(w, r.has_completions());
        } else if (reaped == 1 && was_seated && crowd_.wants_wake() && r.has_completions()) {
            wake_any();
        }
        w.is_reaping_ = true;
        request->complete(*request, res);
        w.is_reaping_ = false;
        request->drop();
        if (was_seated && w.seat() == nullptr) {
            break;
        }
    }
    if (reaped != 0 && events::is_on()) [[unlikely]] {
        w.note(event_kind::reaped, reaped, 0);
    }
    // mo: relaxed, statistics; only this thread writes it.
    w.completions_.store(w.completions_.load(std::memory_order_relaxed) + reaped,
                         std::memory_order_relaxed);
    return reaped;
}

/// Reaps from another worker's ring; `reaper` is nullptr on the monitor's thread.
unsigned engine::reap_foreign(worker& owner, worker* reaper, unsigned budget) noexcept {
    unsigned reaped = 0;
    while (reaped < budget) {
        kernel::io_request* request = nullptr;
        int32_t res = 0;
        {
            if (!owner.ring_guard_.try_lock()) {
                return reaped;
            }
            const std::scoped_lock guard(std::adopt_lock, owner.ring_guard_);
            if (owner.ring_ == nullptr || !owner.ring_->has_completions() ||
                !owner.ring_->reap_one(request, res)) {
                return reaped;
            }
        }
        ++reaped;
        if (reaper != nullptr) {
            if (reaper->is_searching_) {
                stop_searching(*reaper, false);
            }
            reaper->is_reaping_ = true;
        }
        request->complete(*request, res);
        if (reaper != nullptr) {
            reaper->is_reaping_ = false;
        }
        request->drop();
        // mo: relaxed, statistics.
        foreign_completions_.fetch_add(1, std::memory_order_relaxed);
    }
    return reaped;
}

const char* completion_source_description() noexcept {
    static const std::string text = [] {
        const kernel::ring_caps& caps = kernel::probed_ring_caps();
        return caps.ring ? "io_uring (" + caps.describe() + ")" : "threads (" + caps.cause + ")";
    }();
    return text.c_str();
}

} // namespace rp::sched
