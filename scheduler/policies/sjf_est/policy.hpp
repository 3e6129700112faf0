// SPDX-License-Identifier: Apache-2.0
#pragma once
// `sjf-est`: the shortest job first, by the estimated service time of its class. See README.md.
#include "scheduler/policies/parts/central.hpp"

#include <algorithm>

namespace rp::sched::policies {

struct sjf_est : parts::sorted<sjf_est> {
    static constexpr const char* name = "sjf-est";
    static constexpr bool uses_classes = true;

    int64_t patience = 100;
    int64_t longest_us = 100'000;

    [[nodiscard]] static constexpr bool wants_times() { return true; }

    /// Shortest first among those placed at about the same time: an item gives way to later ones
    /// for no longer than `patience` times its own length, so none waits for ever. An estimate is
    /// no promise: a callback that the kernel interrupted once looks long, hence a longest time.
    template <class Context>
    int64_t key(Context& c, const task_info& task) const {
        return c.now() + std::min(c.mean_ns(task.cls) * patience, longest_us * 1000);
    }

    template <class Visitor>
    void visit_knobs(Visitor&& knob) {
        knob("patience",
             patience,
             1,
             1'000'000,
             "waiting, in own lengths, that later ones may cost");
        knob("longest_us", longest_us, 1, 60'000'000, "but never more, microseconds");
        at_rest.visit_knobs(knob);
    }
};

} // namespace rp::sched::policies
