// SPDX-License-Identifier: Apache-2.0
#include "scheduler/policies/bwos/policy.hpp"

#include "scheduler/policies/shipping.hpp"

namespace rp::sched {

template policy_entry entry_of<policies::bwos>();

} // namespace rp::sched
