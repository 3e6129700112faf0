// SPDX-License-Identifier: Apache-2.0
#include "scheduler/policies/sjf_est/policy.hpp"

#include "scheduler/policies/shipping.hpp"

namespace rp::sched {

template policy_entry entry_of<policies::sjf_est>();

} // namespace rp::sched
