// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/heap.hpp"

#include "kernel_iface/nt/misuse.hpp"

#include <malloc.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace rp::nt {
namespace {

/// Stands in front of every block and keeps the block's 16-byte alignment.
struct alignas(16) prefix {
    size_t size;
};

// Any address of ours that is no handle.
constexpr char heap_mark = 0;

prefix* prefix_of(void* block) noexcept {
    return static_cast<prefix*>(block) - 1;
}

/// HEAP_GENERATE_EXCEPTIONS asks for an exception where nullptr would be returned (R-ERR-4).
void* out_of_memory(DWORD flags, const char* function, size_t size) noexcept {
    if ((flags & HEAP_GENERATE_EXCEPTIONS) != 0) {
        fatal_misuse(status::no_memory, function, nullptr, size, "the heap has no memory left");
    }
    return nullptr;
}

bool is_too_large(size_t size) noexcept {
    return size > SIZE_MAX / 2;
}

} // namespace

HANDLE process_heap() noexcept {
    return const_cast<char*>(&heap_mark);
}

void* heap_allocate(HANDLE heap, DWORD flags, size_t size) noexcept {
    if (heap != process_heap()) {
        return nullptr;
    }
    void* memory = nullptr;
    if (!is_too_large(size)) {
        const size_t whole = sizeof(prefix) + size;
        const bool is_zeroed = (flags & HEAP_ZERO_MEMORY) != 0;
        memory = is_zeroed ? std::calloc(1, whole) : std::malloc(whole);
    }
    if (memory == nullptr) {
        return out_of_memory(flags, "HeapAlloc", size);
    }
    auto* const front = static_cast<prefix*>(memory);
    front->size = size;
    return front + 1;
}

void* heap_reallocate(HANDLE heap, DWORD flags, void* block, size_t size) noexcept {
    if (heap != process_heap() || block == nullptr) {
        return nullptr;
    }
    prefix* front = prefix_of(block);
    const size_t old_size = front->size;
    const bool may_move = (flags & HEAP_REALLOC_IN_PLACE_ONLY) == 0;
    if (is_too_large(size)) {
        front = nullptr;
    } else if (may_move) {
        front = static_cast<prefix*>(std::realloc(front, sizeof(prefix) + size));
    } else if (size > old_size && ::malloc_usable_size(front) < sizeof(prefix) + size) {
        front = nullptr;
    }
    if (front == nullptr) {
        return out_of_memory(flags, "HeapReAlloc", size);
    }
    front->size = size;
    auto* const bytes = reinterpret_cast<char*>(front + 1);
    if (size > old_size && (flags & HEAP_ZERO_MEMORY) != 0) {
        std::memset(bytes + old_size, 0, size - old_size);
    }
    return bytes;
}

ntstatus heap_free(HANDLE heap, void* block) noexcept {
    if (heap != process_heap()) {
        return status::invalid_handle;
    }
    if (block != nullptr) {
        std::free(prefix_of(block));
    }
    return status::success;
}

size_t heap_size(HANDLE heap, const void* block) noexcept {
    const bool is_ours = heap == process_heap() && block != nullptr;
    return is_ours ? (static_cast<const prefix*>(block) - 1)->size : SIZE_MAX;
}

} // namespace rp::nt
