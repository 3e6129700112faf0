// SPDX-License-Identifier: Apache-2.0
#include "scheduler/timers.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace rp::sched {

// --- the heap ------------------------------------------------------------------------------------

timer_entry* timers::meld(timer_entry* a, timer_entry* b) noexcept {
    if (a == nullptr || b == nullptr) {
        return a != nullptr ? a : b;
    }
    if (b->due_ns < a->due_ns) {
        std::swap(a, b);
    }
    b->previous = a;
    b->next = a->child;
    if (a->child != nullptr) {
        a->child->previous = b;
    }
    a->child = b;
    return a;
}

/// The two passes of a pairing heap: neighbours first, then all of them from the right.
timer_entry* timers::meld_children(timer_entry* first) noexcept {
    timer_entry* pairs = nullptr; // linked by `previous`, last pair first
    while (first != nullptr) {
        timer_entry* a = first;
        timer_entry* b = a->next;
        first = b != nullptr ? b->next : nullptr;
        a->next = nullptr;
        a->previous = nullptr;
        if (b != nullptr) {
            b->next = nullptr;
            b->previous = nullptr;
        }
        timer_entry* pair = meld(a, b);
        pair->previous = pairs;
        pairs = pair;
    }
    timer_entry* root = nullptr;
    while (pairs != nullptr) {
        timer_entry* rest = pairs->previous;
        pairs->previous = nullptr;
        root = meld(root, pairs);
        pairs = rest;
    }
    return root;
}

void timers::insert_near(timer_entry& e) noexcept {
    e.where = timer_entry::place::near;
    e.next = e.previous = e.child = nullptr;
    near_ = meld(near_, &e);
    ++near_count_;
}

void timers::remove_near(timer_entry& e) noexcept {
    --near_count_;
    timer_entry* children = meld_children(e.child);
    e.child = nullptr;
    if (near_ == &e) {
        near_ = children;
        return;
    }
    (e.previous->child == &e ? e.previous->child : e.previous->next) = e.next;
    if (e.next != nullptr) {
        e.next->previous = e.previous;
    }
    near_ = meld(near_, children);
}

// --- the wheel -----------------------------------------------------------------------------------

void timers::insert_wheel(timer_entry& e, unsigned ring, uint64_t block) noexcept {
    const auto index = static_cast<unsigned>(block % ring_slots);
    e.where = timer_entry::place::wheel;
    e.slot = static_cast<uint16_t>(ring * ring_slots + index);
    timer_entry*& head = slots_[e.slot];
    e.previous = nullptr;
    e.next = head;
    if (head != nullptr) {
        head->previous = &e;
    }
    head = &e;
    occupied_[ring][index / 64] |= 1ULL << (index % 64);
}

void timers::remove_wheel(timer_entry& e) noexcept {
    timer_entry*& head = slots_[e.slot];
    (e.previous != nullptr ? e.previous->next : head) = e.next;
    if (e.next != nullptr) {
        e.next->previous = e.previous;
    }
    if (head == nullptr) {
        const unsigned index = e.slot % ring_slots;
        occupied_[e.slot / ring_slots][index / 64] &= ~(1ULL << (index % 64));
    }
}

void timers::insert(timer_entry& e) noexcept {
    const auto due = static_cast<uint64_t>(std::max<int64_t>(e.due_ns, 0) / tick_ns);
    if (due <= tick_) {
        insert_near(e);
        return;
    }
    for (unsigned ring = 0; ring < rings; ++ring) {
        const unsigned shift = ring * ring_bits;
        const uint64_t current = tick_ >> shift;
        const uint64_t block = due >> shift;
        if (block - current < ring_slots) {
            insert_wheel(e, ring, block);
            return;
        }
        if (ring == rings - 1) { // further than 49 days: comes by again and is put in anew
            insert_wheel(e, ring, current + ring_slots - 1);
        }
    }
}

void timers::remove(timer_entry& e) noexcept {
    if (e.where == timer_entry::place::near) {
        remove_near(e);
    } else {
        remove_wheel(e);
    }
    e.where = timer_entry::place::nowhere;
}

/// How many slots ahead of `from` the next occupied one lies: 1..255, or 0 when there is none.
unsigned timers::distance_to_occupied(unsigned ring, unsigned from) const noexcept {
    for (unsigned ahead = 1; ahead < ring_slots;) {
        const unsigned index = (from + ahead) % ring_slots;
        const uint64_t rest = occupied_[ring][index / 64] >> (index % 64);
        if (rest != 0) {
            const unsigned found = ahead + static_cast<unsigned>(std::countr_zero(rest));
            return found < ring_slots ? found : 0;
        }
        ahead += 64 - index % 64;
    }
    return 0;
}

/// The first tick ahead at which a list has to be moved.
uint64_t timers::next_event_tick() const noexcept {
    uint64_t earliest = UINT64_MAX;
    for (unsigned ring = 0; ring < rings; ++ring) {
        const unsigned shift = ring * ring_bits;
        const uint64_t current = tick_ >> shift;
        const unsigned ahead =
            distance_to_occupied(ring, static_cast<unsigned>(current % ring_slots));
        if (ahead != 0) {
            earliest = std::min(earliest, (current + ahead) << shift);
        }
    }
    return earliest;
}

void timers::cascade(unsigned ring) noexcept {
    const auto index = static_cast<unsigned>((tick_ >> (ring * ring_bits)) % ring_slots);
    timer_entry* list = slots_[ring * ring_slots + index];
    slots_[ring * ring_slots + index] = nullptr;
    occupied_[ring][index / 64] &= ~(1ULL << (index % 64));
    while (list != nullptr) {
        timer_entry* following = list->next;
        insert(*list);
        list = following;
    }
}

