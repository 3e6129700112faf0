// SPDX-License-Identifier: Apache-2.0
#pragma once
// Slim reader/writer locks in the pointer that SRWLOCK is. See srw_lock.cpp for the essay.
#include "kernel_iface/nt/status.hpp"

namespace rp::nt {

void acquire_exclusive(RTL_SRWLOCK& lock) noexcept;
void acquire_shared(RTL_SRWLOCK& lock) noexcept;
[[nodiscard]] bool try_acquire_exclusive(RTL_SRWLOCK& lock) noexcept;
[[nodiscard]] bool try_acquire_shared(RTL_SRWLOCK& lock) noexcept;
/// success, or resource_not_owned when the lock is not held that way by anybody.
[[nodiscard]] ntstatus release_exclusive(RTL_SRWLOCK& lock) noexcept;
[[nodiscard]] ntstatus release_shared(RTL_SRWLOCK& lock) noexcept;

} // namespace rp::nt
