// SPDX-License-Identifier: Apache-2.0
#pragma once
// Waiting for a value in memory to change. See address_wait.cpp for the essay.
#include "kernel_iface/nt/status.hpp"

#include <cstddef>
#include <cstdint>

namespace rp::nt {

/// Sleeps while the `size` bytes (1, 2, 4 or 8) at `address` equal those at `compare`, until a wake
/// by that address or `deadline_ns`. success, timeout, or invalid_parameter. A success says only
/// that it may be worth while to look.
ntstatus wait_on_address(const void* address,
                         const void* compare,
                         size_t size,
                         int64_t deadline_ns) noexcept;
void wake_by_address(const void* address, bool wakes_all) noexcept;

} // namespace rp::nt
