// SPDX-License-Identifier: Apache-2.0
#pragma once
// `shared-fifo`: one central FIFO for each priority, workers woken last-in first-out. See
// README.md.
#include "scheduler/policies/parts/central.hpp"

namespace rp::sched::policies {

struct shared_fifo : parts::one_fifo {
    static constexpr const char* name = "shared-fifo";
    static constexpr const char* aliases = "cfcfs windows";
};

} // namespace rp::sched::policies
