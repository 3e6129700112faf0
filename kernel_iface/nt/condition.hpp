// SPDX-License-Identifier: Apache-2.0
#pragma once
// Condition variables in the pointer that CONDITION_VARIABLE is. See condition.cpp for the essay.
#include "kernel_iface/nt/status.hpp"

#include <cstdint>

namespace rp::nt {

/// Leaves the section once, sleeps until a wake or `deadline_ns`, and enters it again. success (a
/// spurious one is possible), timeout, or resource_not_owned: then nothing happened.
ntstatus sleep_condition(RTL_CONDITION_VARIABLE& condition,
                         RTL_CRITICAL_SECTION& section,
                         int64_t deadline_ns) noexcept;
/// The same with a slim lock that the caller holds, shared or exclusive.
ntstatus sleep_condition(RTL_CONDITION_VARIABLE& condition,
                         RTL_SRWLOCK& lock,
                         bool is_shared,
                         int64_t deadline_ns) noexcept;
void wake_condition(RTL_CONDITION_VARIABLE& condition, int count) noexcept;

} // namespace rp::nt
