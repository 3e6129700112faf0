// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a list of events says about callbacks and cores. Pure functions of the list.
//
// A *call* is one execution of a callback. Its submission is found by order: calls of one object
// begin in the order in which they were submitted. Three things blur that, each for single calls:
// a call submitted before recording began; an event that was overwritten; and a submission of an
// object that was queued already, which is noted after the fact, so that the call may begin first.
// Such a call has no known wait rather than a wrong one.
#include "kernel_iface/linux/switch_records.hpp"
#include "scheduler/events.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace rp::sched::sight {

inline constexpr size_t no_event = SIZE_MAX;

/// Indices are those of the list; times are ticks where no unit is named.
struct call {
    size_t begins = no_event;
    size_t ends = no_event;      ///< no_event: still running
    size_t submitted = no_event; ///< no_event: unknown, or run by whoever reaped the completion
    uint64_t wait = 0;           ///< from submission to begin
    uint64_t wake_up = 0;        ///< of the wait: from the wake of its worker until that ran
    bool was_woken_for = false;  ///< it is the first call after such a wake
    uint64_t run = 0;            ///< from begin to end, with blocked
    uint64_t blocked = 0;        ///< of that: in waits of this library, which announce themselves
    uint64_t preempted_ns = 0;   ///< of run: without a CPU, though it could have gone on
    uint64_t slept_ns = 0;       ///< of run: asleep in the kernel, announced or not
    /// What preempted_ns and slept_ns are worth.
    kernel::switch_records::extent switches = kernel::switch_records::extent::unknown;
};

/// `events`: by time, as events::read gives them. In the order in which they begin.
[[nodiscard]] std::vector<call> calls_of(const std::vector<event>& events);

struct core_idleness {
    uint16_t pool = 0;
    int32_t core = 0;
    uint64_t seen = 0;     ///< ticks from when its state was first known
    uint64_t idle = 0;     ///< of them: without a worker
    uint64_t wasteful = 0; ///< of them: while an item waited in some queue of the pool
};

/// The work-conservation meter: a core above the pool's maximum is not idle but closed.
[[nodiscard]] std::vector<core_idleness> idleness_of(const std::vector<event>& events);

struct distribution {
    uint64_t count = 0;
    int64_t p50_ns = 0;
    int64_t p90_ns = 0;
    int64_t p99_ns = 0;
    int64_t max_ns = 0;
};

/// Nearest-rank percentiles; `values` may be in any order.
[[nodiscard]] distribution distribution_of(std::vector<int64_t> values);

} // namespace rp::sched::sight
