// SPDX-License-Identifier: Apache-2.0
// Timers and waits against those who set, cancel and close them.
#include "tests/stress/private_pool.hpp"
#include "tests/stress/scale.hpp"
#include "tests/unit/unit_test.hpp"

#include <windows.h>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using rp::test::in_us;
using rp::test::private_pool;
using rp::test::random_source;
using rp::test::scaled;

namespace {

/// armings = callbacks + TRUEs, whoever sets it.
struct account {
    std::atomic<uint64_t> armings{0};
    std::atomic<uint64_t> recalled{0};
    std::atomic<uint64_t> callbacks{0};

    void check() const { CHECK(armings == callbacks + recalled); }
};

VOID CALLBACK count_timer(PTP_CALLBACK_INSTANCE, PVOID context, PTP_TIMER) {
    ++static_cast<account*>(context)->callbacks;
}

VOID CALLBACK count_wait(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WAIT, TP_WAIT_RESULT) {
    ++static_cast<account*>(context)->callbacks;
}

template <class Round>
void with_four_threads(uint32_t rounds, Round round) {
    std::vector<std::thread> threads;
    for (uint64_t id = 0; id < 4; ++id) {
        threads.emplace_back([&, id] {
            random_source random(rp::test::seed() + id);
            for (uint32_t i = 0; i < rounds; ++i) {
                round(random);
            }
        });
    }
    for (std::thread& t : threads) {
        t.join();
    }
}

} // namespace

TEST_CASE("R-TIMER-15: every arming of a one-shot timer ends in one callback or one TRUE") {
    private_pool p(3);
    account total;
    PTP_TIMER timer = CreateThreadpoolTimer(count_timer, &total, &p.env);
    REQUIRE(timer != nullptr);
    with_four_threads(scaled(250'000), [&](random_source& random) {
        const bool arms = random.below(4) != 0;
        FILETIME due = in_us(random.below(30));
        total.armings += arms ? 1 : 0;
        const BOOL was_kept = SetThreadpoolTimerEx(
            timer, arms ? &due : nullptr, 0, static_cast<DWORD>(random.below(2)));
        total.recalled += was_kept ? 1 : 0;
    });
    total.recalled += SetThreadpoolTimerEx(timer, nullptr, 0, 0) ? 1 : 0;
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    total.check();
    CloseThreadpoolTimer(timer);
}

TEST_CASE("R-WAIT-15: every arming of a wait ends in one callback or one TRUE") {
    private_pool p(3);
    account total;
    PTP_WAIT wait = CreateThreadpoolWait(count_wait, &total, &p.env);
    const std::array<HANDLE, 2> events{CreateEventA(nullptr, FALSE, FALSE, nullptr),
                                       CreateEventA(nullptr, FALSE, FALSE, nullptr)};
    with_four_threads(scaled(250'000), [&](random_source& random) {
        HANDLE event = events[random.below(2)];
        if (random.below(3) == 0) {
            SetEvent(event);
            return;
        }
        const bool arms = random.below(4) != 0;
        FILETIME timeout = in_us(random.below(30));
        total.armings += arms ? 1 : 0;
        const BOOL was_kept = SetThreadpoolWaitEx(
            wait, arms ? event : nullptr, random.below(2) != 0 ? &timeout : nullptr, nullptr);
        total.recalled += was_kept ? 1 : 0;
    });
    total.recalled += SetThreadpoolWaitEx(wait, nullptr, nullptr, nullptr) ? 1 : 0;
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    total.check();
    CloseThreadpoolWait(wait);
    for (HANDLE event : events) {
        CloseHandle(event);
    }
}

TEST_CASE("R-WAIT-8: signals of an auto-reset event: one callback each, none lost") {
    private_pool p(3);
    account total;
    const uint32_t signals = scaled(50'000);
    HANDLE event = CreateEventA(nullptr, FALSE, FALSE, nullptr);
    HANDLE noticed = CreateSemaphoreA(nullptr, 0, 1, nullptr);

    struct watched {
        account* total;
        HANDLE event;
        HANDLE noticed;
    } context{&total, event, noticed};

    PTP_WAIT wait = CreateThreadpoolWait(
        [](PTP_CALLBACK_INSTANCE, PVOID raw, PTP_WAIT self, TP_WAIT_RESULT) {
            auto& c = *static_cast<watched*>(raw);
            SetThreadpoolWait(self, c.event, nullptr);
            ++c.total->callbacks;
            ReleaseSemaphore(c.noticed, 1, nullptr);
        },
        &context,
        &p.env);
    SetThreadpoolWait(wait, event, nullptr);
    for (uint32_t i = 0; i < signals; ++i) {
        SetEvent(event);
        REQUIRE(WaitForSingleObject(noticed, 20'000) == WAIT_OBJECT_0);
    }
    SetThreadpoolWait(wait, nullptr, nullptr);
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    CHECK(total.callbacks == signals);
    CloseThreadpoolWait(wait);
    CloseHandle(event);
    CloseHandle(noticed);
}

TEST_CASE("R-TIMER-22: many timers, armed by four threads, all fire") {
    private_pool p(4);
    account total;
    const uint32_t each = scaled(50'000);
    std::vector<PTP_TIMER> timers(each * 4UL);
    for (PTP_TIMER& t : timers) {
        t = CreateThreadpoolTimer(count_timer, &total, &p.env);
    }
    std::atomic<size_t> next{0};
    with_four_threads(each, [&](random_source& random) {
        FILETIME due = in_us(random.below(200'000));
        SetThreadpoolTimer(timers[next++], &due, 0, 0);
    });
    for (PTP_TIMER t : timers) {
        // A timer that has not fired yet is not waited for: wait until it has.
        while (IsThreadpoolTimerSet(t) && total.callbacks < timers.size()) {
            std::this_thread::yield();
        }
        WaitForThreadpoolTimerCallbacks(t, FALSE);
        CloseThreadpoolTimer(t);
    }
    CHECK(total.callbacks == timers.size());
}

TEST_CASE("R-TIMER-19, R-WAIT-18: closing armed timers and waits, alone and by a group") {
    private_pool p(3);
    static account total; // callbacks of closed objects may come when the test is over
    HANDLE event = CreateEventA(nullptr, TRUE, FALSE, nullptr);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    random_source random(rp::test::seed());
    for (uint32_t round = 0; round < scaled(3'000); ++round) {
        const bool in_group = random.below(2) != 0;
        SetThreadpoolCallbackCleanupGroup(&p.env, in_group ? group : nullptr, nullptr);
        std::vector<PTP_TIMER> timers;
        std::vector<PTP_WAIT> waits;
        for (uint64_t n = 1 + random.below(8); n > 0; --n) {
            FILETIME due = in_us(random.below(60));
            timers.push_back(CreateThreadpoolTimer(count_timer, &total, &p.env));
            SetThreadpoolTimer(timers.back(), &due, static_cast<DWORD>(random.below(2)), 0);
            waits.push_back(CreateThreadpoolWait(count_wait, &total, &p.env));
            SetThreadpoolWait(waits.back(), event, random.below(2) != 0 ? &due : nullptr);
        }
        if (random.below(2) != 0) {
            SetEvent(event);
        }
        if (in_group) {
            CloseThreadpoolCleanupGroupMembers(group, random.below(2) != 0, nullptr);
        } else {
            for (size_t i = 0; i < timers.size(); ++i) {
                CloseThreadpoolTimer(timers[i]);
                CloseThreadpoolWait(waits[i]);
            }
        }
        ResetEvent(event);
    }
    CloseThreadpoolCleanupGroup(group);
    CloseHandle(event);
}
