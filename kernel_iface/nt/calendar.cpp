// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/calendar.hpp"

namespace rp::nt {
namespace {

constexpr uint64_t units_per_ms = 10'000;
constexpr uint64_t units_per_day = 86'400'000 * units_per_ms;
constexpr unsigned first_year = 1601;
constexpr unsigned last_year = 30827;

// 1601 opens a cycle of 400 years: whole centuries, four-year spans and years follow from it.
constexpr unsigned days_of_400_years = 146'097;
constexpr unsigned days_of_100_years = 36'524;
constexpr unsigned days_of_4_years = 1'461;
constexpr unsigned days_of_year = 365;

bool is_leap(unsigned year) noexcept {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

unsigned days_of_month(unsigned year, unsigned month) noexcept {
    constexpr unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1U : 0U);
}

uint64_t days_before_year(unsigned year) noexcept {
    const uint64_t years = year - first_year;
    return years * days_of_year + years / 4 - years / 100 + years / 400;
}

/// Takes out of `days` as many spans as fit, at most `spans_max`: the last span of a cycle is a day
/// longer than the others.
unsigned take(unsigned& days, unsigned span, unsigned spans_max) noexcept {
    const unsigned spans = days / span < spans_max ? days / span : spans_max;
    days -= spans * span;
    return spans;
}

} // namespace

ntstatus split_time(uint64_t units, SYSTEMTIME& parts) noexcept {
    if (units > static_cast<uint64_t>(INT64_MAX)) {
        return status::invalid_parameter;
    }
    auto days = static_cast<unsigned>(units / units_per_day);
    const auto ms = static_cast<unsigned>(units % units_per_day / units_per_ms);
    parts.wDayOfWeek = static_cast<WORD>((days + 1) % 7); // 1601-01-01 was a Monday
    unsigned year = first_year + 400 * (days / days_of_400_years);
    days %= days_of_400_years;
    year += 100 * take(days, days_of_100_years, 3);
    year += 4 * take(days, days_of_4_years, UINT32_MAX);
    year += take(days, days_of_year, 3);
    unsigned month = 1;
    for (; days >= days_of_month(year, month); ++month) {
        days -= days_of_month(year, month);
    }
    parts.wYear = static_cast<WORD>(year);
    parts.wMonth = static_cast<WORD>(month);
    parts.wDay = static_cast<WORD>(days + 1);
    parts.wHour = static_cast<WORD>(ms / 3'600'000);
    parts.wMinute = static_cast<WORD>(ms / 60'000 % 60);
    parts.wSecond = static_cast<WORD>(ms / 1'000 % 60);
    parts.wMilliseconds = static_cast<WORD>(ms % 1'000);
    return status::success;
}

ntstatus join_time(const SYSTEMTIME& parts, uint64_t& units) noexcept {
    const bool has_month = parts.wYear >= first_year && parts.wYear <= last_year &&
                           parts.wMonth >= 1 && parts.wMonth <= 12;
    if (!has_month || parts.wDay < 1 || parts.wDay > days_of_month(parts.wYear, parts.wMonth) ||
        parts.wHour > 23 || parts.wMinute > 59 || parts.wSecond > 59 || parts.wMilliseconds > 999) {
        return status::invalid_parameter;
    }
    uint64_t days = days_before_year(parts.wYear) + parts.wDay - 1;
    for (unsigned month = 1; month < parts.wMonth; ++month) {
        days += days_of_month(parts.wYear, month);
    }
    const uint64_t seconds = (parts.wHour * 60U + parts.wMinute) * 60U + parts.wSecond;
    const uint64_t joined =
        days * units_per_day + (seconds * 1'000 + parts.wMilliseconds) * units_per_ms;
    if (joined > static_cast<uint64_t>(INT64_MAX)) {
        return status::invalid_parameter;
    }
    units = joined;
    return status::success;
}

} // namespace rp::nt
