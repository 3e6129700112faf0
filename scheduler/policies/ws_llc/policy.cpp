// SPDX-License-Identifier: Apache-2.0
#include "scheduler/policies/ws_llc/policy.hpp"

#include "scheduler/policies/shipping.hpp"

namespace rp::sched {

template policy_entry entry_of<policies::ws_llc>();

} // namespace rp::sched
