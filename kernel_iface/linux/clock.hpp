// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

namespace rp::kernel {

int64_t now_ns() noexcept;        ///< CLOCK_MONOTONIC, ns (about 20 ns a call)
int64_t now_coarse_ns() noexcept; ///< CLOCK_MONOTONIC_COARSE: tick resolution, about 3 ns a call
int64_t wall_clock_offset_ns() noexcept; ///< CLOCK_REALTIME - CLOCK_MONOTONIC, ns
int64_t utc_filetime() noexcept;         ///< CLOCK_REALTIME in 100 ns units since 1601-01-01 UTC
int64_t thread_cpu_ns() noexcept;        ///< CPU time of the calling thread
int64_t process_cpu_ns() noexcept;       ///< CPU time of the process

inline void cpu_relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield" ::: "memory");
#endif
}

} // namespace rp::kernel
