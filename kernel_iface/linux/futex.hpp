// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private 32-bit futex: the only way a thread of ours sleeps outside its ring.
#include <atomic>
#include <cstdint>

namespace rp::kernel {

inline constexpr int64_t no_deadline = INT64_MAX;

/// Sleeps while `word == expected`, until a wake or `deadline_ns` (CLOCK_MONOTONIC). Returns 0 when
/// woken or the word differed, -ETIMEDOUT, or -EINTR. Spurious returns of 0 are possible.
int futex_wait(std::atomic<uint32_t>& word, uint32_t expected, int64_t deadline_ns) noexcept;
/// Wakes up to `count` sleepers; returns how many were woken.
int futex_wake(std::atomic<uint32_t>& word, int count) noexcept;

} // namespace rp::kernel
