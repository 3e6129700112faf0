// SPDX-License-Identifier: Apache-2.0
#pragma once
// FILETIME and SYSTEMTIME: 100 ns units since 1601 against the proleptic Gregorian calendar.
#include "kernel_iface/nt/status.hpp"

#include <cstdint>

namespace rp::nt {

/// By halves: a FILETIME is only 4-byte aligned (R-TYPES-14).
inline uint64_t units_of(const FILETIME& time) noexcept {
    return uint64_t{time.dwHighDateTime} << 32 | time.dwLowDateTime;
}

inline FILETIME filetime_of(uint64_t units) noexcept {
    return {static_cast<DWORD>(units), static_cast<DWORD>(units >> 32)};
}

/// success, or invalid_parameter for units above 2^63 - 1.
ntstatus split_time(uint64_t units, SYSTEMTIME& parts) noexcept;
/// success, or invalid_parameter for a date that does not exist, outside the years 1601 to 30827.
/// The day of the week is ignored.
ntstatus join_time(const SYSTEMTIME& parts, uint64_t& units) noexcept;

} // namespace rp::nt
