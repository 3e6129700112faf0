// SPDX-License-Identifier: Apache-2.0
#include "bench/detection/sight_bench.hpp"

#include "kernel_iface/linux/block_bell.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/thread.hpp"

#include <sched.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>

namespace rp::detection {

namespace {

using kernel::block_sight;
using kernel::now_ns;
using kernel::thread_activity;

constexpr int64_t tick_ns = 1'000'000;
constexpr int64_t glance_ns = 200'000; // the monitor's

void must(bool is_done, const char* what) {
    if (!is_done) {
        std::fprintf(stderr, "ringpool_detection: %s failed; nothing was measured\n", what);
        std::exit(1);
    }
}

int first_usable_cpu() {
    cpu_set_t usable;
    CPU_ZERO(&usable);
    must(sched_getaffinity(0, sizeof usable, &usable) == 0, "sched_getaffinity");
    int cpu = 0;
    while (!CPU_ISSET(cpu, &usable)) {
        ++cpu;
    }
    return cpu;
}

void pin_to(int cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    must(sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
}

void sleep_ns(int64_t ns) {
    const timespec length{static_cast<time_t>(ns / 1'000'000'000),
                          static_cast<long>(ns % 1'000'000'000)};
    (void)nanosleep(&length, nullptr);
}

void compute_until(int64_t end_ns) {
    while (now_ns() < end_ns) {
        kernel::cpu_relax();
    }
}

/// A thread whose number is known when the constructor returns.
template <class Body>
class known_thread {
public:
    explicit known_thread(Body body)
        : thread_([this, body] {
              // mo: release, pairs bench.tid (constructor).
              tid_.store(static_cast<uint32_t>(kernel::thread_id()), std::memory_order_release);
              (void)kernel::futex_wake(tid_, 1);
              body();
          }) {
        // mo: acquire, pairs bench.tid (thread).
        while (tid_.load(std::memory_order_acquire) == 0) {
            (void)kernel::futex_wait(tid_, 0, kernel::no_deadline);
        }
    }

    void join() { thread_.join(); }

    [[nodiscard]] pid_t tid() const {
        // mo: relaxed, read before by the constructor.
        return static_cast<pid_t>(tid_.load(std::memory_order_relaxed));
    }

private:
    std::atomic<uint32_t> tid_{0};
    std::thread thread_;
};

/// The verdict as the monitor reaches it.
class watcher {
public:
    watcher(const way& how, pid_t tid) { sight_.open(tid, how.tier, how.rings); }

    /// Sleeps until the bell rings, or where none does until the next glance, and looks.
    thread_activity next() {
        if (kernel::block_bell::wait(now_ns() + tick_ns) == kernel::block_bell::answer::nobody) {
            sleep_ns(glance_ns);
        }
        return sight_.look(now_ns());
    }

private:
    block_sight sight_;
};

} // namespace

double switch_ns(recording how, unsigned rounds) {
    std::array<int, 2> there{};
    std::array<int, 2> back{};
    must(pipe(there.data()) == 0 && pipe(back.data()) == 0, "pipe");
    std::atomic<bool> is_over{false};
    kernel::switch_records records;
    // mo: relaxed, only the end of the run.
    const auto has_ended = [&] { return is_over.load(std::memory_order_relaxed); };
    const int cpu = first_usable_cpu();
    int64_t took_ns = 0;
    std::thread listener;
    known_thread echo([&] {
        pin_to(cpu);
        char byte = 0;
        while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1) {
        }
    });
    if (how != recording::none) {
        must(records.open(echo.tid(), how != recording::silent).error == 0, "perf_event_open");
    }
    if (how == recording::heard) {
        must(kernel::block_bell::add(records.descriptor()) == 0, "epoll_ctl");
        listener = std::thread([&] {
            while (!has_ended()) {
                (void)kernel::block_bell::wait(now_ns() + tick_ns);
            }
        });
    }
    std::thread([&] {
        pin_to(cpu);
        char byte = 'x';
        int64_t begin = 0;
        for (unsigned i = 0; i < rounds + rounds / 10; ++i) {
            begin = i == rounds / 10 ? now_ns() : begin; // the first tenth warms up
            must(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1, "ping-pong");
        }
        took_ns = now_ns() - begin;
    }).join();
    close(there[1]);
    echo.join();
    // mo: relaxed, as above.
    is_over.store(true, std::memory_order_relaxed);
    if (listener.joinable()) {
        listener.join();
        kernel::block_bell::remove(records.descriptor());
    }
    close(there[0]);
    close(back[0]);
    close(back[1]);
    return static_cast<double>(took_ns) / rounds;
}

look_cost cost_of_looks(const way& how, unsigned looks) {
    std::atomic<uint32_t> phase{0}; // 0: asleep, 1: runs, 2: asleep again, 3: ends
    const auto sleep_while = [&phase](uint32_t value) {
        // mo: acquire, pairs bench.phase (enter).
        while (phase.load(std::memory_order_acquire) == value) {
            (void)kernel::futex_wait(phase, value, kernel::no_deadline);
        }
    };
    known_thread subject([&] {
        sleep_while(0);
        // mo: acquire, pairs bench.phase (enter).
        while (phase.load(std::memory_order_acquire) == 1) {
            kernel::cpu_relax();
        }
        sleep_while(2);
    });
    const auto enter = [&phase](uint32_t value) {
        // mo: release, pairs bench.phase (subject).
        phase.store(value, std::memory_order_release);
        (void)kernel::futex_wake(phase, 1);
    };
    look_cost cost{};
    const unsigned openings = looks / 100 + 1;
    const int64_t begin = now_ns();
    for (unsigned i = 0; i < openings; ++i) {
        block_sight sight;
        sight.open(subject.tid(), how.tier, how.rings);
    }
    cost.open_us = static_cast<double>(now_ns() - begin) / openings / 1000;
    block_sight sight;
    sight.open(subject.tid(), how.tier, how.rings);
    const auto time_looks = [&](bool at_blocked) {
        while ((sight.look(now_ns()) == thread_activity::blocked) != at_blocked) {
            std::this_thread::yield();
        }
        const int64_t from = now_ns();
        for (unsigned i = 0; i < looks; ++i) {
            (void)sight.look(now_ns());
        }
        return static_cast<double>(now_ns() - from) / looks;
    };
    enter(1);
    cost.running_ns = time_looks(false);
    enter(2);
    cost.blocked_ns = time_looks(true);
    enter(3);
    subject.join();
    return cost;
}

notice notice_blocks(const way& how, int64_t block_ns, unsigned blocks) {
    std::atomic<int64_t> blocked_at{0}; // 0: not in a block
    std::atomic<bool> is_over{false};
    known_thread subject([&] {
        uint64_t random = 88172645463325252ULL;
        for (unsigned i = 0; i < blocks; ++i) {
            random ^= random << 13U;
            random ^= random >> 7U;
            random ^= random << 17U;
            compute_until(now_ns() + 200'000 + static_cast<int64_t>(random % 1'500'000));
            // mo: release, pairs bench.blocked_at (watcher).
            blocked_at.store(now_ns(), std::memory_order_release);
            sleep_ns(block_ns);
            // mo: release, pairs bench.blocked_at (watcher).
            blocked_at.store(0, std::memory_order_release);
        }
        // mo: relaxed, only the end of the run.
        is_over.store(true, std::memory_order_relaxed);
    });
    notice result;
    result.blocks = blocks;
    int64_t noticed = 0;
    watcher eye(how, subject.tid());
    // mo: relaxed, as above.
    while (!is_over.load(std::memory_order_relaxed)) {
        const thread_activity seen = eye.next();
        const int64_t now = now_ns();
        // mo: acquire, pairs bench.blocked_at (subject).
        const int64_t at = blocked_at.load(std::memory_order_acquire);
        if (seen == thread_activity::blocked && at != 0 && at != noticed) {
            noticed = at;
            result.latency_us.add(static_cast<double>(now - at) / 1000);
        }
    }
    subject.join();
    return result;
}

verdicts look_at_hogs(const way& how, int64_t duration_ns) {
    const int64_t end = now_ns() + duration_ns;
    const int cpu = first_usable_cpu();
    const auto hog = [=] {
        pin_to(cpu);
        compute_until(end);
    };
    known_thread one(hog);
    known_thread other(hog);
    sleep_ns(10 * tick_ns); // both have moved to their CPU
    watcher eye(how, one.tid());
    verdicts counted;
    while (now_ns() < end - 5 * tick_ns) {
        const thread_activity seen = eye.next();
        ++counted.looks;
        counted.blocked += seen == thread_activity::blocked ? 1 : 0;
        counted.waiting += seen == thread_activity::waiting_for_cpu ? 1 : 0;
    }
    one.join();
    other.join();
    return counted;
}

} // namespace rp::detection
