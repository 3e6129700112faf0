// SPDX-License-Identifier: Apache-2.0
#include "scheduler/policies/tail_control/policy.hpp"

#include "scheduler/policies/shipping.hpp"

namespace rp::sched {

template policy_entry entry_of<policies::tail_control>();

} // namespace rp::sched
