// SPDX-License-Identifier: Apache-2.0
#pragma once
// LoadLibrary and friends over dlopen.
#include "kernel_iface/nt/status.hpp"

namespace rp::nt {

/// success, invalid_parameter (no name), dll_not_found, no_memory.
ntstatus load_library(const char* name, HMODULE& made) noexcept;
/// Gives one reference back: success, or dll_not_found for a module that is not loaded.
ntstatus free_library(HMODULE module) noexcept;
/// One more reference to a module that load_library made; nullptr for anything else.
HMODULE reference_library(HMODULE module) noexcept;
/// success, dll_not_found, entrypoint_not_found (also for ordinals: ELF has none).
ntstatus find_procedure(HMODULE module, const char* name, FARPROC& found) noexcept;

} // namespace rp::nt
