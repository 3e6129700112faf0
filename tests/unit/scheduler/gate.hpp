// SPDX-License-Identifier: Apache-2.0
#pragma once
// What callbacks and tests wait with: a counter that can be waited for, and time that passes.
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"

#include <atomic>
#include <cstdint>

namespace rp::test {

/// Sleeps in the kernel, unannounced; nothing may depend on how long.
inline void pause_ns(int64_t ns) {
    std::atomic<uint32_t> never{0};
    (void)kernel::futex_wait(never, 0, kernel::now_ns() + ns);
}

/// A counter that can be waited for.
class gate {
public:
    void count() {
        // mo: release, pairs test.gate (value).
        value_.fetch_add(1, std::memory_order_release);
        (void)kernel::futex_wake(value_, 1000);
    }

    [[nodiscard]] uint32_t value() const {
        // mo: acquire, pairs test.gate (count).
        return value_.load(std::memory_order_acquire);
    }

    /// False when it does not get there in time, which only a defect explains.
    bool wait(uint32_t target, int64_t seconds = 30) {
        const int64_t deadline = kernel::now_ns() + seconds * 1'000'000'000;
        for (uint32_t v = value(); v < target; v = value()) {
            if (kernel::now_ns() > deadline) {
                return false;
            }
            (void)kernel::futex_wait(value_, v, deadline);
        }
        return true;
    }

private:
    std::atomic<uint32_t> value_{0};
};

} // namespace rp::test
