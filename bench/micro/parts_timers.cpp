// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/parts.hpp"
#include "scheduler/item.hpp"
#include "scheduler/timers.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

// Deadlines among 1, a thousand and a million armed ones: the structure by itself, in a time of its
// own that passes as fast as it is told to, and the timers of a pool.

namespace rp::micro {

namespace {

using sched::item;
using sched::timer_entry;
using sched::timers;

constexpr std::array<unsigned, 3> armed_counts{1, 1'000, 1'000'000};
constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t hour_ns = 3600 * second_ns;
constexpr unsigned of_iteration = 1000;

// ---- the structure

class deadlines {
public:
    explicit deadlines(unsigned armed) : entries_(armed) {
        for (entry& e : entries_) {
            e.owner = this;
            e.expire = [](timer_entry& self, std::int64_t now_ns) noexcept -> item* {
                deadlines& owner = *static_cast<entry&>(self).owner;
                (void)owner.structure_.arm(self, now_ns + owner.far(), now_ns);
                return nullptr;
            };
            arm(e, far());
        }
    }

    // Owner nullptr: for the benchmark; expires once.
    struct entry : timer_entry {
        deadlines* owner = nullptr;
        item runnable;
    };

    void arm(entry& e, std::int64_t after_ns) {
        const std::scoped_lock guard(structure_.lock());
        (void)structure_.arm(e, now_ns_ + after_ns, now_ns_);
    }

    bool disarm(entry& e) {
        const std::scoped_lock guard(structure_.lock());
        return structure_.disarm(e);
    }

    // How many have become runnable.
    unsigned pass(std::int64_t ns) {
        now_ns_ += ns;
        std::array<item*, 64> out;
        unsigned total = 0;
        for (unsigned found = out.size(); found == out.size();) {
            const std::scoped_lock guard(structure_.lock());
            found = structure_.expire(now_ns_, 0, out.data(), out.size());
            total += found;
        }
        return total;
    }

    std::int64_t far() noexcept {
        return hour_ns +
               static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(23 * hour_ns));
    }

    [[nodiscard]] std::size_t count() const { return structure_.count(); }

private:
    timers structure_;
    std::mt19937_64 random_{1};
    std::int64_t now_ns_ = 1'000 * second_ns;
    std::vector<entry> entries_;
};

void set_cancel_deadline(State& state, unsigned armed) {
    const auto all = std::make_unique<deadlines>(armed);
    std::vector<std::int64_t> after;
    for (unsigned i = 0; i < of_iteration; ++i) {
        after.push_back(all->far());
    }
    deadlines::entry one;
    std::uint64_t missing = 0;
    for ([[maybe_unused]] auto _ : state) {
        for (const std::int64_t ns : after) {
            all->arm(one, ns);
            missing += all->disarm(one) ? 0 : 1;
        }
    }
    count_operations(state, of_iteration);
    if (missing != 0 || all->count() != armed) {
        fail(state, "a deadline that was set could not be cancelled");
    }
}

void set_expire_deadline(State& state, unsigned armed) {
    const auto all = std::make_unique<deadlines>(armed);
    std::vector<deadlines::entry> soon(of_iteration);
    for (auto& e : soon) {
        e.expire = [](timer_entry& self, std::int64_t) noexcept {
            return &static_cast<deadlines::entry&>(self).runnable;
        };
    }
    for ([[maybe_unused]] auto _ : state) {
        std::int64_t after = 0;
        for (auto& e : soon) {
            after += second_ns / of_iteration;
            all->arm(e, after);
        }
        const unsigned expired = all->pass(second_ns);
        if (expired != of_iteration) {
            fail(state,
                 std::to_string(expired) + " of " + std::to_string(of_iteration) + " expired");
            break;
        }
    }
    count_operations(state, of_iteration);
}

// ---- timers of a pool

FILETIME in_ns(std::int64_t ns) {
    ULARGE_INTEGER due;
    due.QuadPart = static_cast<ULONGLONG>(-(ns / 100));
    return {due.LowPart, due.HighPart};
}

// A pool with so many timers set one to two hours ahead.
class armed_pool {
public:
    explicit armed_pool(unsigned armed) : pool_(1), armed_(armed) {
        std::mt19937_64 random(1);
        for (unsigned i = 0; i < armed; ++i) {
            timers_.push_back(make(on_early, this));
            FILETIME due = in_ns(hour_ns + static_cast<std::int64_t>(
                                               random() % static_cast<std::uint64_t>(hour_ns)));
            SetThreadpoolTimer(timers_.back(), &due, 0, 0);
        }
    }

    ~armed_pool() {
        for (const PTP_TIMER timer : timers_) {
            SetThreadpoolTimer(timer, nullptr, 0, 0);
            CloseThreadpoolTimer(timer);
        }
    }

    armed_pool(const armed_pool&) = delete;
    armed_pool& operator=(const armed_pool&) = delete;

    PTP_TIMER make(PTP_TIMER_CALLBACK callback, void* context) {
        return required(CreateThreadpoolTimer(callback, context, pool_.environment()), "timer");
    }

