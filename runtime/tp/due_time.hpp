// SPDX-License-Identifier: Apache-2.0
#pragma once
// The due times and timeouts of timers and waits (R-TIMER-2, R-WAIT-5).
#include <windows.h>

#include <cstdint>

namespace rp::tp {

/// A FILETIME as these functions read it.
struct due_time {
    bool is_absolute = false;
    int64_t ns = 0; ///< relative: from now, >= 0; absolute: CLOCK_REALTIME

    /// Negative: relative, in 100 ns; zero: at once; positive: UTC since 1601.
    static due_time of(const FILETIME& from) noexcept;
};

/// `a + b` for non-negative operands, at most INT64_MAX.
constexpr int64_t saturated_sum(int64_t a, int64_t b) noexcept {
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

} // namespace rp::tp
