// SPDX-License-Identifier: Apache-2.0
#include "scheduler/policies/shared_fifo/policy.hpp"

#include "scheduler/policies/shipping.hpp"

namespace rp::sched {

template policy_entry entry_of<policies::shared_fifo>();

} // namespace rp::sched
