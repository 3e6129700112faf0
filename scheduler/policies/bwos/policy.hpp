// SPDX-License-Identifier: Apache-2.0
#pragma once
// `bwos`: queues in blocks, robbed a block at a time, by length. See README.md.
#include "scheduler/policies/parts/work_stealing.hpp"

namespace rp::sched::policies {

struct bwos : parts::work_stealing<parts::by_length> {
    static constexpr const char* name = "bwos";
    static constexpr bool has_blocks = true;
    static constexpr uint8_t stolen_parts =
        action::from_blocks | action::from_line | action::from_inbox;

    template <class Context>
    placement place(Context& c, const task_info& task, core_id from) const {
        placement p = work_stealing::place(c, task, from);
        if (p.at == placement::spot::newest) {
            p.at = placement::spot::blocks;
        }
        return p;
    }

    template <class Context>
    action next(Context& c, core_id self, const step& s) const {
        action a = work_stealing::next(c, self, s);
        switch (a.what) {
        case action::kind::take_newest:
            a.what = action::kind::take_blocks;
            break;
        case action::kind::steal:
            a.parts = stolen_parts;
            break;
        default:
            break;
        }
        return a;
    }
};

} // namespace rp::sched::policies
