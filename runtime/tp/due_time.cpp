// SPDX-License-Identifier: Apache-2.0
#include "runtime/tp/due_time.hpp"

namespace rp::tp {

due_time due_time::of(const FILETIME& from) noexcept {
    constexpr int64_t unit_ns = 100;
    // 369 years with 89 leap days lie between 1601-01-01 and 1970-01-01.
    constexpr int64_t epoch_gap = (369LL * 365 + 89) * 86'400 * 10'000'000;
    const auto value =
        static_cast<int64_t>(uint64_t{from.dwHighDateTime} << 32U | uint64_t{from.dwLowDateTime});
    due_time due;
    if (value > 0) {
        due.is_absolute = true;
        const int64_t since_1970 = value - epoch_gap;
        if (since_1970 > 0) {
            due.ns = since_1970 > INT64_MAX / unit_ns ? INT64_MAX : since_1970 * unit_ns;
        }
    } else if (value < 0) {
        due.ns = value < -(INT64_MAX / unit_ns) ? INT64_MAX : -value * unit_ns;
    }
    return due;
}

int64_t due_time::deadline_ns(int64_t now_ns, int64_t wall_offset_ns) const noexcept {
    if (is_absolute) {
        return ns - wall_offset_ns;
    }
    return now_ns > INT64_MAX - ns ? INT64_MAX : now_ns + ns;
}

} // namespace rp::tp
