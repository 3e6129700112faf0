// SPDX-License-Identifier: Apache-2.0
#pragma once
// The deadlines of an engine.
//
// Nouns. *tick*: a millisecond of CLOCK_MONOTONIC. *wheel*: four rings of 256 lists; ring k holds
// what is due 1 to 255 blocks of 256^k ticks ahead. *near*: a pairing heap, ordered by the
// nanosecond, of what is due in the current tick or earlier. *to cascade*: to move the list of a
// block whose time has come to the rings below, or to near. *absolute*: due at a time of the wall
// clock; such entries are also in a list of their own, and are put in again when the wall clock has
// been set.
//
// Why so: setting and cancelling is a list operation whatever the number of entries, an entry moves
// at most four times in its life, and only the few that are due within the tick pay for exact
// order. Measured on the machine the project was planned on: 2 ns to set and 4 ns to cancel among a
// million, where a binary heap takes 68 and 270. Memory is in the entries, so that setting a timer
// cannot fail.
//
// One lock guards the structure and the state of every object whose deadline it holds. So a timer
// that is set anew, or cancelled, while it expires is either still here, or its callback is already
// counted as pending; there is no time between the two.
//
// Rejected: a red-black tree (a cache miss per level); a timerfd for each timer; a thread that
// sleeps until the next deadline (a hop and a wake more for each expiry).
//
// Invariant: every entry of ring k lies 1..255 blocks ahead of the current block of ring k.
#include "kernel_iface/linux/spin_lock.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace rp::sched {

struct item;

/// Embedded in whatever has a deadline. Guard of everything: the lock of its `timers`.
struct timer_entry {
    /// The deadline has passed and the entry is out of the structure. May arm it again (this is how
    /// periods work). Returns an item that has become runnable, or nullptr. Called with the lock
    /// held.
    item* (*expire)(timer_entry& self, int64_t now_ns) noexcept = nullptr;

    int64_t due_ns = 0;      ///< CLOCK_MONOTONIC
    int64_t wall_due_ns = 0; ///< absolute entries: CLOCK_REALTIME

    enum class place : uint8_t { nowhere, wheel, near } where = place::nowhere;
    bool is_absolute = false;
    uint16_t slot = 0; ///< wheel: ring * 256 + index

    // wheel: list of the slot. near: siblings, `previous` being the parent for the first child.
    timer_entry* next = nullptr;
    timer_entry* previous = nullptr;
    timer_entry* child = nullptr;
    timer_entry* absolute_next = nullptr;
    timer_entry* absolute_previous = nullptr;

    [[nodiscard]] bool is_armed() const noexcept { return where != place::nowhere; }
};

class timers {
public:
    static constexpr int64_t never = INT64_MAX;
    static constexpr int64_t tick_ns = 1'000'000;
    /// While there are absolute entries somebody looks this often whether the clock was set.
    static constexpr int64_t wall_clock_look_ns = 1'000'000'000;

    [[nodiscard]] kernel::spin_lock& lock() noexcept { return lock_; }

    /// When to look next; `never` when nothing is armed. Any thread.
    [[nodiscard]] int64_t next_look_ns() const noexcept {
        // mo: seq_cst, pairs timers.next_look (publish): a worker that is about to sleep and a
        // thread that sets an earlier deadline see one another (engine_timers.cpp).
        return next_look_.load(std::memory_order_seq_cst);
    }

    // --- all of these need the lock ------------------------------------------------------------

    /// Arms `e`, which is not armed. True: somebody has to look earlier than before.
    [[nodiscard]] bool arm(timer_entry& e, int64_t due_ns, int64_t now_ns) noexcept;
    /// The same for a time of the wall clock; `wall_offset_ns`: CLOCK_REALTIME - CLOCK_MONOTONIC.
    [[nodiscard]] bool arm_absolute(timer_entry& e,
                                    int64_t wall_due_ns,
                                    int64_t now_ns,
                                    int64_t wall_offset_ns) noexcept;
    /// False when `e` was not armed.
    bool disarm(timer_entry& e) noexcept;
    /// Expires what is due until `limit` items have become runnable; returns how many are in `out`.
    /// `wall_offset_ns` is looked at only when there are absolute entries.
    unsigned expire(int64_t now_ns, int64_t wall_offset_ns, item** out, unsigned limit) noexcept;

    [[nodiscard]] bool has_absolute() const noexcept { return absolute_ != nullptr; }

    [[nodiscard]] size_t count() const noexcept { return count_; }

private:
    static constexpr unsigned rings = 4;
    static constexpr unsigned ring_bits = 8;
    static constexpr unsigned ring_slots = 1U << ring_bits;
    static constexpr unsigned words = ring_slots / 64;
    /// With more than this due within a tick they are fired in groups (see publish).
    static constexpr size_t dense_near = 64;
    static constexpr int64_t dense_slack_ns = 500'000;

    void start(int64_t now_ns) noexcept;
    void insert(timer_entry& e) noexcept;
    void remove(timer_entry& e) noexcept;
    void insert_wheel(timer_entry& e, unsigned ring, uint64_t block) noexcept;
    void remove_wheel(timer_entry& e) noexcept;
    void advance(int64_t now_ns) noexcept;
    void cascade(unsigned ring) noexcept;
    [[nodiscard]] uint64_t next_event_tick() const noexcept;
    [[nodiscard]] unsigned distance_to_occupied(unsigned ring, unsigned from) const noexcept;
    void resync(int64_t wall_offset_ns) noexcept;
    [[nodiscard]] bool publish(int64_t now_ns) noexcept;

    static timer_entry* meld(timer_entry* a, timer_entry* b) noexcept;
    static timer_entry* meld_children(timer_entry* first) noexcept;
    void insert_near(timer_entry& e) noexcept;
    void remove_near(timer_entry& e) noexcept;

    kernel::spin_lock lock_;
    std::atomic<int64_t> next_look_{never};
    // guard of all below: lock_
    uint64_t tick_ = 0; // everything due before this tick's end is in near_
    size_t count_ = 0;
    size_t near_count_ = 0;
    timer_entry* near_ = nullptr;
    timer_entry* absolute_ = nullptr;
    int64_t seen_wall_offset_ns_ = 0;
    uint64_t occupied_[rings][words] = {};
    timer_entry* slots_[rings * ring_slots] = {};
};

/// When a tolerance allows it, deadlines are moved to round times, so that different timers expire
/// at one wake-up: the roundest tick of [due, due + window].
int64_t coalesced_due_ns(int64_t due_ns, int64_t window_ns) noexcept;

} // namespace rp::sched
