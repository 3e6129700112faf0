// SPDX-License-Identifier: Apache-2.0
// timer_set, timer_cancel: what arming and disarming one timer costs while a million others are
// armed. timers_fire: the CPU that a hundred thousand expiries take.
#include "bench/lab/machine.hpp"
#include "bench/lab/random.hpp"
#include "bench/peers/contest.hpp"
#include "bench/peers/timer_engines.hpp"

#include <fmt/format.h>

#include <time.h>

#include <algorithm>
#include <numeric>

namespace rp::peers {

double process_cpu_ns() {
    timespec at{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return static_cast<double>(at.tv_sec) * 1e9 + static_cast<double>(at.tv_nsec);
}

namespace {

using timers_maker = std::unique_ptr<timer_set_engine> (*)(std::size_t);

struct crowd_size {
    std::size_t others; // armed all the while
    std::size_t ours;   // armed and disarmed
};

template <class Iterator>
void shuffle(Iterator first, Iterator last, lab::random_source& random) {
    for (auto left = last - first; left > 1; --left) {
        const auto chosen = random.below(static_cast<std::uint64_t>(left));
        std::swap(first[left - 1], first[static_cast<std::ptrdiff_t>(chosen)]);
    }
}

// Arms the crowd, arms some more (timer_set), disarms those (timer_cancel); numbers and due times
// in an order that follows from the seed.
sample set_and_cancel(timers_maker make, crowd_size size, bool time_cancel, std::uint64_t seed) {
    const std::size_t all = size.others + size.ours;
    const auto timers = make(all);
    lab::random_source random(seed);
    std::vector<std::uint32_t> order(all);
    std::iota(order.begin(), order.end(), 0U);
    shuffle(order.begin(), order.end(), random);
    std::vector<std::uint32_t> seconds(all);
    for (auto& one : seconds) {
        one = 3600 + static_cast<std::uint32_t>(random.below(36'000));
    }
    for (std::size_t i = 0; i < size.others; ++i) {
        timers->arm(order[i], seconds[i]);
    }
    const std::uint64_t begin = lab::now_ns();
    for (std::size_t i = size.others; i < all; ++i) {
        timers->arm(order[i], seconds[i]);
    }
    const std::uint64_t middle = lab::now_ns();
    sample found;
    if (timers->armed() != all) {
        found.fault = fmt::format("{} timers were armed and {} are", all, timers->armed());
    }
    shuffle(order.begin() + static_cast<std::ptrdiff_t>(size.others), order.end(), random);
    const std::uint64_t again = lab::now_ns();
    for (std::size_t i = size.others; i < all; ++i) {
        timers->disarm(order[i]);
    }
    const std::uint64_t end = lab::now_ns();
    if (timers->armed() != size.others) {
        found.fault =
            fmt::format("{} timers should still be armed and {} are", size.others, timers->armed());
    }
    for (std::size_t i = 0; i < size.others; ++i) {
        timers->disarm(order[i]);
    }
    found.value = static_cast<double>(time_cancel ? end - again : middle - begin) /
                  static_cast<double>(size.ours);
    return found;
}

sample storm_of(double (*fire)(timer_storm&), std::size_t timers, std::uint64_t seed) {
    // The last must be armed before the first is due: a slow machine gets more time.
    for (std::uint32_t lead_ms = 250; lead_ms <= 4000; lead_ms *= 4) {
        lab::random_source random(seed);
        timer_storm storm;
        storm.due_ms.resize(timers);
        for (auto& due : storm.due_ms) {
            due = lead_ms + static_cast<std::uint32_t>(random.below(100));
        }
        storm.fired.resize(timers);
        const double cpu_ns = fire(storm);
        const auto wrong =
            std::count_if(storm.fired.begin(), storm.fired.end(), [](auto n) { return n != 1; });
        if (wrong != 0) {
            return {0, fmt::format("{} of {} timers did not fire exactly once", wrong, timers)};
        }
        if (cpu_ns >= 0) {
            return {cpu_ns / static_cast<double>(timers), {}};
        }
    }
    return {0, {}, "arming took longer than 4 s"};
}

contestant setter(const char* name, role part, timers_maker make, crowd_size size, bool cancel) {
    return {name,
            part,
            [make, size, cancel](std::uint64_t seed) {
                return set_and_cancel(make, size, cancel, seed);
            },
            {}};
}

contestant storm(const char* name, role part, double (*fire)(timer_storm&), std::size_t timers) {
    return {name,
            part,
            [fire, timers](std::uint64_t seed) { return storm_of(fire, timers, seed); },
            {}};
}

} // namespace

void add_timers(std::vector<contest>& to, const bench_settings& settings) {
    const crowd_size size =
        settings.quick ? crowd_size{100'000, 20'000} : crowd_size{1'000'000, 100'000};
    for (const bool cancel : {false, true}) {
        contest row;
        row.shape = row.family = cancel ? "timer_cancel" : "timer_set";
        row.seconds = settings.quick ? 0.05 : 0.6;
        row.contestants = {
            setter("ringpool", role::ours, make_ringpool_timers, size, cancel),
            setter("libuv", role::peer, make_libuv_timers, size, cancel),
            setter("list", role::limit, make_list_timers, size, cancel),
        };
        to.push_back(std::move(row));
    }
    const std::size_t timers = settings.quick ? 20'000 : 100'000;
    contest row;
    row.shape = row.family = "timers_fire";
    row.seconds = 0.4;
    row.contestants = {
        storm("ringpool", role::ours, fire_ringpool, timers),
        storm("libuv", role::peer, fire_libuv, timers),
        storm("asio", role::peer, fire_asio, timers),
    };
    to.push_back(std::move(row));
}

} // namespace rp::peers
