// SPDX-License-Identifier: Apache-2.0
#pragma once
// `ws-half`: a thief takes half of all its victim has. See README.md.
#include "scheduler/policies/parts/work_stealing.hpp"

namespace rp::sched::policies {

struct ws_half : parts::work_stealing<parts::random_victim, action::amount::most> {
    static constexpr const char* name = "ws-half";
};

} // namespace rp::sched::policies
