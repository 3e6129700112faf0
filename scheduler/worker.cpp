// SPDX-License-Identifier: Apache-2.0
#include "scheduler/worker.hpp"

#include "scheduler/engine.hpp"
#include "scheduler/sight/flight.hpp"

namespace rp::sched {

bool worker::detach_core() noexcept {
    if (owner_.compensates() == compensation::none) {
        return false;
    }
    const bool was_in_callback = !is_in_engine();
    (void)enter();
    if (core* c = give_up_seat(); c != nullptr) {
        owner_.surrender_core(*c, false);
    }
    // mo: relaxed, a hint by nature: the answer may be outdated when the callback reads it.
    const bool is_anyone_idle = owner_.idle_threads_.load(std::memory_order_relaxed) != 0;
    // mo: relaxed, as above.
    const uint32_t threads = owner_.threads_.load(std::memory_order_relaxed);
    const uint32_t maximum = owner_.ceiling_of_threads();
    if (was_in_callback) {
        leave();
    }
    return is_anyone_idle || threads < maximum;
}

void worker::blocking_begins() noexcept {
    if (blocking_depth_++ != 0 || is_in_engine()) {
        return;
    }
    if (events::is_on()) [[unlikely]] {
        note(event_kind::blocking_begins, 0, 0);
    }
    (void)enter();
    note_block();
    if (ring_ != nullptr && ring_->needs_enter()) {
        ring_->submit_and_get_events();
    }
    core* c = owner_.compensates() != compensation::none ? give_up_seat() : nullptr;
    if (c != nullptr) {
        owner_.surrender_core(*c, false);
    }
    leave();
}

void worker::blocking_ends() noexcept {
    if (--blocking_depth_ != 0 || is_in_engine()) {
        return;
    }
    note_block();
    // If its core is still free the callback goes on as if nothing had happened; otherwise it goes
    // on without one and parks when it returns.
    if (enter() == nullptr && owner_.crowd_.claim(last_core_)) {
        take_seat(*owner_.cores_[static_cast<size_t>(last_core_)]);
    }
    if (events::is_on()) [[unlikely]] {
        note(event_kind::blocking_ends, 0, 0);
    }
    leave();
}

core* worker::settled_seat() noexcept {
    for (;;) {
        // mo: acquire, pairs worker.seat (revoke).
        const uintptr_t s = seat_.load(std::memory_order_acquire);
        if ((s & revoking) == 0) {
            return reinterpret_cast<core*>(s);
        }
        kernel::cpu_relax();
    }
}

void worker::take_seat(core& c) noexcept {
    last_core_ = c.id;
    // mo: release, pairs core.holder (is_about_to_be_taken): a thief may look at this worker.
    c.holder.store(this, std::memory_order_release);
    // mo: release, pairs worker.seat (revoke): a monitor that takes the core sees what it holds.
    seat_.store(reinterpret_cast<uintptr_t>(&c), std::memory_order_release);
    if (events::is_on()) [[unlikely]] {
        owner_.note(event_kind::core_taken, c.id, uint64_t{0}, 0);
    }
}

core* worker::give_up_seat() noexcept {
    for (;;) {
        core* c = seat();
        if (c == nullptr) {
            return nullptr;
        }
        auto expected = reinterpret_cast<uintptr_t>(c);
        // mo: acq_rel, pairs worker.seat (revoke): exactly one of the two gets the core.
        if (seat_.compare_exchange_strong(
                expected, 0, std::memory_order_acq_rel, std::memory_order_relaxed)) {
            // mo: relaxed, a hint for thieves.
            c->holder.store(nullptr, std::memory_order_relaxed);
            if (events::is_on()) [[unlikely]] {
                owner_.note(event_kind::core_given_up, c->id, uint64_t{0}, 0);
            }
            return c;
        }
    }
}

core* worker::revoke() noexcept {
    // mo: acquire, pairs worker.seat (take_seat).
    uintptr_t s = seat_.load(std::memory_order_acquire);
    if (s == 0 || (s & revoking) != 0) {
        return nullptr;
    }
    // mo: acq_rel, pairs worker.seat (give_up_seat).
    if (!seat_.compare_exchange_strong(
            s, s | revoking, std::memory_order_acq_rel, std::memory_order_relaxed)) {
        return nullptr;
    }
    fence::heavy();
    // mo: acquire, pairs worker.busy (leave): the core as its worker left it.
    if (busy_.load(std::memory_order_acquire) != 0) {
        // mo: release, pairs worker.seat (settled_seat).
        seat_.store(s, std::memory_order_release);
        return nullptr;
    }
    auto* c = reinterpret_cast<core*>(s);
    // mo: relaxed, a hint for thieves.
    c->holder.store(nullptr, std::memory_order_relaxed);
    // mo: release, pairs worker.seat (settled_seat).
    seat_.store(0, std::memory_order_release);
    if (events::is_on()) [[unlikely]] {
        // mo: relaxed, see thread_main.
        const pid_t loser = tid_.load(std::memory_order_relaxed);
        owner_.note(event_kind::core_revoked, c->id, static_cast<uint64_t>(loser), 0);
    }
    return c;
}

// --- sight -------------------------------------------------------------------------------------

void worker::note(event_kind kind, uint64_t object, uint64_t detail) noexcept {
    // mo: relaxed, this thread's own; a monitor that is about to take the core changes nothing.
    const uintptr_t s = seat_.load(std::memory_order_relaxed) & ~revoking;
    owner_.note(kind, s != 0 ? reinterpret_cast<const core*>(s)->id : no_core, object, detail);
}

void worker::note_callback_begins(const void* object, uint8_t kind, const void* function) noexcept {
    constexpr uint64_t function_mask = (uint64_t{1} << events::function_bits) - 1;
    const bool has_switches = switches::is_on();
    if (has_switches) {
        switches::prepare();
    }
    note(event_kind::callback_begins,
         reinterpret_cast<uint64_t>(object),
         (reinterpret_cast<uint64_t>(function) & function_mask) | static_cast<uint64_t>(kind)
                                                                      << events::function_bits);
    // After the event, and read before that of the end: no absence is longer than its callback.
    noted_begin_switches_ = has_switches ? switches::here() : switches::mark{};
    noted_begin_ticks_ = events::is_recording() ? kernel::tick_clock::now() : 0;
}

void worker::note_callback_ends(const void* object) noexcept {
    kernel::switch_records::absence off;
    if (noted_begin_switches_.session != 0) {
        off = switches::since(noted_begin_switches_);
        noted_begin_switches_ = {};
    }
    if ((off.preempted_ns | off.slept_ns) != 0) {
        note(event_kind::switched_off,
             static_cast<uint64_t>(off.preempted_ns),
             static_cast<uint64_t>(off.slept_ns));
    }
    note(event_kind::callback_ends,
         reinterpret_cast<uint64_t>(object),
         static_cast<uint64_t>(off.known));
    flight::callback_ran(object, noted_begin_ticks_);
}

} // namespace rp::sched
