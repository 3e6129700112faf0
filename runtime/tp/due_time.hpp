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

    /// CLOCK_MONOTONIC, as things stand now.
    [[nodiscard]] int64_t deadline_ns(int64_t now_ns, int64_t wall_offset_ns) const noexcept;
};

} // namespace rp::tp
