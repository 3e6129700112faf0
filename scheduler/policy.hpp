// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a scheduling policy sees and says.
//
// A policy decides two things: where a runnable item goes (`place`) and what a core tries next
// (`next`). It never loops, locks, sleeps, reads a clock or allocates; it sees a context and
// answers with a value, and the engine does the deed. Parking, waking and the promises that no
// callback may be lost, doubled or starved stay with the engine, whatever a policy answers.
//
// Nouns. *core queue*: the queues of one core: a deque whose newest end belongs to the worker
// holding the core, a waiting line (first in, first out) for objects whose turn has passed, and an
// inbox for items other threads put there. *shared(p)*: one central FIFO for each priority.
// *arrivals*: the lanes in which foreign threads hand over items; one logical queue, first in,
// first out per thread.
//
// A policy is a class with these members (see policies/ws for the smallest complete one):
//   static constexpr const char* name;
//   placement place(Context&, const task_info&, core_id from);   // from: no_core for foreign
//   threads action next(Context&, core_id self, const step&); bool reads(Context&, core_id self,
//   queue) const;             // may `self` ever take from it? static constexpr bool
//   reads_everything;                      // every core reads every queue bool
//   runs_completions_inline() const;                        // reaper runs the I/O callback itself
// `Context` has: cores(), random(), length(queue), has_holder(core_id).
#include "scheduler/item.hpp"

#include <cstdint>

namespace rp::sched {

using core_id = int32_t;
inline constexpr core_id no_core = -1;

struct queue {
    enum class kind : uint8_t { core, shared, arrivals } of = kind::core;
    int32_t index = 0; ///< core: its id; shared: the priority

    static constexpr queue core(core_id c) { return {kind::core, c}; }

    static constexpr queue shared(unsigned priority) {
        return {kind::shared, static_cast<int32_t>(priority)};
    }

    static constexpr queue arrivals() { return {kind::arrivals, 0}; }
};

struct task_info {
    const item* id = nullptr;
    uint8_t priority = priority_normal;
    origin from = origin::external;
};

/// Where a new item goes. An impossible answer (a core that does not exist, `arrivals` from a
/// worker) is corrected by the engine to the nearest possible one.
struct placement {
    queue to;
    /// Core queues only, when the caller holds that core: true: next to run (LIFO end); false: at
    /// the end of the waiting line.
    bool is_newest = false;
};

/// One thing for a core to try.
struct action {
    enum class kind : uint8_t {
        take_newest,   ///< own deque, newest first
        take_oldest,   ///< own deque, oldest first
        take_line,     ///< own waiting line
        take_inbox,    ///< own inbox; argument: how many, the rest goes to the own deque in order
        take_arrivals, ///< a batch from the arrival lanes; the rest goes to the own deque in order
        take_shared,   ///< argument: priority
        steal,         ///< argument: victim core; up to half of what it has
        poll, ///< arm, submit and reap I/O; runs completions inline where the policy says so
        spin, ///< argument: ns to burn before the next look (bounded by the engine)
        park, ///< nothing to do
    } what = kind::park;
    int32_t argument = 0;
};

/// What the core has been doing since it last ran an item.
struct step {
    uint32_t tries = 0; ///< actions that found nothing since the last item or spin
    uint32_t spins = 0; ///< spins since the last item
    uint64_t turn = 0;  ///< items this core has run
};

} // namespace rp::sched
