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
// *sorted*: one central queue ordered by a key that the placement gives, smallest first, equal keys
// first in, first out. *of_class(i)*: one central FIFO for each class of callbacks. *arrivals*: the
// lanes in which foreign threads hand over items; one logical queue, first in, first out per
// thread.
//
// A policy is a class derived from `policy_defaults` with at least
//   static constexpr const char* name;
//   placement place(Context&, const task_info&, core_id from) const;  // no_core: a foreign thread
//   action next(Context&, core_id self, const step&) const;
//   bool reads(Context&, core_id self, queue) const;   // may `self` ever take from it?
// policies/shared_fifo is the smallest. `Context` has
//   cores()               how many cores may be used now: 1 ...
//   random()              32 random bits
//   now()                 CLOCK_MONOTONIC in ns
//   length(queue)         how many items wait there
//   has_holder(core_id)   does a worker hold it?
//   near(core_id, k)      the k-th nearest other core by caches and NUMA nodes, k from 0
//   scratch(core_id, i)   the core's own words for the policy, i < scratch_words; holder only
//   mean_ns(class)        moving average of the service time of a class; 0: none has run yet
//   seen(class)           how many callbacks of the class have run
//   deadline_ns(class)    relative deadline of the class; 0: none set
//   active_requests(), request_ns(request)   see task_info::request
#include "scheduler/item.hpp"

#include <cstdint>

namespace rp::sched {

using core_id = int32_t;
inline constexpr core_id no_core = -1;
inline constexpr unsigned scratch_words = 4;

struct queue {
    enum class kind : uint8_t { core, shared, arrivals, sorted, of_class } of = kind::core;
    int32_t index = 0; ///< core: its id; shared: the priority; of_class: the class

    static constexpr queue core(core_id c) { return {kind::core, c}; }

    static constexpr queue shared(unsigned priority) {
        return {kind::shared, static_cast<int32_t>(priority)};
    }

    static constexpr queue arrivals() { return {kind::arrivals, 0}; }

    static constexpr queue sorted() { return {kind::sorted, 0}; }

    static constexpr queue of_class(unsigned index) {
        return {kind::of_class, static_cast<int32_t>(index)};
    }
};

struct task_info {
    const item* id = nullptr;
    uint8_t priority = priority_normal;
    origin from = origin::external;
    uint8_t cls = 0;      ///< its class, below class_count
    uint16_t request = 0; ///< what came from outside and everything it spawned; 0: not followed
};

/// Where a new item goes. An impossible answer (a core that does not exist, `arrivals` from a
/// worker) is corrected by the engine to the nearest possible one.
struct placement {
    /// In a core's queues, when the caller holds that core; from elsewhere it is the inbox.
    enum class spot : uint8_t {
        line,   ///< at the end of the waiting line
        newest, ///< next to run (the newest end of the deque)
        slot,   ///< next to run; what was in the deque moves to the waiting line
        blocks, ///< the newest end of the block queue, for policies with `has_blocks`
    };

    queue to;
    spot at = spot::line;
    int64_t key = 0; ///< sorted: smaller comes first
};

/// One thing for a core to try.
struct action {
    enum class kind : uint8_t {
        take_newest,   ///< own deque, newest first
        take_oldest,   ///< own deque (or block queue), oldest first
        take_line,     ///< own waiting line; argument as for the inbox, 0: one
        take_inbox,    ///< own inbox; argument: how many, the rest goes to the own deque in order
        take_arrivals, ///< a batch from the arrival lanes; the rest goes to the own deque in order
        take_shared,   ///< argument: priority
        take_sorted,   ///< the smallest key
        take_class,    ///< argument: the class
        take_blocks,   ///< own block queue, newest first
        steal,         ///< argument: victim core; how much and from which of its queues: below
        poll, ///< arm, submit and reap I/O; runs completions inline where the policy says so
        spin, ///< argument: ns to burn before the next look (bounded by the engine)
        park, ///< nothing to do
    };
    static constexpr unsigned kinds = static_cast<unsigned>(kind::park) + 1;

    /// How much a thief takes.
    enum class amount : uint8_t {
        half, ///< half of the first queue that has something, at most a batch
        one,
        most, ///< half of all the victim has, from every queue
    };
    /// From where: a sum of these.
    static constexpr uint8_t from_deque = 1;
    static constexpr uint8_t from_line = 2;
    static constexpr uint8_t from_inbox = 4;
    static constexpr uint8_t from_blocks = 8;
    static constexpr uint8_t from_all = 15;

    kind what = kind::park;
    int32_t argument = 0;
    amount how_much = amount::half;
    uint8_t parts = from_all;
};

/// What the core has been doing since it last ran an item.
struct step {
    uint32_t tries = 0; ///< actions that found nothing since the last item or spin
    uint32_t spins = 0; ///< spins since the last item
    uint64_t turn = 0;  ///< items this core has run
};

/// What a policy does not say otherwise.
struct policy_defaults {
    /// Other names it answers to, separated by spaces.
    static constexpr const char* aliases = "";
    /// Every core reads every queue the policy uses.
    static constexpr bool reads_everything = false;
    /// Every core reads the same central queues (all but those of cores).
    static constexpr bool reads_alike = true;
    /// From which queues of a core other cores may take (a sum as in action); 0: from none.
    static constexpr uint8_t stolen_parts = action::from_all;
    /// Comes from outside: its answers are checked and it may be evicted.
    static constexpr bool is_foreign = false;
    /// Cores get a block queue (spot::blocks).
    static constexpr bool has_blocks = false;
    /// Items have a class (classes.hpp).
    static constexpr bool uses_classes = false;
    /// There is a queue for each class.
    static constexpr bool has_class_queues = false;
    /// Items belong to requests (task_info::request); goes with wants_times().
    static constexpr bool follows_requests = false;
    /// Workers stay on the CPUs that share their core's last-level cache.
    static constexpr bool keeps_near = false;

    /// The engine reads the clock around each item, for mean_ns() and should_yield().
    [[nodiscard]] static constexpr bool wants_times() { return false; }

    /// The reaper of an I/O completion runs the callback itself.
    [[nodiscard]] static constexpr bool runs_completions_inline() { return true; }

    /// Called about every millisecond while the pool is active, by one thread.
    template <class Context>
    void tick(Context& /*c*/) {}

    /// For a callback that asks: should it make way after `ran_ns`?
    template <class Context>
    [[nodiscard]] bool should_yield(Context& /*c*/, core_id /*self*/, int64_t /*ran_ns*/) const {
        return false;
    }

    /// How the policy is called in statistics, given how it was created.
    [[nodiscard]] static constexpr const char* shown_name(const char* created) { return created; }

    /// Calls knob(name, member, lowest, highest, meaning) for each setting; members are int64_t.
    template <class Visitor>
    void visit_knobs(Visitor&& /*knob*/) {}
};

} // namespace rp::sched
