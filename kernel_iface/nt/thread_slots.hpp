// SPDX-License-Identifier: Apache-2.0
#pragma once
// TlsAlloc and what goes with it.
#include "kernel_iface/nt/status.hpp"

#include <cstdint>

namespace rp::nt {

inline constexpr uint32_t thread_slots_max = 1088; // as many as Windows has

/// A slot that is zero in every thread. False: none is left.
bool take_thread_slot(uint32_t& index) noexcept;
/// success, or invalid_parameter: it was not taken.
ntstatus give_thread_slot(uint32_t index) noexcept;
/// success, or invalid_parameter. Whether the slot is taken is not checked, as on Windows.
ntstatus read_thread_slot(uint32_t index, void*& value) noexcept;
/// The same; also no_memory.
ntstatus write_thread_slot(uint32_t index, void* value) noexcept;

} // namespace rp::nt
