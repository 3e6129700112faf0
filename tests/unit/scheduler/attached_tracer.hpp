// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the kernel does to the library's word while a tracer is attached to one of its probes.
#include "scheduler/events.hpp"

namespace rp::test {

struct attached_tracer {
    // mo: relaxed, a switch.
    attached_tracer() { sched::events::wanted.fetch_add(1, std::memory_order_relaxed); }

    // mo: relaxed, a switch.
    ~attached_tracer() { sched::events::wanted.fetch_sub(1, std::memory_order_relaxed); }

    attached_tracer(const attached_tracer&) = delete;
    attached_tracer& operator=(const attached_tracer&) = delete;
};

} // namespace rp::test
