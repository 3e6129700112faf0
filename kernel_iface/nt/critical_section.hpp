// SPDX-License-Identifier: Apache-2.0
#pragma once
// Critical sections in the 40 bytes of RTL_CRITICAL_SECTION (R-SYNC-11).
#include "kernel_iface/nt/status.hpp"

namespace rp::nt {

void initialize_critical_section(RTL_CRITICAL_SECTION& section, DWORD spin_count) noexcept;
/// Reports a section that was never initialised, or was deleted, as misuse.
void enter_critical_section(RTL_CRITICAL_SECTION& section) noexcept;
[[nodiscard]] bool try_enter_critical_section(RTL_CRITICAL_SECTION& section) noexcept;
/// success, invalid_parameter (nullptr), or resource_not_owned.
ntstatus leave_critical_section(RTL_CRITICAL_SECTION* section) noexcept;
void delete_critical_section(RTL_CRITICAL_SECTION& section) noexcept;

} // namespace rp::nt
