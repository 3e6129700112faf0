// SPDX-License-Identifier: Apache-2.0
// Large numbers: what is armed costs memory and nothing else.
#include "tests/stress/private_pool.hpp"
#include "tests/stress/scale.hpp"
#include "tests/unit/unit_test.hpp"

#include <windows.h>

#include <doctest/doctest.h>
#include <ringpool/ringpool.h>

#include <atomic>
#include <vector>

using rp::test::in_us;
using rp::test::private_pool;
using rp::test::random_source;
using rp::test::scaled;

namespace {

VOID CALLBACK count_timer(PTP_CALLBACK_INSTANCE, PVOID context, PTP_TIMER) {
    ++*static_cast<std::atomic<uint64_t>*>(context);
}

VOID CALLBACK count_wait(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WAIT, TP_WAIT_RESULT) {
    ++*static_cast<std::atomic<uint64_t>*>(context);
}

} // namespace

TEST_CASE("R-TIMER-1: a million armed timers wake nobody, and each can be stopped") {
    private_pool p(4);
    std::atomic<uint64_t> calls{0};
    random_source random(rp::test::seed());
    std::vector<PTP_TIMER> timers(scaled(1'000'000));
    for (PTP_TIMER& t : timers) {
        FILETIME due = in_us(1000 * (3'600'000 + random.below(3'600'000)));
        t = CreateThreadpoolTimer(count_timer, &calls, &p.env);
        REQUIRE(t != nullptr);
        SetThreadpoolTimer(t, &due, 0, 0);
    }
    const rp_pool_info before = p.query();
    Sleep(200); // time in which nothing must happen
    const rp_pool_info after = p.query();
    CHECK(after.wakes == before.wakes);
    CHECK(after.threads == 0);
    uint64_t kept = 0;
    for (PTP_TIMER t : timers) {
        kept += SetThreadpoolTimerEx(t, nullptr, 0, 0) ? 1 : 0;
        CloseThreadpoolTimer(t);
    }
    CHECK(kept == timers.size());
    CHECK(calls == 0);
}

TEST_CASE("R-WAIT-17: 100 000 waits on 100 000 events in one pool") {
    private_pool p(4);
    std::atomic<uint64_t> calls{0};
    const uint32_t count = scaled(100'000);
    std::vector<HANDLE> events(count);
    std::vector<PTP_WAIT> waits(count);
    for (uint32_t i = 0; i < count; ++i) {
        events[i] = CreateEventA(nullptr, FALSE, FALSE, nullptr);
        waits[i] = CreateThreadpoolWait(count_wait, &calls, &p.env);
        REQUIRE(waits[i] != nullptr);
        FILETIME timeout = in_us(3'600'000'000);
        SetThreadpoolWait(waits[i], events[i], i % 2 != 0 ? &timeout : nullptr);
    }
    CHECK(calls == 0);
    for (HANDLE event : events) {
        SetEvent(event);
    }
    for (uint32_t i = 0; i < count; ++i) {
        WaitForThreadpoolWaitCallbacks(waits[i], FALSE);
        CloseThreadpoolWait(waits[i]);
        CHECK_FALSE(CloseHandle(events[i]) == FALSE);
    }
    CHECK(calls == count);
}
