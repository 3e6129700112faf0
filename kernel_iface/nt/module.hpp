// SPDX-License-Identifier: Apache-2.0
#pragma once
// LoadLibrary and friends over dlopen.
#include "kernel_iface/nt/status.hpp"

#include <cstddef>

namespace rp::nt {

/// success, invalid_parameter (no name), dll_not_found, no_memory.
ntstatus load_library(const char* name, HMODULE& made) noexcept;
/// Gives one reference back: success, or dll_not_found for a module that is not loaded.
ntstatus free_library(HMODULE module) noexcept;
/// One more reference to a module that load_library made; nullptr for anything else.
HMODULE reference_library(HMODULE module) noexcept;
/// The module of that name if it is in memory already, nullptr for the program itself: success or
/// dll_not_found. A module that load_library did not make stays in memory from then on, so that its
/// handle cannot dangle.
ntstatus find_module(const char* name, HMODULE& found) noexcept;
/// The file it came from; nullptr for the program. success, dll_not_found, or buffer_too_small:
/// then `path` holds what fits. `length` counts what was stored, without the terminating zero.
ntstatus module_path(HMODULE module, char* path, size_t size, size_t& length) noexcept;
/// success, dll_not_found, entrypoint_not_found (also for ordinals: ELF has none).
ntstatus find_procedure(HMODULE module, const char* name, FARPROC& found) noexcept;

} // namespace rp::nt
