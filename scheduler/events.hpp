// SPDX-License-Identifier: Apache-2.0
#pragma once
// What happened in the pools, recorded while they run.
//
// Nouns. An *event* is 32 bytes: a tick, who and where, an object, a detail. A *ring* holds the
// last events of one thread (a worker, or any thread that submits); the newest overwrites the
// oldest. *recording* is on while somebody asked for it: a trace, or the flight recorder. A
// *tracer* is another program that attached to a probe (sight/probes.hpp). While nobody wants
// events, each place that could note one pays one load and one branch.
//
// A reader copies a ring while its thread goes on writing:
//   writer of record n                          reader
//   1. head was n (release)                     1. end = head (acquire)
//   2. four words of slot n mod size, each a    2. copies the words of the records below end,
//      release                                     each an acquire
//   3. head = n + 1 (release)                   3. reads head again: it is h; what it copied of
//                                                  record i counts only if h < i + size
// If the reader has seen any word of record i + size, then it sees a head of at least i + size in
// step 3, because the word was released after that head. So a torn record is always thrown away.
// The writer never waits and never looks at a reader. On x86-64 all of these are plain moves.
//
// Rings are never freed: a thread that exits leaves its ring to the next one. Each event names its
// thread, so nothing is lost by that.
//
// Rejected: one ring for each worker and one, with a lock, for everybody else (foreign submits are
// the hot ones); a fence instead of the releases (race detectors do not understand it); growing
// rings (an allocation in the middle of what is observed); draining to a file all the time (a
// thread that competes for the CPUs it reports on).
#include "kernel_iface/linux/tick_clock.hpp"
#include "scheduler/own_count.hpp"

#include <atomic>
#include <cstdint>
#include <vector>

namespace rp::sched {

enum class event_kind : uint8_t {
    none,
    // The way of an object.
    submitted,       ///< object: was queued already, so it was not placed
    placed,          ///< object; detail: origin | queue kind << 8 | index << 16
    taken,           ///< object; detail: action kind | argument << 8
    callback_begins, ///< object; detail: function | object's kind << 56
    callback_ends,   ///< object; detail: whether its switches are known (switch_records::extent)
    cancelled,       ///< object; detail: how many calls
    // The way of a worker.
    thread_starts,
    thread_exits,
    parks,
    unparks,
    wakes, ///< object: thread id of the woken; detail: the core it was given
    search_begins,
    search_ends,     ///< detail: 1 if something was found
    stole,           ///< object: how many items; detail: victim core
    stole_nothing,   ///< detail: victim core
    reaped,          ///< object: how many completions in a row
    switched_off,    ///< during the callback that ends next; object: preempted ns; detail: slept ns
    blocking_begins, ///< the thread says so itself
    blocking_ends,
    // The way of a core.
    core_taken,    ///< by the thread
    core_given_up, ///< by the thread
    core_revoked,  ///< object: thread id of the worker that lost it
    core_idle,     ///< seen when recording began: nobody has it
    core_held,     ///< seen when recording began; object: thread id of its worker
    // The way of a pool.
    pool_made,
    pool_closed,
    minimum_set, ///< object: minimum; detail: maximum
    maximum_set, ///< object: minimum; detail: maximum
    limits_are,  ///< seen when recording began; object: minimum; detail: maximum
    threads_now, ///< object: how many workers exist
    decision,    ///< of a controller; object: tokens; detail: reason
    count_of_kinds
};

/// An event as a reader sees it.
struct event {
    uint64_t ticks = 0;
    event_kind kind = event_kind::none;
    int32_t core = -1;   ///< -1: none
    uint16_t pool = 0;   ///< 0: none; the low bits of the engine's number
    uint32_t thread = 0; ///< kernel thread id
    uint64_t object = 0;
    uint64_t detail = 0;
};

namespace events {

inline constexpr unsigned function_bits = 56;
inline constexpr uint32_t default_ring_records = 1U << 16U; // 2 MiB a thread, touched as it fills
inline constexpr uint32_t ring_records_max = 1U << 24U;

/// Who asks for recording.
enum class reason : uint32_t { trace = 1U << 16U, flight = 2U << 16U };

/// Everybody who wants events, in one word, so that one load tells whether there is anybody: the
/// reasons to record in the high half. The low half counts the tracers; it is written by the kernel
/// alone, when a tracer attaches, which is why the word has a plain name and a place in the file.
extern std::atomic<uint32_t> wanted __asm__("rp_events_wanted");
inline constexpr uint32_t tracers = 0xFFFF;

/// Does anybody want events? Ask before note().
[[nodiscard]] inline bool is_on() noexcept {
    if constexpr (has_sight) {
        // mo: relaxed, a switch; the first events after it is turned may be missing.
        return wanted.load(std::memory_order_relaxed) != 0;
    }
    return false;
}

/// Are events kept in the rings?
[[nodiscard]] inline bool is_recording() noexcept {
    // mo: relaxed, a switch.
    return wanted.load(std::memory_order_relaxed) > tracers;
}

/// Begins recording; false when `why` has begun it already. Rings made from now on have
/// `ring_records` records (rounded up to a power of two).
[[nodiscard]] bool begin(reason why, uint32_t ring_records) noexcept;
void end(reason why) noexcept;

/// Notes an event of the calling thread. Never fails: without memory for a ring nothing is
/// recorded. Call it when is_on().
void note(event_kind kind, uint64_t pool, int32_t core, uint64_t object, uint64_t detail) noexcept;

inline void
note(event_kind kind, uint64_t pool, int32_t core, const void* object, uint64_t detail) noexcept {
    note(kind, pool, core, reinterpret_cast<uint64_t>(object), detail);
}

struct snapshot {
    std::vector<event> all; ///< by time; of one thread in the order it noted them
    uint64_t lost = 0;      ///< since begin(reason::trace): overwritten before they could be read
};

/// What the rings hold from `since_ticks` on. Stops nobody. Throws std::bad_alloc.
[[nodiscard]] snapshot read(uint64_t since_ticks);

/// The last event that thread `thread` noted, without locks or memory: for a dump of a stuck pool.
/// False when it has noted none, or while it is noting one after the other.
[[nodiscard]] bool last_of(uint32_t thread, event& last) noexcept;

} // namespace events

} // namespace rp::sched
