// SPDX-License-Identifier: Apache-2.0
#include "scheduler/policies/edf/policy.hpp"

#include "scheduler/policies/shipping.hpp"

namespace rp::sched {

template policy_entry entry_of<policies::edf>();

} // namespace rp::sched
