// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "scheduler/policies/registry.hpp"

namespace rp::sched {

/// What the registry keeps of a policy of this build; each is made in its own folder.
template <class Policy>
policy_entry entry_of();

/// The policies of this build; the first is the default.
[[nodiscard]] std::vector<policy_entry> shipped_policies();

} // namespace rp::sched
