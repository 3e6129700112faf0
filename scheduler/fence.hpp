// SPDX-License-Identifier: Apache-2.0
#pragma once
// The asymmetric fence of kernel_iface/linux/barrier.hpp, or the symmetric one where the kernel has
// no membarrier and under ThreadSanitizer. One well-predicted branch: the alternative, a second
// instantiation of every engine, doubles the code for a third of a nanosecond.
#include "kernel_iface/linux/barrier.hpp"

#if defined(__SANITIZE_THREAD__)
#define RINGPOOL_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RINGPOOL_UNDER_TSAN 1
#endif
#endif
#ifndef RINGPOOL_UNDER_TSAN
#define RINGPOOL_UNDER_TSAN 0
#endif

namespace rp::sched {

struct fence {
#if RINGPOOL_UNDER_TSAN
    static constexpr bool is_asymmetric() noexcept {
        return false;
    }
#else
    static bool is_asymmetric() noexcept {
        return is_asymmetric_;
    }
#endif

    /// Hot side, between its store and its load.
    static void light() noexcept {
        if (is_asymmetric()) {
            kernel::asymmetric_fence::light();
        } else {
            kernel::symmetric_fence::light();
        }
    }

    /// Rare side, between its store and its load.
    static void heavy() noexcept {
        if (is_asymmetric()) {
            kernel::asymmetric_fence::heavy();
        } else {
            kernel::symmetric_fence::heavy();
        }
    }

private:
    static const bool is_asymmetric_; // constant after static initialization
};

} // namespace rp::sched
