// SPDX-License-Identifier: Apache-2.0
#pragma once
// The process heap: malloc with the size remembered, so that HeapSize is exact and the bytes a
// reallocation adds can be zeroed.
#include "kernel_iface/nt/status.hpp"

#include <cstddef>

namespace rp::nt {

HANDLE process_heap() noexcept;
/// nullptr when there is no memory, or `heap` is not the process heap. HEAP_ZERO_MEMORY.
void* heap_allocate(HANDLE heap, DWORD flags, size_t size) noexcept;
/// nullptr leaves the old block as it was. HEAP_ZERO_MEMORY, HEAP_REALLOC_IN_PLACE_ONLY.
void* heap_reallocate(HANDLE heap, DWORD flags, void* block, size_t size) noexcept;
/// success (also for nullptr), or invalid_handle.
ntstatus heap_free(HANDLE heap, void* block) noexcept;
/// SIZE_MAX for anything but a block of the process heap.
size_t heap_size(HANDLE heap, const void* block) noexcept;

} // namespace rp::nt
