// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/clock.hpp"

#include <ctime>

namespace rp::kernel {

namespace {

int64_t read_ns(clockid_t clock) noexcept {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

} // namespace

int64_t now_ns() noexcept {
    return read_ns(CLOCK_MONOTONIC);
}

int64_t now_coarse_ns() noexcept {
    return read_ns(CLOCK_MONOTONIC_COARSE);
}

int64_t wall_clock_offset_ns() noexcept {
    return read_ns(CLOCK_REALTIME) - read_ns(CLOCK_MONOTONIC);
}

int64_t utc_filetime() noexcept {
    // 369 years with 89 leap days lie between 1601-01-01 and 1970-01-01.
    constexpr int64_t epoch_gap_s = (369LL * 365 + 89) * 86'400;
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return (static_cast<int64_t>(now.tv_sec) + epoch_gap_s) * 10'000'000 + now.tv_nsec / 100;
}

int64_t thread_cpu_ns() noexcept {
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t process_cpu_ns() noexcept {
    return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

} // namespace rp::kernel
