// SPDX-License-Identifier: Apache-2.0
#pragma once
// `sjf-est`: the shortest job first, by the estimated service time of its class. See README.md.
#include "scheduler/policies/parts/central.hpp"

namespace rp::sched::policies {

struct sjf_est : parts::sorted<sjf_est> {
    static constexpr const char* name = "sjf-est";
    static constexpr bool uses_classes = true;

    int64_t patience = 100;

    [[nodiscard]] static constexpr bool wants_times() { return true; }

    /// Shortest first among those placed at about the same time: an item gives way to later ones
    /// for no longer than `patience` times its own length, so none waits for ever.
    template <class Context>
    int64_t key(Context& c, const task_info& task) const {
        return c.now() + c.mean_ns(task.cls) * patience;
    }

    template <class Visitor>
    void visit_knobs(Visitor&& knob) {
        knob("patience",
             patience,
             1,
             1'000'000,
             "waiting, in own lengths, that later ones may cost");
        at_rest.visit_knobs(knob);
    }
};

} // namespace rp::sched::policies
