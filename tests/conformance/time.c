// SPDX-License-Identifier: Apache-2.0
/* Clocks and the calendar (W32-TIME-*), and what the machine has (W32-SYS-*). */
#include "tests/conformance/fixture.h"

static ULONGLONG units(FILETIME t) {
    return (ULONGLONG)t.dwHighDateTime << 32 | t.dwLowDateTime;
}

static FILETIME filetime(ULONGLONG value) {
    FILETIME t = {(DWORD)value, (DWORD)(value >> 32)};
    return t;
}

static SYSTEMTIME date(int year, int month, int day, int hour, int minute, int second, int ms) {
    SYSTEMTIME t = {
        (WORD)year, (WORD)month, 0, (WORD)day, (WORD)hour, (WORD)minute, (WORD)second, (WORD)ms};
    return t;
}

#define UNITS_PER_DAY 864000000000ull
#define UNIX_EPOCH 116444736000000000ull

TEST("W32-TIME-1", "FILETIME to SYSTEMTIME: known instants") {
    SYSTEMTIME s;
    FILETIME t = filetime(0);
    REQUIRE(FileTimeToSystemTime(&t, &s));
    CHECK(s.wYear == 1601 && s.wMonth == 1 && s.wDay == 1 && s.wDayOfWeek == 1);
    CHECK(s.wHour == 0 && s.wMinute == 0 && s.wSecond == 0 && s.wMilliseconds == 0);
    t = filetime(UNIX_EPOCH);
    REQUIRE(FileTimeToSystemTime(&t, &s));
    CHECK(s.wYear == 1970 && s.wMonth == 1 && s.wDay == 1 && s.wDayOfWeek == 4);
    t = filetime(UNIX_EPOCH + 951782400ull * 10000000 + 12345678);
    REQUIRE(FileTimeToSystemTime(&t, &s));
    CHECK(s.wYear == 2000 && s.wMonth == 2 && s.wDay == 29 && s.wDayOfWeek == 2);
    CHECK(s.wSecond == 1 && s.wMilliseconds == 234);
}

TEST("W32-TIME-1", "SYSTEMTIME to FILETIME: known instants, the day of the week is ignored") {
    SYSTEMTIME s = date(1970, 1, 1, 0, 0, 0, 0);
    FILETIME t;
    s.wDayOfWeek = 6;
    REQUIRE(SystemTimeToFileTime(&s, &t));
    CHECK_EQ(units(t), UNIX_EPOCH);
    s = date(1601, 1, 1, 0, 0, 0, 1);
    REQUIRE(SystemTimeToFileTime(&s, &t));
    CHECK_EQ(units(t), 10000);
    s = date(2026, 12, 31, 23, 59, 59, 999);
    REQUIRE(SystemTimeToFileTime(&s, &t));
    CHECK_EQ(units(t), UNIX_EPOCH + 1798761599ull * 10000000 + 9990000);
}

TEST("W32-TIME-2", "both ways agree over eight centuries of days") {
    for (ULONGLONG day = 0; day < 2 * 146097 + 800; day++) {
        FILETIME in = filetime(day * UNITS_PER_DAY + (day * 7919 % 86400000) * 10000), out;
        SYSTEMTIME s;
        REQUIRE(FileTimeToSystemTime(&in, &s));
        REQUIRE(SystemTimeToFileTime(&s, &out));
        REQUIRE_EQ(units(out), units(in));
        REQUIRE_EQ(s.wDayOfWeek, (day + 1) % 7);
    }
}

TEST("W32-TIME-3", "dates that do not exist are an invalid parameter") {
    SYSTEMTIME bad[] = {
        date(1600, 12, 31, 0, 0, 0, 0),
        date(30828, 1, 1, 0, 0, 0, 0),
        date(2026, 0, 1, 0, 0, 0, 0),
        date(2026, 13, 1, 0, 0, 0, 0),
        date(2026, 4, 31, 0, 0, 0, 0),
        date(2026, 1, 0, 0, 0, 0, 0),
        date(2025, 2, 29, 0, 0, 0, 0),
        date(2100, 2, 29, 0, 0, 0, 0),
        date(2026, 1, 1, 24, 0, 0, 0),
        date(2026, 1, 1, 0, 60, 0, 0),
        date(2026, 1, 1, 0, 0, 60, 0),
        date(2026, 1, 1, 0, 0, 0, 1000),
    };
    FILETIME t;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(SystemTimeToFileTime(&bad[i], &t), ERROR_INVALID_PARAMETER);
}

TEST("W32-TIME-3", "a FILETIME with the top bit set is an invalid parameter") {
    SYSTEMTIME s;
    FILETIME t = filetime(1ull << 63);
    CHECK_FAILS(FileTimeToSystemTime(&t, &s), ERROR_INVALID_PARAMETER);
    t = filetime((1ull << 63) - 1);
    REQUIRE(FileTimeToSystemTime(&t, &s));
    CHECK(s.wYear == 30828 && s.wMonth == 9 && s.wDay == 14);
}