    [[nodiscard]] unsigned armed() const { return armed_; }

    [[nodiscard]] bool has_fired_early() const {
        // mo: relaxed, a flag by itself.
        return has_fired_.load(std::memory_order_relaxed);
    }

private:
    static void CALLBACK on_early(PTP_CALLBACK_INSTANCE, PVOID context, PTP_TIMER) {
        // mo: relaxed, as above.
        static_cast<armed_pool*>(context)->has_fired_.store(true, std::memory_order_relaxed);
    }

    own_pool pool_;
    unsigned armed_;
    std::vector<PTP_TIMER> timers_;
    std::atomic<bool> has_fired_{false};
};

// A million timers take a while to make, so the last pool stays for the next benchmark that wants
// as many. Never destroyed: the process ends faster than a million timers are closed.
armed_pool& pool_with(unsigned armed) {
    static armed_pool* kept = nullptr;
    if (kept != nullptr && kept->armed() != armed) {
        delete kept;
        kept = nullptr;
    }
    if (kept == nullptr) {
        kept = new armed_pool(armed);
    }
    return *kept;
}

struct fired_note {
    std::atomic<unsigned> left{0};
    double last_at = 0;
    HANDLE finished = required(CreateEventA(nullptr, FALSE, FALSE, nullptr), "CreateEvent");

    static void CALLBACK on_timer(PTP_CALLBACK_INSTANCE, PVOID context, PTP_TIMER) {
        auto& note = *static_cast<fired_note*>(context);
        // mo: acq_rel, pairs fired.left (itself): the last one has seen the others.
        if (note.left.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            note.last_at = seconds_now();
            SetEvent(note.finished);
        }
    }
};

void set_cancel_timer(State& state, unsigned armed) {
    armed_pool& pool = pool_with(armed);
    fired_note note;
    const PTP_TIMER timer = pool.make(fired_note::on_timer, &note);
    FILETIME due = in_ns(hour_ns + hour_ns / 2);
    for ([[maybe_unused]] auto _ : state) {
        for (unsigned i = 0; i < of_iteration; ++i) {
            SetThreadpoolTimer(timer, &due, 0, 0);
            SetThreadpoolTimer(timer, nullptr, 0, 0);
        }
    }
    count_operations(state, of_iteration);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    // mo: relaxed, no callback is left.
    const bool has_fired = note.left.load(std::memory_order_relaxed) != 0;
    if (has_fired || pool.has_fired_early() || IsThreadpoolTimerSet(timer)) {
        fail(state, "a timer that was cancelled, or is due in an hour, has fired or is set");
    }
    CloseThreadpoolTimer(timer);
    CloseHandle(note.finished);
}

// A thousand timers of one deadline: from the deadline to the last of the callbacks. So many of one
// tick are gathered for up to half a millisecond (timers::dense_slack_ns), which is in the figure.
void fire_timers(State& state, unsigned armed) {
    constexpr std::int64_t ahead_ns = 2'000'000;
    armed_pool& pool = pool_with(armed);
    fired_note note;
    std::vector<PTP_TIMER> soon;
    for (unsigned i = 0; i < of_iteration; ++i) {
        soon.push_back(pool.make(fired_note::on_timer, &note));
    }
    for ([[maybe_unused]] auto _ : state) {
        // mo: relaxed, published by setting the timers.
        note.left.store(of_iteration, std::memory_order_relaxed);
        FILETIME due = in_ns(ahead_ns);
        for (const PTP_TIMER timer : soon) {
            SetThreadpoolTimer(timer, &due, 0, 0);
        }
        const double deadline = seconds_now() + static_cast<double>(ahead_ns) * 1e-9;
        if (WaitForSingleObject(note.finished, 10'000) != WAIT_OBJECT_0) {
            fail(state, "a timer has not fired within 10 s");
            break;
        }
        state.SetIterationTime(std::max(note.last_at - deadline, 1e-9));
    }
    count_operations(state, of_iteration);
    for (const PTP_TIMER timer : soon) {
        SetThreadpoolTimer(timer, nullptr, 0, 0);
        WaitForThreadpoolTimerCallbacks(timer, TRUE);
        CloseThreadpoolTimer(timer);
    }
    CloseHandle(note.finished);
}

} // namespace

void register_timer_parts() {
    for (const unsigned armed : armed_counts) {
        const std::string suffix = "/armed:" + std::to_string(armed);
        add_part("deadlines/set_cancel" + suffix,
                 [armed](State& state) { set_cancel_deadline(state, armed); });
        add_part("deadlines/set_expire" + suffix,
                 [armed](State& state) { set_expire_deadline(state, armed); });
        add_part("timer/set_cancel" + suffix,
                 [armed](State& state) { set_cancel_timer(state, armed); });
        add_timed_part("timer/fire_1000" + suffix,
                       [armed](State& state) { fire_timers(state, armed); });
    }
}

} // namespace rp::micro
