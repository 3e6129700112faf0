// SPDX-License-Identifier: Apache-2.0
#pragma once
// One-time initialisation in the pointer that INIT_ONCE is. See init_once.cpp for the essay.
#include "kernel_iface/nt/status.hpp"

namespace rp::nt {

/// INIT_ONCE_CHECK_ONLY or INIT_ONCE_ASYNC as `flags`. success: `is_pending` says whether the
/// caller has to initialise, and `context` (may be nullptr) receives the result of whoever did.
/// unsuccessful: only checked, and not complete; invalid_parameter: unknown flags, or begun by
/// others in the other mode. Without flags it sleeps while another thread initialises.
ntstatus begin_once(RTL_RUN_ONCE& once, DWORD flags, bool& is_pending, void** context) noexcept;

/// INIT_ONCE_ASYNC or INIT_ONCE_INIT_FAILED as `flags`. invalid_parameter: bad flags, a context
/// that uses the reserved bits or belongs to a failure, begun in the other mode; unsuccessful: not
/// begun, or complete already because another thread was faster.
ntstatus complete_once(RTL_RUN_ONCE& once, DWORD flags, void* context) noexcept;

} // namespace rp::nt
