// SPDX-License-Identifier: Apache-2.0
#pragma once
// A lock for sections of a few dozen instructions. It never sleeps in the kernel: a contended futex
// unlock costs an inter-processor interrupt, hundreds of times the section it protects.
#include "kernel_iface/linux/clock.hpp"

#include <sched.h>

#include <atomic>

namespace rp::kernel {

class spin_lock {
public:
    void lock() noexcept {
        for (unsigned round = 0; !try_lock(); ++round) {
            // The holder may have been preempted: after a few hundred pauses give it our CPU.
            if ((round & 255U) == 255U) {
                sched_yield();
            } else {
                cpu_relax();
            }
        }
    }

    [[nodiscard]] bool try_lock() noexcept {
        // mo: relaxed, only avoids a useless RMW on a held lock.
        if (is_held_.load(std::memory_order_relaxed)) {
            return false;
        }
        // mo: acquire, pairs spin_lock.held (unlock).
        return !is_held_.exchange(true, std::memory_order_acquire);
    }

    void unlock() noexcept {
        // mo: release, pairs spin_lock.held (try_lock).
        is_held_.store(false, std::memory_order_release);
    }

private:
    std::atomic<bool> is_held_{false};
};

} // namespace rp::kernel
