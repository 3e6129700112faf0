// SPDX-License-Identifier: Apache-2.0
// Clocks and calendar.
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/nt/calendar.hpp"
#include "runtime/export.hpp"

#include <windows.h>

#include <cstdint>
#include <ctime>

namespace nt = rp::nt;

namespace {

constexpr int64_t ns_per_ms = 1'000'000;

// 10 MHz, as on Windows: programs multiply a difference of counts by 10^6 before they divide, which
// overflows 64 bits a hundred times sooner at 1 GHz.
constexpr int64_t ns_per_count = 100;
constexpr int64_t counts_per_second = 1'000'000'000 / ns_per_count;

constexpr uint64_t units_per_s = 10'000'000; // of a FILETIME
constexpr uint64_t unix_epoch = 11'644'473'600 * units_per_s;

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

RP_EXPORT BOOL WINAPI QueryUnbiasedInterruptTime(PULONGLONG UnbiasedTime) {
    if (UnbiasedTime == nullptr) {
        return nt::win32_result(nt::status::invalid_parameter);
    }
    // CLOCK_MONOTONIC stands still while the machine sleeps, which is what "unbiased" means.
    *UnbiasedTime = static_cast<ULONGLONG>(rp::kernel::now_ns() / ns_per_count);
    return TRUE;
}

RP_EXPORT VOID WINAPI GetSystemTimeAsFileTime(LPFILETIME lpSystemTimeAsFileTime) {
    *lpSystemTimeAsFileTime = nt::filetime_of(static_cast<uint64_t>(rp::kernel::utc_filetime()));
}

/// The other one is as precise.
RP_EXPORT VOID WINAPI GetSystemTimePreciseAsFileTime(LPFILETIME lpSystemTimeAsFileTime) {
    GetSystemTimeAsFileTime(lpSystemTimeAsFileTime);
}

RP_EXPORT VOID WINAPI GetSystemTime(LPSYSTEMTIME lpSystemTime) {
    static_cast<void>(
        nt::split_time(static_cast<uint64_t>(rp::kernel::utc_filetime()), *lpSystemTime));
}

RP_EXPORT VOID WINAPI GetLocalTime(LPSYSTEMTIME lpSystemTime) {
    const auto now = static_cast<uint64_t>(rp::kernel::utc_filetime());
    const auto unix_s = static_cast<time_t>((now - unix_epoch) / units_per_s);
    tm local{};
    ::localtime_r(&unix_s, &local);
    static_cast<void>(
        nt::split_time(now + static_cast<uint64_t>(local.tm_gmtoff) * units_per_s, *lpSystemTime));
}

RP_EXPORT BOOL WINAPI SystemTimeToFileTime(const SYSTEMTIME* lpSystemTime, LPFILETIME lpFileTime) {
    uint64_t units = 0;
    const nt::ntstatus code = nt::join_time(*lpSystemTime, units);
    if (nt::is_success(code)) {
        *lpFileTime = nt::filetime_of(units);
    }
    return nt::win32_result(code);
}

RP_EXPORT BOOL WINAPI FileTimeToSystemTime(const FILETIME* lpFileTime, LPSYSTEMTIME lpSystemTime) {
    return nt::win32_result(nt::split_time(nt::units_of(*lpFileTime), *lpSystemTime));
}

RP_EXPORT LONG WINAPI CompareFileTime(const FILETIME* lpFileTime1, const FILETIME* lpFileTime2) {
    const uint64_t first = nt::units_of(*lpFileTime1);
    const uint64_t second = nt::units_of(*lpFileTime2);
    return (first > second ? 1 : 0) - (first < second ? 1 : 0);
}
