// SPDX-License-Identifier: Apache-2.0
// Callbacks that block, and those queued behind them. Runs once for each tier of detection, which
// RINGPOOL_DETECT names; where nothing is looked at, the callbacks announce their blocks by waiting
// through the library.
#include "tests/stress/private_pool.hpp"
#include "tests/stress/scale.hpp"
#include "tests/unit/unit_test.hpp"

#include <windows.h>

#include <doctest/doctest.h>
#include <ringpool/ringpool.h>

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using rp::test::limit_ms;
using rp::test::private_pool;

namespace {

constexpr unsigned blockers = 64;
constexpr unsigned computers = 16;

/// What the blocked ones wait for, and who has come how far.
struct scene {
    bool is_announced = std::string_view(rp_detection_tier()) == "announced";
    std::array<int, 2> pipe{};
    HANDLE gate = CreateEventA(nullptr, TRUE, FALSE, nullptr);
    std::atomic<unsigned> entered{0};
    std::atomic<unsigned> left{0};
    std::atomic<unsigned> computed{0};
    std::atomic<unsigned> computed_while_blocked{0};

    scene() { REQUIRE(::pipe(pipe.data()) == 0); }

    ~scene() {
        CloseHandle(gate);
        close(pipe[0]);
        close(pipe[1]);
    }

    scene(const scene&) = delete;
    scene& operator=(const scene&) = delete;

    void release_all() const {
        const std::array<char, blockers> bytes{};
        REQUIRE(write(pipe[1], bytes.data(), bytes.size()) == blockers);
        REQUIRE(SetEvent(gate));
    }
};

VOID CALLBACK block(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
    auto& s = *static_cast<scene*>(context);
    // mo: seq_cst, pairs test.scene (the test): the counts are also an order of events.
    s.entered.fetch_add(1, std::memory_order_seq_cst);
    if (s.is_announced) {
        WaitForSingleObject(s.gate, INFINITE);
    } else {
        char byte = 0;
        (void)!read(s.pipe[0], &byte, 1);
    }
    // mo: seq_cst, pairs test.scene (block, compute).
    s.left.fetch_add(1, std::memory_order_seq_cst);
}

VOID CALLBACK compute(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
    auto& s = *static_cast<scene*>(context);
    // mo: seq_cst, pairs test.scene (block, compute).
    if (s.left.load(std::memory_order_seq_cst) == 0) {
        // mo: seq_cst, pairs test.scene (block, compute).
        s.computed_while_blocked.fetch_add(1, std::memory_order_seq_cst);
    }
    // mo: seq_cst, pairs test.scene (block, compute).
    s.computed.fetch_add(1, std::memory_order_seq_cst);
}

template <class Condition>
bool comes_true(Condition condition) {
    const ULONGLONG begin = GetTickCount64();
    while (!condition()) {
        if (GetTickCount64() - begin > limit_ms) {
            return false;
        }
        std::this_thread::yield();
    }
    return true;
}

bool reaches(const std::atomic<unsigned>& count, unsigned target) {
    // mo: seq_cst, pairs test.scene (block, compute).
    return comes_true([&] { return count.load(std::memory_order_seq_cst) >= target; });
}

/// True when the tier that RINGPOOL_DETECT asks for is the one in use.
bool has_tier() {
    const char* wish = std::getenv("RINGPOOL_DETECT");
    if (wish == nullptr || std::string_view(wish) == rp_detection_tier()) {
        return true;
    }
    rp::test::skip_missing(std::string("the tier ") + wish + " (this machine falls to " +
                           rp_detection_tier() + ")");
    return false;
}

} // namespace