/// Brings the wheel to the tick of `now_ns`; what has become due is in near_ then.
void timers::advance(int64_t now_ns) noexcept {
    const auto target = static_cast<uint64_t>(now_ns / tick_ns);
    while (tick_ < target) {
        const uint64_t event = next_event_tick();
        if (event > target) {
            tick_ = target;
            return;
        }
        tick_ = event;
        // From the top: what falls out of a ring may fall on through the one below.
        for (unsigned ring = rings; ring-- > 0;) {
            if (tick_ % (1ULL << (ring * ring_bits)) == 0) {
                cascade(ring);
            }
        }
    }
}

// --- the outside ---------------------------------------------------------------------------------

/// With nothing armed the wheel stands still; it starts again at the present.
void timers::start(int64_t now_ns) noexcept {
    if (count_ == 0) {
        tick_ = static_cast<uint64_t>(now_ns / tick_ns);
    }
}

/// True when the next look has to be earlier than it was.
bool timers::publish(int64_t now_ns) noexcept {
    int64_t next = never;
    if (near_ != nullptr) {
        // Exact while they are few. Many within one tick would keep a CPU from ever sleeping.
        next = near_->due_ns + (near_count_ > dense_near ? dense_slack_ns : 0);
    }
    if (const uint64_t event = next_event_tick(); event != UINT64_MAX) {
        next = std::min(next, static_cast<int64_t>(event) * tick_ns);
    }
    if (absolute_ != nullptr) {
        next = std::min(next, now_ns + wall_clock_look_ns);
    }
    // mo: relaxed, guard: lock_.
    const int64_t before = next_look_.load(std::memory_order_relaxed);
    if (next != before) {
        // mo: seq_cst, pairs timers.next_look (next_look_ns).
        next_look_.store(next, std::memory_order_seq_cst);
    }
    return next < before;
}

bool timers::arm(timer_entry& e, int64_t due_ns, int64_t now_ns) noexcept {
    start(now_ns);
    e.due_ns = due_ns;
    e.is_absolute = false;
    insert(e);
    ++count_;
    // mo: relaxed, guard: lock_.
    return due_ns < next_look_.load(std::memory_order_relaxed) && publish(now_ns);
}

bool timers::arm_absolute(timer_entry& e,
                          int64_t wall_due_ns,
                          int64_t now_ns,
                          int64_t wall_offset_ns) noexcept {
    if (absolute_ == nullptr) {
        seen_wall_offset_ns_ = wall_offset_ns;
    }
    start(now_ns);
    e.wall_due_ns = wall_due_ns;
    e.due_ns = wall_due_ns - wall_offset_ns;
    e.is_absolute = true;
    e.absolute_previous = nullptr;
    e.absolute_next = absolute_;
    if (absolute_ != nullptr) {
        absolute_->absolute_previous = &e;
    }
    absolute_ = &e;
    insert(e);
    ++count_;
    return publish(now_ns);
}

bool timers::disarm(timer_entry& e) noexcept {
    if (!e.is_armed()) {
        return false;
    }
    remove(e);
    --count_;
    if (e.is_absolute) {
        (e.absolute_previous != nullptr ? e.absolute_previous->absolute_next : absolute_) =
            e.absolute_next;
        if (e.absolute_next != nullptr) {
            e.absolute_next->absolute_previous = e.absolute_previous;
        }
    }
    // The published time may now be too early: one look for nothing, cheaper than a search here.
    return true;
}

/// The wall clock was set, or has drifted: its entries get new places.
void timers::resync(int64_t wall_offset_ns) noexcept {
    const int64_t change = wall_offset_ns - seen_wall_offset_ns_;
    if (change > -tick_ns && change < tick_ns) {
        return;
    }
    seen_wall_offset_ns_ = wall_offset_ns;
    for (timer_entry* e = absolute_; e != nullptr; e = e->absolute_next) {
        remove(*e);
        e->due_ns = e->wall_due_ns - wall_offset_ns;
        insert(*e);
    }
}

unsigned
timers::expire(int64_t now_ns, int64_t wall_offset_ns, item** out, unsigned limit) noexcept {
    if (absolute_ != nullptr) {
        resync(wall_offset_ns);
    }
    advance(now_ns);
    unsigned found = 0;
    while (found < limit && near_ != nullptr && near_->due_ns <= now_ns) {
        timer_entry& e = *near_;
        if (e.is_absolute && e.wall_due_ns - wall_offset_ns > now_ns) {
            // Never early: the clock has drifted by less than resync bothers about.
            remove(e);
            e.due_ns = e.wall_due_ns - wall_offset_ns;
            insert(e);
            continue;
        }
        (void)disarm(e);
        if (item* runnable = e.expire(e, now_ns); runnable != nullptr) {
            out[found++] = runnable;
        }
    }
    (void)publish(now_ns);
    return found;
}

int64_t coalesced_due_ns(int64_t due_ns, int64_t window_ns) noexcept {
    if (due_ns < 0 || window_ns < timers::tick_ns || due_ns > INT64_MAX - window_ns) {
        return due_ns;
    }
    const auto first = static_cast<uint64_t>((due_ns + timers::tick_ns - 1) / timers::tick_ns);
    const auto last = static_cast<uint64_t>((due_ns + window_ns) / timers::tick_ns);
    // The highest bit in which the number before the first and the last differ: clearing all below
    // it in the last gives the multiple of the highest power of two that lies between.
    const unsigned bits = 63U - static_cast<unsigned>(std::countl_zero((first - 1) ^ last));
    return static_cast<int64_t>(last >> bits << bits) * timers::tick_ns;
}

} // namespace rp::sched
