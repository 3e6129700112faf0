// SPDX-License-Identifier: Apache-2.0
#pragma once
// The clock of time stamps that are taken by the million.
//
// On x86-64 it is the time stamp counter, where the kernel itself keeps time by it: then it runs at
// one rate in every sleep state and agrees between CPUs. Everywhere else it is CLOCK_MONOTONIC.
// Measured on the machine this was written on, a virtual one: 12 ns for the counter, 30 ns for the
// clock through the vDSO.
//
// Ticks become nanoseconds by one straight line, so that order is kept and durations of the same
// recording agree with each other. Its slope is measured once, over 2 ms, to about 1 part in
// 100000; against CLOCK_MONOTONIC it may be off by that much of the time since.
#include "kernel_iface/linux/clock.hpp"

#include <atomic>
#include <cstdint>

namespace rp::kernel::tick_clock {

/// Set by prepare().
extern std::atomic<bool> reads_counter;

/// Chooses the clock and measures its rate; the first call takes 2 ms where the counter is used.
/// Ticks taken before it must not be compared with ticks taken after it.
void prepare() noexcept;

inline uint64_t now() noexcept {
#if defined(__x86_64__)
    // mo: relaxed, set before anybody takes ticks.
    if (reads_counter.load(std::memory_order_relaxed)) [[likely]] {
        return __builtin_ia32_rdtsc();
    }
#endif
    return static_cast<uint64_t>(now_ns());
}

/// CLOCK_MONOTONIC at that tick; prepare() first.
int64_t to_ns(uint64_t ticks) noexcept;
/// How many ticks such a duration has; prepare() first.
uint64_t duration_ticks(int64_t duration_ns) noexcept;
/// "tsc" or "clock_monotonic".
const char* source() noexcept;

} // namespace rp::kernel::tick_clock