TEST_CASE("what is queued behind 64 blocked callbacks runs while they stay blocked") {
    if (!has_tier()) {
        return;
    }
    for (const char* const* policy = rp_policy_names(); *policy != nullptr; ++policy) {
        const std::string name = *policy;
        CAPTURE(name);
        private_pool pool(blockers + 8, *policy);
        REQUIRE(rp_pool_set_idle_timeout(pool.pool, 1));
        scene s;
        PTP_WORK blocking = CreateThreadpoolWork(&block, &s, &pool.env);
        PTP_WORK computing = CreateThreadpoolWork(&compute, &s, &pool.env);
        for (unsigned i = 0; i < blockers; ++i) {
            SubmitThreadpoolWork(blocking);
        }
        for (unsigned i = 0; i < computers; ++i) {
            SubmitThreadpoolWork(computing);
        }
        CHECK(reaches(s.computed, computers));
        CHECK(reaches(s.entered, blockers));
        // All are blocked now, and nothing is queued.
        for (unsigned i = 0; i < computers; ++i) {
            SubmitThreadpoolWork(computing);
        }
        CHECK(reaches(s.computed, 2 * computers));
        // mo: seq_cst, pairs test.scene (block, compute).
        CHECK(s.left.load(std::memory_order_seq_cst) == 0);
        // mo: seq_cst, pairs test.scene (block, compute).
        CHECK(s.computed_while_blocked.load(std::memory_order_seq_cst) == 2 * computers);
        CHECK(pool.query().threads_peak <= blockers + 8);
        CHECK(pool.query().threads >= blockers); // the others may have retired already
        s.release_all();
        WaitForThreadpoolWorkCallbacks(blocking, FALSE);
        WaitForThreadpoolWorkCallbacks(computing, FALSE);
        // mo: seq_cst, pairs test.scene (block, compute).
        CHECK(s.left.load(std::memory_order_seq_cst) == blockers);
        CHECK(comes_true([&] { return pool.query().threads == 0; }));
        CloseThreadpoolWork(blocking);
        CloseThreadpoolWork(computing);
    }
}

TEST_CASE("blocked callbacks never make a pool larger than its maximum") {
    if (!has_tier()) {
        return;
    }
    constexpr DWORD maximum = 12;
    private_pool pool(maximum);
    scene s;
    PTP_WORK blocking = CreateThreadpoolWork(&block, &s, &pool.env);
    PTP_WORK computing = CreateThreadpoolWork(&compute, &s, &pool.env);
    for (unsigned i = 0; i < blockers; ++i) {
        SubmitThreadpoolWork(blocking);
        SubmitThreadpoolWork(computing);
    }
    CHECK(reaches(s.entered, maximum));
    // A thread is counted there by its maker, which may come after its first callback.
    CHECK(comes_true([&] { return pool.query().threads_peak == maximum; }));
    s.release_all();
    CHECK(reaches(s.left, blockers));
    CHECK(reaches(s.computed, blockers));
    CHECK(pool.query().threads_peak == maximum);
    WaitForThreadpoolWorkCallbacks(blocking, FALSE);
    WaitForThreadpoolWorkCallbacks(computing, FALSE);
    CloseThreadpoolWork(blocking);
    CloseThreadpoolWork(computing);
}

TEST_CASE("callbacks that compute keep their cores, though other threads take the CPUs from them") {
    if (!has_tier()) {
        return;
    }
    private_pool pool(64);
    std::atomic<bool> is_over{false};
    const DWORD cores = pool.query().cores;
    std::vector<std::thread> rivals;
    for (DWORD i = 0; i < 2 * cores; ++i) {
        rivals.emplace_back([&is_over] {
            // mo: relaxed, only the end.
            while (!is_over.load(std::memory_order_relaxed)) {
            }
        });
    }
    const auto spin = [](PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
        // mo: relaxed, only the end.
        while (!static_cast<std::atomic<bool>*>(context)->load(std::memory_order_relaxed)) {
        }
    };
    PTP_WORK work = CreateThreadpoolWork(spin, &is_over, &pool.env);
    for (DWORD i = 0; i < 4 * cores; ++i) { // most of them wait, so that a blocked one would matter
        SubmitThreadpoolWork(work);
    }
    CHECK(comes_true([&] { return pool.query().threads == cores; }));
    const ULONGLONG begin = GetTickCount64();
    DWORD blocked = 0;
    DWORD threads = 0;
    while (GetTickCount64() - begin < 300) {
        const rp_pool_info now = pool.query();
        blocked = now.blocked > blocked ? now.blocked : blocked;
        threads = now.threads > threads ? now.threads : threads;
        std::this_thread::yield();
    }
    CHECK(blocked == 0);
    CHECK(threads == cores);
    // mo: relaxed, only the end.
    is_over.store(true, std::memory_order_relaxed);
    for (std::thread& rival : rivals) {
        rival.join();
    }
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
}
