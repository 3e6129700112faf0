// SPDX-License-Identifier: Apache-2.0
#pragma once
// `ps`: processor sharing by cooperative quanta. See README.md.
#include "scheduler/policies/parts/central.hpp"

namespace rp::sched::policies {

struct ps : parts::one_fifo {
    static constexpr const char* name = "ps";

    int64_t quantum_us = 50;

    [[nodiscard]] static constexpr bool wants_times() { return true; }

    template <class Context>
    [[nodiscard]] bool should_yield(Context& c, core_id /*self*/, int64_t ran_ns) const {
        return ran_ns >= quantum_us * 1000 && (c.length(queue::shared(priority_high)) != 0 ||
                                               c.length(queue::shared(priority_normal)) != 0);
    }

    template <class Visitor>
    void visit_knobs(Visitor&& knob) {
        knob("quantum_us", quantum_us, 1, 1'000'000, "time before a callback is asked to make way");
        at_rest.visit_knobs(knob);
    }
};

} // namespace rp::sched::policies
