// SPDX-License-Identifier: Apache-2.0
// Clocks.
#include "kernel_iface/linux/clock.hpp"
#include "runtime/export.hpp"

#include <windows.h>

#include <cstdint>

namespace {

constexpr int64_t ns_per_ms = 1'000'000;

// 10 MHz, as on Windows: programs multiply a difference of counts by 10^6 before they divide, which
// overflows 64 bits a hundred times sooner at 1 GHz.
constexpr int64_t ns_per_count = 100;
constexpr int64_t counts_per_second = 1'000'000'000 / ns_per_count;

} // namespace

RP_EXPORT ULONGLONG WINAPI GetTickCount64(VOID) {
    return static_cast<ULONGLONG>(rp::kernel::now_ns() / ns_per_ms);
}

RP_EXPORT DWORD WINAPI GetTickCount(VOID) {
    return static_cast<DWORD>(GetTickCount64());
}

RP_EXPORT BOOL WINAPI QueryPerformanceCounter(LARGE_INTEGER* lpPerformanceCount) {
    lpPerformanceCount->QuadPart = rp::kernel::now_ns() / ns_per_count;
    return TRUE;
}

RP_EXPORT BOOL WINAPI QueryPerformanceFrequency(LARGE_INTEGER* lpFrequency) {
    lpFrequency->QuadPart = counts_per_second;
    return TRUE;
}

RP_EXPORT VOID WINAPI GetSystemTimeAsFileTime(LPFILETIME lpSystemTimeAsFileTime) {
    const auto now = static_cast<uint64_t>(rp::kernel::utc_filetime());
    // By halves: a FILETIME is only 4-byte aligned (R-TYPES-14).
    lpSystemTimeAsFileTime->dwLowDateTime = static_cast<DWORD>(now);
    lpSystemTimeAsFileTime->dwHighDateTime = static_cast<DWORD>(now >> 32);
}
