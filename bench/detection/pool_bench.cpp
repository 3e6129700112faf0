// SPDX-License-Identifier: Apache-2.0
#include "bench/detection/pool_bench.hpp"

#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"

#include <windows.h>

#include <ringpool/ringpool.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace rp::detection {

namespace {

using kernel::now_ns;

struct round_state {
    bool is_announced = false;
    std::array<int, 2> pipe{};
    HANDLE event = nullptr;
    std::atomic<uint32_t> entered{0};
    std::atomic<uint32_t> computed{0};
    std::atomic<int64_t> first_ns{INT64_MAX};
    std::atomic<int64_t> last_ns{0};
};

void must_work(bool is_done, const char* what) {
    if (!is_done) {
        std::fprintf(stderr, "ringpool_detection: %s failed; nothing was measured\n", what);
        std::exit(1);
    }
}

void count(std::atomic<uint32_t>& word) {
    // mo: release, pairs bench.count (wait_for).
    word.fetch_add(1, std::memory_order_release);
    (void)kernel::futex_wake(word, 1);
}

void wait_for(std::atomic<uint32_t>& word, uint32_t target) {
    // mo: acquire, pairs bench.count (count).
    for (uint32_t v = word.load(std::memory_order_acquire); v < target;
         // mo: acquire, pairs bench.count (count).
         v = word.load(std::memory_order_acquire)) {
        (void)kernel::futex_wait(word, v, kernel::no_deadline);
    }
}

VOID CALLBACK block(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
    auto& s = *static_cast<round_state*>(context);
    count(s.entered);
    if (s.is_announced) {
        WaitForSingleObject(s.event, INFINITE);
    } else {
        char byte = 0;
        must_work(read(s.pipe[0], &byte, 1) == 1, "read");
    }
}

VOID CALLBACK compute(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
    auto& s = *static_cast<round_state*>(context);
    const int64_t started = now_ns();
    // mo: relaxed, the count below publishes it.
    int64_t first = s.first_ns.load(std::memory_order_relaxed);
    // mo: relaxed, as above.
    while (started < first &&
           !s.first_ns.compare_exchange_weak(first, started, std::memory_order_relaxed)) {
    }
    // mo: relaxed, as above.
    int64_t last = s.last_ns.load(std::memory_order_relaxed);
    // mo: relaxed, as above.
    while (started > last &&
           !s.last_ns.compare_exchange_weak(last, started, std::memory_order_relaxed)) {
    }
    while (now_ns() - started < 20'000) {
        kernel::cpu_relax();
    }
    count(s.computed);
}

} // namespace

waiting_times one_round(bool is_announced) {
    round_state s;
    s.is_announced = is_announced;
    must_work(pipe(s.pipe.data()) == 0, "pipe");
    s.event = CreateEventA(nullptr, TRUE, FALSE, nullptr);
    PTP_POOL pool = CreateThreadpool(nullptr);
    must_work(s.event != nullptr && pool != nullptr, "CreateThreadpool");
    SetThreadpoolThreadMaximum(pool, blockers + 16);
    TP_CALLBACK_ENVIRON environment;
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    PTP_WORK blocking = CreateThreadpoolWork(&block, &s, &environment);
    // Of a lower priority: no policy takes them before the last of the others is taken.
    SetThreadpoolCallbackPriority(&environment, TP_CALLBACK_PRIORITY_LOW);
    PTP_WORK computing = CreateThreadpoolWork(&compute, &s, &environment);
    must_work(blocking != nullptr && computing != nullptr, "CreateThreadpoolWork");

    waiting_times result;
    int64_t begin = now_ns();
    for (unsigned i = 0; i < blockers; ++i) {
        SubmitThreadpoolWork(blocking);
    }
    for (unsigned i = 0; i < computers; ++i) {
        SubmitThreadpoolWork(computing);
    }
    wait_for(s.computed, computers);
    // mo: relaxed, ordered by the count.
    result.first_us = static_cast<double>(s.first_ns.load(std::memory_order_relaxed) - begin) / 1e3;
    // mo: relaxed, as above.
    result.all_us = static_cast<double>(s.last_ns.load(std::memory_order_relaxed) - begin) / 1e3;

    wait_for(s.entered, blockers);
    begin = now_ns();
    for (unsigned i = 0; i < computers; ++i) {
        SubmitThreadpoolWork(computing);
    }
    wait_for(s.computed, 2 * computers);
    // mo: relaxed, as above.
    result.later_us = static_cast<double>(s.last_ns.load(std::memory_order_relaxed) - begin) / 1e3;

    rp_pool_info info{};
    info.size = sizeof info;
    must_work(rp_pool_query(pool, &info) != FALSE, "rp_pool_query");
    result.threads = info.threads_peak;
    const std::array<char, blockers> bytes{};
    must_work(write(s.pipe[1], bytes.data(), bytes.size()) == blockers, "write");
    SetEvent(s.event);
    WaitForThreadpoolWorkCallbacks(blocking, FALSE);
    WaitForThreadpoolWorkCallbacks(computing, FALSE);
    CloseThreadpoolWork(blocking);
    CloseThreadpoolWork(computing);
    CloseThreadpool(pool);
    CloseHandle(s.event);
    close(s.pipe[0]);
    close(s.pipe[1]);
    return result;
}

} // namespace rp::detection
