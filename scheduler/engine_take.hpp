// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a core gets at what its policy has named: the half of engine_of that works on queues.
#include "scheduler/engine_of.hpp"

namespace rp::sched {

/// Whatever the policy asks for but the newest item, which has no need of a call.
// By reference, although they are small: copied, they are read in words just after they were
// written in bytes, which the processor cannot forward (5 ns an item, measured).
template <class Policy>
[[gnu::noinline]] item* engine_of<Policy>::take(core& own, worker& w, const action& a) noexcept {
    item* it = nullptr;
    unsigned count = 0;
    switch (a.what) {
    case action::kind::take_oldest:
        if constexpr (Policy::has_blocks) {
            return own.own_blocks->pop_oldest();
        }
        return own.fresh.size() != 0 ? own.fresh.pop_oldest() : nullptr;
    case action::kind::take_line:
    case action::kind::take_inbox: {
        item* batch[arrival_batch];
        const unsigned wanted =
            room(own, static_cast<unsigned>(std::clamp<int32_t>(a.argument, 1, arrival_batch)));
        if (a.what == action::kind::take_inbox) {
            count = own.inbox.take(batch, wanted);
        } else {
            (void)own.line.take(batch, wanted, count);
        }
        return keep_batch(own, batch, count);
    }
    case action::kind::take_shared:
        return shared_[nearest_priority(a.argument)].take(&it, 1) != 0 ? it : nullptr;
    case action::kind::take_arrivals: {
        item* batch[arrival_batch];
        return keep_batch(
            own,
            batch,
            take_arrivals(batch, room(own, arrival_batch), next_random(own.random_state)));
    }
    case action::kind::take_blocks:
        return own.own_blocks != nullptr ? own.own_blocks->pop() : nullptr;
    case action::kind::take_sorted:
        return sorted_.take();
    case action::kind::take_class:
        return has_class_queue(a.argument) &&
                       class_queues_[static_cast<size_t>(a.argument)]->take(&it, 1) != 0
                   ? it
                   : nullptr;
    case action::kind::steal:
        return steal(own, w, *cores_[nearest_core(a.argument)], a);
    default:
        return nullptr;
    }
}

/// Returns the first of a batch and puts the rest on the own deque, newest end last to first,
/// so that popping replays the order of arrival.
template <class Policy>
item* engine_of<Policy>::keep_batch(core& own, item** batch, unsigned count) noexcept {
    if (count == 0) {
        return nullptr;
    }
    for (unsigned i = count - 1; i > 0; --i) {
        prefetch(*batch[i]);
        if constexpr (Policy::has_blocks) {
            push_to_blocks(own, *batch[i]);
        } else if (!own.fresh.push(*batch[i])) {
            own.inbox.push(*batch[i]);
        }
    }
    return batch[0];
}

template <class Policy>
item* engine_of<Policy>::steal(core& own, worker& w, core& victim, const action& a) noexcept {
    if (&victim == &own) {
        return nullptr;
    }
    const size_t length = victim.length_of(a.parts);
    if (length == 0 || (length == 1 && is_about_to_be_taken(victim))) {
        w.steal_misses_.add(1);
        return nullptr;
    }
    item* batch[steal_batch];
    const unsigned limit = a.how_much == action::amount::one ? 1 : room(own, steal_batch);
    unsigned count = 0;
    const auto is_next = [&](uint8_t part) {
        return (a.parts & part) != 0 && count < limit &&
               (count == 0 || a.how_much == action::amount::most);
    };
    unsigned more = 0;
    if (is_next(action::from_deque)) {
        (void)victim.fresh.steal(batch, limit, count);
    }
    if (is_next(action::from_blocks) && victim.own_blocks != nullptr) {
        count += victim.own_blocks->steal(batch + count, limit - count);
    }
    if (is_next(action::from_line)) {
        const size_t half = (victim.line.size() + 1) / 2;
        const auto wanted = a.how_much == action::amount::most ? half : 1;
        (void)victim.line.take(
            batch + count, std::min(limit - count, static_cast<unsigned>(wanted)), more);
        count += more;
    }
    if (is_next(action::from_inbox)) {
        const size_t half = (victim.inbox.size() + 1) / 2;
        count += victim.inbox.take(
            batch + count,
            std::min(limit - count, static_cast<unsigned>(std::min<size_t>(half, arrival_batch))));
    }
    if (count != 0) {
        // mo: relaxed, statistics; only this thread writes it.
        w.steals_.store(w.steals_.load(std::memory_order_relaxed) + count,
                        std::memory_order_relaxed);
    }
    (count != 0 ? w.steal_hits_ : w.steal_misses_).add(1);
    if (events::is_on()) [[unlikely]] {
        note(count != 0 ? event_kind::stole : event_kind::stole_nothing,
             own.id,
             uint64_t{count},
             static_cast<uint64_t>(victim.id));
    }
    return keep_batch(own, batch, count);
}

} // namespace rp::sched
