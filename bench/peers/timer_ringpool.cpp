// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/machine.hpp"
#include "bench/peers/timer_engines.hpp"

#include <windows.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

// The timers belong to a pool of one thread.

namespace rp::peers {

namespace {

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "ringpool bench: %s: Windows error %u\n", what, GetLastError());
    std::exit(1);
}

FILETIME after_ns(std::uint64_t ns) {
    ULARGE_INTEGER due;
    due.QuadPart = static_cast<ULONGLONG>(-static_cast<LONGLONG>(ns / 100));
    return {due.LowPart, due.HighPart};
}

class pool_timers {
public:
    explicit pool_timers(std::size_t timers) : pool_(CreateThreadpool(nullptr)) {
        if (pool_ == nullptr) {
            give_up("CreateThreadpool");
        }
        SetThreadpoolThreadMaximum(pool_, 1);
        if (!SetThreadpoolThreadMinimum(pool_, 1)) {
            give_up("SetThreadpoolThreadMinimum");
        }
        InitializeThreadpoolEnvironment(&environment_);
        SetThreadpoolCallbackPool(&environment_, pool_);
        timers_.reserve(timers);
    }

    void add(PTP_TIMER_CALLBACK callback, PVOID context) {
        timers_.push_back(CreateThreadpoolTimer(callback, context, &environment_));
        if (timers_.back() == nullptr) {
            give_up("CreateThreadpoolTimer");
        }
    }

    ~pool_timers() {
        for (const PTP_TIMER timer : timers_) {
            SetThreadpoolTimer(timer, nullptr, 0, 0);
        }
        for (const PTP_TIMER timer : timers_) {
            WaitForThreadpoolTimerCallbacks(timer, FALSE);
            CloseThreadpoolTimer(timer);
        }
        DestroyThreadpoolEnvironment(&environment_);
        CloseThreadpool(pool_);
    }

    pool_timers(const pool_timers&) = delete;
    pool_timers& operator=(const pool_timers&) = delete;

    [[nodiscard]] const std::vector<PTP_TIMER>& all() const { return timers_; }

private:
    PTP_POOL pool_;
    TP_CALLBACK_ENVIRON environment_{};
    std::vector<PTP_TIMER> timers_;
};

class ringpool_timers final : public timer_set_engine {
public:
    explicit ringpool_timers(std::size_t timers) : timers_(timers) {
        for (std::size_t i = 0; i < timers; ++i) {
            timers_.add(on_never, nullptr);
        }
    }

    void arm(std::size_t timer, std::uint32_t seconds) override {
        FILETIME due = after_ns(std::uint64_t{seconds} * 1'000'000'000);
        SetThreadpoolTimer(timers_.all()[timer], &due, 0, 0);
    }

    void disarm(std::size_t timer) override {
        SetThreadpoolTimer(timers_.all()[timer], nullptr, 0, 0);
    }

    [[nodiscard]] std::size_t armed() const override {
        std::size_t count = 0;
        for (const PTP_TIMER timer : timers_.all()) {
            count += IsThreadpoolTimerSet(timer) ? 1 : 0;
        }
        return count;
    }

private:
    static void CALLBACK on_never(PTP_CALLBACK_INSTANCE, PVOID, PTP_TIMER) {}

    pool_timers timers_;
};

struct storm_state {
    std::size_t left = 0; // one worker
    HANDLE over = nullptr;
};

struct storm_timer {
    storm_state* all;
    std::uint8_t* fired;
};

void CALLBACK on_due(PTP_CALLBACK_INSTANCE, PVOID context, PTP_TIMER) {
    const auto& self = *static_cast<storm_timer*>(context);
    *self.fired += 1;
    self.all->left -= 1;
    if (self.all->left == 0) {
        SetEvent(self.all->over);
    }
}

} // namespace

std::unique_ptr<timer_set_engine> make_ringpool_timers(std::size_t timers) {
    return std::make_unique<ringpool_timers>(timers);
}

double fire_ringpool(timer_storm& storm) {
    const std::size_t count = storm.due_ms.size();
    storm_state state{count, CreateEventA(nullptr, TRUE, FALSE, nullptr)};
    if (state.over == nullptr) {
        give_up("CreateEvent");
    }
    std::vector<storm_timer> contexts(count);
    double cpu_ns = -1;
    {
        pool_timers timers(count);
        for (std::size_t i = 0; i < count; ++i) {
            contexts[i] = {&state, &storm.fired[i]};
            timers.add(on_due, &contexts[i]);
        }
        const std::uint64_t begin = lab::now_ns();
        std::uint32_t first_ms = UINT32_MAX;
        for (std::size_t i = 0; i < count; ++i) {
            // From `begin`, not from this call: the same moments for every engine.
            const std::uint64_t spent_ns = lab::now_ns() - begin;
            const std::uint64_t due_ns = std::uint64_t{storm.due_ms[i]} * 1'000'000;
            FILETIME due = after_ns(due_ns > spent_ns ? due_ns - spent_ns : 100);
            SetThreadpoolTimer(timers.all()[i], &due, 0, 0);
            first_ms = std::min(first_ms, storm.due_ms[i]);
        }
        const bool in_time = lab::now_ns() < begin + std::uint64_t{first_ms} * 1'000'000;
        const double before = process_cpu_ns();
        WaitForSingleObject(state.over, INFINITE);
        const double after = process_cpu_ns();
        cpu_ns = in_time ? after - before : -1;
    }
    CloseHandle(state.over);
    return cpu_ns;
}

} // namespace rp::peers
