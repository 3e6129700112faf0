// SPDX-License-Identifier: Apache-2.0
// event_wait: from SetEvent to the start of the wait callback, while every worker of the pool is
// busy with short callbacks; and the same from SubmitThreadpoolWork, to compare with.
#include "bench/lab/machine.hpp"
#include "bench/lab/work.hpp"
#include "bench/peers/contest.hpp"

#include <windows.h>

#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace rp::peers {

namespace {

constexpr std::uint64_t event_pause_ns = 50'000;
constexpr std::uint64_t busy_iterations = 1000; // about a microsecond

// A pool whose workers never park: each runs a callback that submits itself again.
class busy_pool {
public:
    explicit busy_pool(unsigned workers) : pool_(CreateThreadpool(nullptr)) {
        need(pool_ != nullptr, "CreateThreadpool");
        SetThreadpoolThreadMaximum(pool_, workers);
        need(SetThreadpoolThreadMinimum(pool_, workers) != FALSE, "SetThreadpoolThreadMinimum");
        InitializeThreadpoolEnvironment(&environment_);
        SetThreadpoolCallbackPool(&environment_, pool_);
        event_ = CreateEventA(nullptr, FALSE, FALSE, nullptr);
        need(event_ != nullptr, "CreateEvent");
        wait_ = CreateThreadpoolWait(on_event, this, &environment_);
        need(wait_ != nullptr, "CreateThreadpoolWait");
        work_ = CreateThreadpoolWork(on_work, this, &environment_);
        need(work_ != nullptr, "CreateThreadpoolWork");
        for (unsigned i = 0; i < workers; ++i) {
            busy_.push_back(CreateThreadpoolWork(on_busy, this, &environment_));
            need(busy_.back() != nullptr, "CreateThreadpoolWork");
            SubmitThreadpoolWork(busy_.back());
        }
        SetThreadpoolWait(wait_, event_, nullptr);
    }

    ~busy_pool() {
        // mo: relaxed, the waits below order everything
        over_.store(true, std::memory_order_relaxed);
        SetThreadpoolWait(wait_, nullptr, nullptr);
        WaitForThreadpoolWaitCallbacks(wait_, TRUE);
        CloseThreadpoolWait(wait_);
        busy_.push_back(work_);
        for (const PTP_WORK work : busy_) {
            WaitForThreadpoolWorkCallbacks(work, FALSE);
            CloseThreadpoolWork(work);
        }
        CloseHandle(event_);
        DestroyThreadpoolEnvironment(&environment_);
        CloseThreadpool(pool_);
    }

    busy_pool(const busy_pool&) = delete;
    busy_pool& operator=(const busy_pool&) = delete;

    // Median nanoseconds until the callback starts.
    double latency(bool by_event, std::uint64_t times, std::string& fault) {
        std::vector<double> found;
        for (std::uint64_t i = 0; i < times + times / 10; ++i) {
            const std::uint64_t pause_until = lab::now_ns() + event_pause_ns;
            while (lab::now_ns() < pause_until) {
                lab::relax();
            }
            // mo: relaxed, published by the call below
            started_ns_.store(0, std::memory_order_relaxed);
            const std::uint64_t begin = lab::now_ns();
            if (by_event) {
                SetEvent(event_);
            } else {
                SubmitThreadpoolWork(work_);
            }
            std::uint64_t started = 0;
            while (started == 0) {
                // mo: acquire, pairs busy_pool.started (note_start)
                started = started_ns_.load(std::memory_order_acquire);
                if (started == 0 && lab::now_ns() - begin > 5'000'000'000) {
                    fault = fmt::format("callback {} had not started after 5 s", i);
                    return 0;
                }
            }
            if (i >= times / 10) {
                found.push_back(static_cast<double>(started - begin));
            }
        }
        return median(std::move(found));
    }

private:
    static void need(bool good, const char* what) {
        if (!good) {
            std::fprintf(stderr, "ringpool bench: %s: Windows error %u\n", what, GetLastError());
            std::exit(1);
        }
    }

    void note_start() {
        // mo: release, pairs busy_pool.started (latency)
        started_ns_.store(lab::now_ns(), std::memory_order_release);
    }

    static void CALLBACK on_event(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WAIT, TP_WAIT_RESULT) {
        auto& self = *static_cast<busy_pool*>(context);
        // A wait fires once. Set again before the start is noted: the next SetEvent may follow at
        // once.
        const std::uint64_t started = lab::now_ns();
        // mo: relaxed, a flag; the destructor's own waits order the end
        if (!self.over_.load(std::memory_order_relaxed)) {
            SetThreadpoolWait(self.wait_, self.event_, nullptr);
        }
        // mo: release, pairs busy_pool.started (latency)
        self.started_ns_.store(started, std::memory_order_release);
    }

    static void CALLBACK on_work(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
        static_cast<busy_pool*>(context)->note_start();
    }

    static void CALLBACK on_busy(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK work) {
        const auto& self = *static_cast<busy_pool*>(context);
        static_cast<void>(lab::do_work(busy_iterations, 1));
        // mo: relaxed, a flag
        if (!self.over_.load(std::memory_order_relaxed)) {
            SubmitThreadpoolWork(work);
        }
    }

    PTP_POOL pool_;
    TP_CALLBACK_ENVIRON environment_{};
    HANDLE event_ = nullptr;
    PTP_WAIT wait_ = nullptr;
    PTP_WORK work_ = nullptr;
    std::vector<PTP_WORK> busy_;
    std::atomic<std::uint64_t> started_ns_{0};
    std::atomic<bool> over_{false};
};

contestant by(const char* name, role part, bool event, unsigned workers, std::uint64_t times) {
    return {name,
            part,
            [=](std::uint64_t) {
                // Shared: a callback that comes too late must find its pool.
                auto pool = std::make_unique<busy_pool>(workers);
                sample found;
                found.value = pool->latency(event, times, found.fault);
                if (!found.fault.empty()) {
                    static_cast<void>(pool.release());
                }
                return found;
            },
            {}};
}

} // namespace

void add_event_wait(std::vector<contest>& to, const bench_settings& settings) {
    const std::uint64_t times = settings.quick ? 500 : 4000;
    for (const unsigned workers : {1U, 2U}) {
        contest row;
        row.shape = row.family = "event_wait";
        row.workers = workers;
        row.seconds = static_cast<double>(times) * 1.3 * 1e-9 * event_pause_ns;
        row.contestants = {
            by("ringpool", role::ours, true, workers, times),
            by("submit", role::limit, false, workers, times),
        };
        to.push_back(std::move(row));
    }
}

} // namespace rp::peers
