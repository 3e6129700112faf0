// SPDX-License-Identifier: Apache-2.0
// What rp_stats and the dump read: every figure is a relaxed load of what its one writer keeps
// anyway, so reading stops nobody, and figures may be a few operations apart.
#include "kernel_iface/linux/thread.hpp"
#include "scheduler/engine.hpp"
#include "scheduler/sight/flight.hpp"

namespace rp::sched {

statistics_in_detail engine::detail() const noexcept {
    statistics_in_detail d;
    // mo: acquire, pairs engine.lanes (arrival_lane).
    const uint32_t lanes = lane_count_.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < lanes; ++i) {
        // mo: relaxed, published by the count.
        d.arrivals += lanes_[i].load(std::memory_order_relaxed)->items.pushed();
    }
    for (const fifo& f : shared_) {
        d.shared += f.pushed();
    }
    for (const auto& f : class_queues_) {
        d.shared += f->pushed();
    }
    d.shared += sorted_.taken() + sorted_.size();
    for (const auto& c : cores_) {
        d.inboxes += c->inbox.pushed();
        d.own += c->placed.value();
    }
    d.queued = queued_items();
    // mo: acquire, pairs engine.crew (enlist).
    d.workers = crew_size_.load(std::memory_order_acquire);
    return d;
}

void engine::each_core(void (*f)(const core_detail&, void*), void* argument) const noexcept {
    // mo: relaxed, a setting.
    const uint32_t open = cores_open_.load(std::memory_order_relaxed);
    for (const auto& c : cores_) {
        core_detail d;
        d.id = c->id;
        d.is_open = static_cast<uint32_t>(c->id) < open;
        // mo: acquire, pairs core.holder (take_seat).
        const worker* holder = c->holder.load(std::memory_order_acquire);
        // mo: relaxed, see thread_main.
        d.holder = holder != nullptr ? holder->tid_.load(std::memory_order_relaxed) : 0;
        d.items = c->items.value();
        d.placed = c->placed.value();
        d.inbox = c->inbox.pushed();
        d.queued = c->length();
        f(d, argument);
    }
}

void engine::each_worker(void (*f)(const worker_detail&, void*), void* argument) const noexcept {
    for_each_worker([&](const worker& w) {
        worker_detail d;
        // mo: acquire, pairs worker.tid (thread_main).
        d.thread = w.tid_.load(std::memory_order_acquire);
        d.is_alive = d.thread != 0;
        // mo: relaxed (all below), figures.
        const uintptr_t seat = w.seat_.load(std::memory_order_relaxed) & ~worker::revoking;
        d.core = seat != 0 ? reinterpret_cast<const core*>(seat)->id : no_core;
        d.is_in_callback = d.is_alive && w.busy_.load(std::memory_order_relaxed) == 0;
        d.is_parked = d.is_alive && w.park_word_.load(std::memory_order_relaxed) == 2;
        d.callbacks = w.callbacks_.load(std::memory_order_relaxed);
        d.stolen_items = w.steals_.load(std::memory_order_relaxed);
        d.parks = w.parks_.load(std::memory_order_relaxed);
        d.wakes = w.wakes_.load(std::memory_order_relaxed);
        d.completions = w.completions_.load(std::memory_order_relaxed);
        d.steal_hits = w.steal_hits_.value();
        d.steal_misses = w.steal_misses_.value();
        d.searches = w.searches_.value();
        d.searches_found = w.searches_found_.value();
        d.switched_voluntarily = w.switched_voluntarily_.value();
        d.switched_by_force = w.switched_by_force_.value();
        kernel::thread_switches now;
        if (d.is_alive && kernel::switches_of(d.thread, now)) {
            d.switched_voluntarily += now.voluntary;
            d.switched_by_force += now.by_force;
        }
        f(d, argument);
    });
}

void engine::note_state() const noexcept {
    // mo: relaxed (all below), figures.
    const uint32_t maximum = maximum_.load(std::memory_order_relaxed);
    note(event_kind::limits_are,
         no_core,
         uint64_t{minimum_.load(std::memory_order_relaxed)},
         maximum);
    note(event_kind::threads_now, no_core, uint64_t{threads_.load(std::memory_order_relaxed)}, 0);
    each_core(
        [](const core_detail& c, void* self) {
            if (c.is_open) {
                static_cast<const engine*>(self)->note(c.holder != 0 ? event_kind::core_held
                                                                     : event_kind::core_idle,
                                                       c.id,
                                                       static_cast<uint64_t>(c.holder),
                                                       0);
            }
        },
        const_cast<engine*>(this));
}

void engine::note_placed(item& it, origin from, queue to, core_id at) const noexcept {
    // A tracer alone does not prepare the clock: what is measured before and after would be two.
    it.placed_at = events::is_recording() ? flight::stamp(kernel::tick_clock::now()) : 0;
    note(event_kind::placed,
         at,
         static_cast<const void*>(&it),
         static_cast<uint64_t>(from) | static_cast<uint64_t>(to.of) << 8U |
             static_cast<uint64_t>(static_cast<uint16_t>(to.index)) << 16U);
}

void engine::note_taken(item& it, core_id at, const action& how) const noexcept {
    note(event_kind::taken,
         at,
         static_cast<const void*>(&it),
         static_cast<uint64_t>(how.what) |
             static_cast<uint64_t>(static_cast<uint16_t>(how.argument)) << 8U);
    flight::item_waited(it);
}

void worker::note_end() noexcept {
    if (events::is_on()) [[unlikely]] {
        note(event_kind::thread_exits, 0, 0);
    }
    // mo: relaxed, see thread_main.
    const pid_t ending = tid_.load(std::memory_order_relaxed);
    kernel::thread_switches now;
    if (has_sight && kernel::switches_of(ending, now)) {
        switched_voluntarily_.add(now.voluntary);
        switched_by_force_.add(now.by_force);
    }
    // mo: release, pairs worker.tid (each_worker): what the thread has counted.
    tid_.store(0, std::memory_order_release);
}

} // namespace rp::sched
