// SPDX-License-Identifier: Apache-2.0
#pragma once
// The asymmetric fence: one side is hot and pays nothing, the other is rare and pays for both.
//
//   hot side:   1. store A   2. light()   3. load B
//   rare side:  1. store B   2. heavy()   3. load A
//
// At least one side sees the other's store, as if both fences were seq_cst. light() is a compiler
// barrier; heavy() is membarrier(PRIVATE_EXPEDITED), which makes every running thread of the
// process execute a full barrier (0.2 us when nobody else runs, about 8 us otherwise on a 2-CPU
// VM).
#include <atomic>

namespace rp::kernel {

/// True when membarrier(PRIVATE_EXPEDITED) is registered. RINGPOOL_MEMBARRIER=0 switches it off.
bool membarrier_available() noexcept;
/// membarrier(PRIVATE_EXPEDITED); aborts with a message if the kernel takes it back.
void membarrier_all() noexcept;

/// For kernels with membarrier.
struct asymmetric_fence {
    static constexpr bool is_asymmetric = true;

    static void light() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

    static void heavy() noexcept { membarrier_all(); }
};

/// Without membarrier, and under ThreadSanitizer (which models neither membarrier nor bare fences):
/// a full fence on both sides.
struct symmetric_fence {
    static constexpr bool is_asymmetric = false;

    static void light() noexcept { full(); }

    static void heavy() noexcept { full(); }

    static void full() noexcept;
};

} // namespace rp::kernel
