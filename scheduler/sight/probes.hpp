// SPDX-License-Identifier: Apache-2.0
#pragma once
// USDT probes: where bpftrace, perf, SystemTap and LTTng attach to a running program.
//
// The probes of provider `ringpool` are the events of events.hpp under other names: those that the
// Windows thread pool gives to Event Tracing for Windows, where it has them. There is one place
// that notes an event and one switch. A tracer that attaches to any probe has the kernel count it
// in the low half of events::wanted, which all probes name as their semaphore; then every noted
// event also passes the probe of its kind. A probe itself is a `nop` and a line in the file.
//
// probe               arguments
// PoolCreate          pool
// PoolClose           pool
// ThreadMinSet        pool, minimum, maximum
// ThreadMaxSet        pool, maximum, minimum
// CallbackEnqueue     pool, object, core (-1: none), origin, kind of queue, its index
// CallbackSubmit      pool, object (it was queued already)
// CallbackDequeue     pool, object, core, action, its argument
// CallbackStart       pool, object, core, function, kind of object (W work, S simple, T timer,
//                     w wait, I io)
// CallbackStop        pool, object, core
// CallbackCancel      pool, object, how many calls
// ThreadCreate        pool
// ThreadExit          pool
// WorkerPark          pool
// WorkerUnpark        pool
// WorkerWake          pool, thread id of the woken, core it was given
// SearchStart         pool, core
// SearchStop          pool, core, 1 if something was found
// Steal               pool, core, victim's core, how many items
// StealMiss           pool, core, victim's core
// CompletionsReaped   pool, core, how many in a row
// SwitchedOff         pool, core, preempted ns, slept ns (of the callback that stops next, while a
//                     trace is recorded)
// BlockStart          pool, core
// BlockStop           pool, core
// CoreTake            pool, core
// CoreYield           pool, core
// CoreRevoke          pool, core, thread id of the worker that lost it
// ControllerDecision  pool, tokens, reason
//
// All fire in the thread that does it. `object` is the address of the pool's object, the same in
// all its events; `pool` counts the pools of the process.
#include "scheduler/events.hpp"

#include <cstdint>

namespace rp::sched::probes {

/// Passes the probe of an event. Nothing happens in a build without <sys/sdt.h>.
void fire(event_kind kind, uint64_t pool, int32_t core, uint64_t object, uint64_t detail) noexcept;

} // namespace rp::sched::probes
