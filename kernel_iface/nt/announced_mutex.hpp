// SPDX-License-Identifier: Apache-2.0
#pragma once
// A sleeping lock for cold paths that may be held across a system call. Sleeping is announced.
#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/futex.hpp"

#include <atomic>
#include <cstdint>

namespace rp::nt {

class announced_mutex {
public:
    void lock() noexcept {
        uint32_t seen = is_free;
        // mo: acquire, pairs announced_mutex.state (unlock).
        if (!state_.compare_exchange_strong(
                seen, is_held, std::memory_order_acquire, std::memory_order_relaxed)) {
            lock_slow();
        }
    }

    void unlock() noexcept {
        // mo: release, pairs announced_mutex.state (lock).
        if (state_.exchange(is_free, std::memory_order_release) == is_contended) {
            kernel::futex_wake(state_, 1);
        }
    }

private:
    void lock_slow() noexcept {
        const kernel::blocking_scope announced;
        // Whoever slept cannot know whether others still do, so it leaves the word contended.
        // mo: acquire, pairs announced_mutex.state (unlock).
        while (state_.exchange(is_contended, std::memory_order_acquire) != is_free) {
            kernel::futex_wait(state_, is_contended, kernel::no_deadline);
        }
    }

    static constexpr uint32_t is_free = 0;
    static constexpr uint32_t is_held = 1;
    static constexpr uint32_t is_contended = 2;

    std::atomic<uint32_t> state_{is_free};
};

} // namespace rp::nt
