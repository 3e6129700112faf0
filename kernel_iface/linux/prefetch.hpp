// SPDX-License-Identifier: Apache-2.0
#pragma once

// Asking for a cache line before it is needed.

namespace rp::kernel {

/// Starts to bring a cache line in that will be written. Not by the compiler's builtin: without
/// options for newer processors that asks for a copy to read, and the write then asks again. A
/// processor that does not know the instruction does nothing.
inline void prefetch_to_write(const char* line) noexcept {
#if defined(__x86_64__)
    asm volatile("prefetchw %0" : : "m"(*line));
#else
    __builtin_prefetch(line, 1);
#endif
}

} // namespace rp::kernel
