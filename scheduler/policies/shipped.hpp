// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "scheduler/policies/registry.hpp"

namespace rp::sched {

/// The policies of this build; the first is the default.
[[nodiscard]] std::vector<policy_entry> shipped_policies();

} // namespace rp::sched
