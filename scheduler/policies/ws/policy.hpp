// SPDX-License-Identifier: Apache-2.0
#pragma once
// `ws`: per-core queues, newest first at the own end, random-start stealing. See README.md.
#include "scheduler/policies/parts/work_stealing.hpp"

namespace rp::sched::policies {

struct ws : parts::work_stealing<parts::random_victim> {
    static constexpr const char* name = "ws";
};

} // namespace rp::sched::policies
