// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/tick_clock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace rp::kernel::tick_clock {

constinit std::atomic<bool> reads_counter{false};

namespace {

constexpr int64_t measured_ns = 2'000'000;

/// The line that maps ticks to nanoseconds.
struct line {
    uint64_t origin_ticks = 0;
    int64_t origin_ns = 0;
    double ns_per_tick = 1.0;
};

/// Does the kernel itself keep time by the counter?
[[maybe_unused]] bool kernel_trusts_counter() noexcept {
    const int saved_errno = errno;
    const int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
                        O_RDONLY | O_CLOEXEC);
    char name[16] = {};
    ssize_t bytes = -1;
    if (fd >= 0) {
        bytes = read(fd, name, sizeof name - 1);
        close(fd);
    }
    errno = saved_errno;
    return bytes > 0 && std::strncmp(name, "tsc", 3) == 0;
}

#if defined(__x86_64__)
/// The counter and the clock at the same moment: of several pairs the one read fastest.
line counter_and_clock() noexcept {
    line best;
    uint64_t shortest = UINT64_MAX;
    for (int i = 0; i < 8; ++i) {
        const uint64_t before = __builtin_ia32_rdtsc();
        const int64_t ns = now_ns();
        const uint64_t took = __builtin_ia32_rdtsc() - before;
        if (took < shortest) {
            shortest = took;
            best.origin_ticks = before + took / 2;
            best.origin_ns = ns;
        }
    }
    return best;
}

line measure() noexcept {
    if (!kernel_trusts_counter()) {
        return {};
    }
    line l = counter_and_clock();
    while (now_ns() < l.origin_ns + measured_ns) {
        cpu_relax();
    }
    const line later = counter_and_clock();
    l.ns_per_tick = static_cast<double>(later.origin_ns - l.origin_ns) /
                    static_cast<double>(later.origin_ticks - l.origin_ticks);
    // mo: relaxed, whoever takes ticks has been told to by a thread that has called prepare().
    reads_counter.store(true, std::memory_order_relaxed);
    return l;
}
#else
line measure() noexcept {
    return {};
}
#endif

const line& the_line() noexcept {
    static const line l = measure();
    return l;
}

} // namespace

void prepare() noexcept {
    (void)the_line();
}

int64_t to_ns(uint64_t ticks) noexcept {
    const line& l = the_line();
    const auto since = static_cast<int64_t>(ticks - l.origin_ticks);
    return l.origin_ns + static_cast<int64_t>(static_cast<double>(since) * l.ns_per_tick);
}

uint64_t duration_ticks(int64_t duration_ns) noexcept {
    return static_cast<uint64_t>(static_cast<double>(std::max<int64_t>(duration_ns, 0)) /
                                 the_line().ns_per_tick);
}

const char* source() noexcept {
    // mo: relaxed, set once by prepare().
    return reads_counter.load(std::memory_order_relaxed) ? "tsc" : "clock_monotonic";
}

} // namespace rp::kernel::tick_clock