TEST("W32-TIME-4", "CompareFileTime compares 64 unsigned bits") {
    FILETIME a = filetime(5), b = filetime(6), high = filetime(1ull << 32), top = filetime(~0ull);
    CHECK(CompareFileTime(&a, &b) == -1);
    CHECK(CompareFileTime(&b, &a) == 1);
    CHECK(CompareFileTime(&a, &a) == 0);
    CHECK(CompareFileTime(&b, &high) == -1);
    CHECK(CompareFileTime(&top, &high) == 1);
}

TEST("W32-TIME-5", "the clocks of day agree") {
    FILETIME before, precise, after, joined;
    SYSTEMTIME s;
    GetSystemTimeAsFileTime(&before);
    Sleep(20); /* on Windows the coarse clock lags by up to a tick */
    GetSystemTimePreciseAsFileTime(&precise);
    GetSystemTime(&s);
    Sleep(20);
    GetSystemTimeAsFileTime(&after);
    CHECK_OP(units(before), <=, units(precise));
    CHECK_OP(units(precise), <=, units(after));
    REQUIRE(SystemTimeToFileTime(&s, &joined));
    CHECK_OP(units(before), <=, units(joined) + 10000);
    CHECK_OP(units(joined), <=, units(after));
    CHECK_OP(units(before), >, UNIX_EPOCH + 19000 * UNITS_PER_DAY);
}

TEST("W32-TIME-6", "local time is a whole number of quarters of an hour from UTC") {
    SYSTEMTIME utc, local;
    FILETIME a, b;
    LONGLONG offset;
    GetSystemTime(&utc);
    GetLocalTime(&local);
    REQUIRE(SystemTimeToFileTime(&utc, &a));
    REQUIRE(SystemTimeToFileTime(&local, &b));
    offset = (LONGLONG)(units(b) - units(a)) / 10000000;
    CHECK(offset > -15 * 3600 && offset < 15 * 3600);
    /* The two readings may lie a moment apart. */
    LONGLONG rest = ((offset % 900) + 900) % 900;
    CHECK(rest <= 5 || rest >= 895);
}

TEST("W32-TIME-7", "QueryUnbiasedInterruptTime moves on in 100 ns units") {
    ULONGLONG first = 0, second = 0, begin = GetTickCount64();
    CHECK(QueryUnbiasedInterruptTime(&first));
    Sleep(30);
    CHECK(QueryUnbiasedInterruptTime(&second));
    ULONGLONG ms = GetTickCount64() - begin + 20; /* the granularity of both */
    CHECK_OP(second, >=, first + 100000);
    CHECK_OP(second - first, <=, ms * 10000);
}

TEST("W32-TIME-7", "QueryUnbiasedInterruptTime needs a place for its result") {
    CHECK_FAILS(QueryUnbiasedInterruptTime(NULL), ERROR_INVALID_PARAMETER);
}

TEST("W32-TIME-8", "the performance counter never goes back") {
    LARGE_INTEGER frequency, last, now;
    CHECK(QueryPerformanceFrequency(&frequency));
    CHECK_OP(frequency.QuadPart, >=, 1000);
    CHECK(QueryPerformanceCounter(&last));
    for (int i = 0; i < 1000; i++) {
        CHECK(QueryPerformanceCounter(&now));
        CHECK_OP(now.QuadPart, >=, last.QuadPart);
        last = now;
    }
}

TEST("W32-SYS-1", "GetSystemInfo describes this machine") {
    SYSTEM_INFO info;
    memset(&info, 0xcc, sizeof info);
    GetSystemInfo(&info);
    CHECK_OP(info.dwPageSize, >=, 4096);
    CHECK_EQ(info.dwPageSize & (info.dwPageSize - 1), 0);
    CHECK_EQ(info.dwAllocationGranularity % info.dwPageSize, 0);
    CHECK_OP(info.dwNumberOfProcessors, >=, 1);
    CHECK_EQ(info.dwNumberOfProcessors, __builtin_popcountll(info.dwActiveProcessorMask));
    CHECK(info.lpMinimumApplicationAddress < (LPVOID)&info);
    CHECK(info.lpMaximumApplicationAddress > (LPVOID)&info);
#ifdef __x86_64__
    CHECK_EQ(info.wProcessorArchitecture, PROCESSOR_ARCHITECTURE_AMD64);
    CHECK_EQ(info.dwProcessorType, PROCESSOR_AMD_X8664);
#endif
}

TEST("W32-SYS-1", "GetNativeSystemInfo says the same to a 64-bit program") {
    SYSTEM_INFO info, native;
    GetSystemInfo(&info);
    GetNativeSystemInfo(&native);
    CHECK_EQ(info.dwPageSize, native.dwPageSize);
    CHECK_EQ(info.dwNumberOfProcessors, native.dwNumberOfProcessors);
    CHECK_EQ(info.wProcessorArchitecture, native.wProcessorArchitecture);
}

TEST("W32-SYS-2", "GetActiveProcessorCount by group") {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    CHECK_OP(GetActiveProcessorCount(ALL_PROCESSOR_GROUPS), >=, info.dwNumberOfProcessors);
    CHECK_OP(GetActiveProcessorCount(0), >=, 1);
    CHECK_FAILS(GetActiveProcessorCount(77), ERROR_INVALID_PARAMETER);
}
