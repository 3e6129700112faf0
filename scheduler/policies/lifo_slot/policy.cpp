// SPDX-License-Identifier: Apache-2.0
#include "scheduler/policies/lifo_slot/policy.hpp"

#include "scheduler/policies/shipping.hpp"

namespace rp::sched {

template policy_entry entry_of<policies::lifo_slot>();

} // namespace rp::sched
