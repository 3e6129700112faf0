// SPDX-License-Identifier: Apache-2.0
#pragma once
// How long the kernel kept the CPU from a callback: preempted, and asleep.
//
// Nouns. A *session* lasts as long as a trace; it has a number, and 0 is none. A *recorder* is the
// ring of switch records (kernel_iface/linux/switch_records.hpp) of one thread that runs callbacks.
// The thread makes it in front of its first callback of a session; a *mark* remembers where it
// stood when a callback began. The flight recorder alone makes none: each switch of a recorded
// thread costs it about a microsecond, and the flight recorder runs for months.
//
// The thread that ends a session takes all rings away beside the threads that read them:
//   thread of a callback                    end()
//   1. session is s                         1. session = 0
//   2. under the lock: session is still s,  2. under the lock: withdraws the ring of each recorder
//      its recorder gets a ring                in the list
//   3. reads it, without a lock
// Either it sees in step 2 that the session is over, or end() finds its ring in the list. What it
// reads after that says of itself that it is nothing, so no callback is said to have had its CPU
// all the time because nobody looked. A recorder is unmapped by its thread alone, under the lock:
// at its exit, or for the next session's ring.
//
// No descriptor is kept. The rings are counted against kernel.perf_event_mlock_kb, from which
// those that watch blocked workers (block_sight.hpp) live too: recorders take half of it.
//
// Rejected: getrusage at both ends of each callback (two system calls, and counts without times);
// recording during the flight recorder; an event for each switch in the event ring (needs a reader
// that drains).
#include "kernel_iface/linux/switch_records.hpp"

#include <atomic>
#include <cstdint>
#include <string>

namespace rp::sched::switches {

using kernel::switch_records;

struct mark {
    uint32_t session = 0; ///< 0: not recorded
    uint64_t position = 0;
};

extern std::atomic<uint32_t> session;

[[nodiscard]] inline bool is_on() noexcept {
    // mo: relaxed, a switch.
    return session.load(std::memory_order_relaxed) != 0;
}

void begin() noexcept;
void end() noexcept;

/// Makes what the calling thread needs, if a session is on: 12 us, once for each.
void prepare() noexcept;
[[nodiscard]] mark here() noexcept;
/// Of the calling thread, since it made the mark. Unknown unless the same session has lasted.
[[nodiscard]] switch_records::absence since(const mark& from) noexcept;

/// Why some threads of the present or last session were not recorded; empty: all were. Throws
/// std::bad_alloc.
[[nodiscard]] std::string why_unknown();

/// So many threads are recorded at most.
[[nodiscard]] unsigned recorders_max() noexcept;

} // namespace rp::sched::switches
