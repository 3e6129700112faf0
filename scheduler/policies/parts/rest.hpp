// SPDX-License-Identifier: Apache-2.0
#pragma once
// The end of every fruitless search: spin for a while, then park.
#include "scheduler/policy.hpp"

namespace rp::sched::parts {

struct rest {
    int64_t spins_before_park = 8;
    int64_t spin_ns = 600;

    [[nodiscard]] action after(const step& s) const {
        return s.spins < spins_before_park
                   ? action{action::kind::spin, static_cast<int32_t>(spin_ns)}
                   : action{action::kind::park};
    }

    template <class Visitor>
    void visit_knobs(Visitor&& knob) {
        knob("spins_before_park", spins_before_park, 0, 1000, "looks before a worker sleeps");
        knob("spin_ns", spin_ns, 0, 20'000, "time between two such looks");
    }
};

} // namespace rp::sched::parts
