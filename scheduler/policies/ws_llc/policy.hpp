// SPDX-License-Identifier: Apache-2.0
#pragma once
// `ws-llc`: steals from the nearest cores first. See README.md.
#include "scheduler/policies/parts/work_stealing.hpp"

namespace rp::sched::policies {

struct ws_llc : parts::work_stealing<parts::nearest_first> {
    static constexpr const char* name = "ws-llc";
    static constexpr bool keeps_near = true;
};

} // namespace rp::sched::policies
