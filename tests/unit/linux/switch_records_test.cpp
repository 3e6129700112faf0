// SPDX-License-Identifier: Apache-2.0
// What the records of a thread's switches add up to, and what is said when they are not there.
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/switch_records.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

using namespace rp::kernel;
using extent = switch_records::extent;

namespace {

/// Runs `body(records)` on a thread of its own that records itself, without a descriptor.
template <class Body>
void on_recorded_thread(Body body) {
    std::thread([&body] {
        switch_records records;
        if (const auto why = records.open(thread_id(), false); why.error != 0) {
            rp::test::skip_missing("switch records: " + explain(why));
            return;
        }
        records.drop_descriptor();
        body(records);
    }).join();
}

/// Asleep on a futex that nobody wakes.
void sleep_at_least(int64_t ns) {
    static std::atomic<uint32_t> never{0};
    const int64_t until = now_ns() + ns;
    while (now_ns() < until) {
        (void)futex_wait(never, 0, until);
    }
}

bool share_one_cpu() {
    cpu_set_t usable;
    CPU_ZERO(&usable);
    if (sched_getaffinity(0, sizeof usable, &usable) != 0) {
        return false;
    }
    int cpu = 0;
    while (!CPU_ISSET(cpu, &usable)) {
        ++cpu;
    }
    CPU_ZERO(&usable);
    CPU_SET(cpu, &usable);
    return sched_setaffinity(0, sizeof usable, &usable) == 0;
}

} // namespace

TEST_SUITE("switch_records") {
    TEST_CASE("a thread that sleeps has slept that long, and what was before counts for nothing") {
        on_recorded_thread([](const switch_records& records) {
            sleep_at_least(20'000'000);
            const uint64_t position = records.position();
            const int64_t from = now_ns();
            sleep_at_least(10'000'000);
            const switch_records::absence off = records.since(position);
            const int64_t passed = now_ns() - from;
            CHECK(off.known == extent::whole);
            CHECK(off.slept_ns + off.preempted_ns <= passed);
            // A thread that is preempted on its way to sleep is preempted, and the way takes time.
            CHECK(off.slept_ns > 0);
            CHECK(off.slept_ns + off.preempted_ns >= 5'000'000);
        });
    }

    TEST_CASE("a thread whose CPU another one wants is preempted, and has not slept") {
        on_recorded_thread([](const switch_records& records) {
            if (!share_one_cpu()) {
                rp::test::skip_missing("sched_setaffinity");
                return;
            }
            std::atomic<bool> is_over{false};
            std::thread other([&is_over] { // on the same CPU: it inherits that
                // mo: relaxed, a request to end.
                while (!is_over.load(std::memory_order_relaxed)) {
                    cpu_relax();
                }
            });
            const uint64_t position = records.position();
            const int64_t from = now_ns();
            switch_records::absence off;
            while ((off = records.since(position)).preempted_ns == 0) { // the watchdog bounds this
                cpu_relax();
            }
            CHECK(off.known == extent::whole);
            CHECK(off.preempted_ns <= now_ns() - from);
            CHECK(off.slept_ns == 0);
            // mo: relaxed, the join orders the rest.
            is_over.store(true, std::memory_order_relaxed);
            other.join();
        });
    }

    TEST_CASE("a thread that goes on computing has lost nothing, which is known") {
        on_recorded_thread([](const switch_records& records) {
            switch_records::absence off;
            uint64_t position = 0;
            do { // until nobody has disturbed it
                position = records.position();
                off = records.since(position);
            } while (records.position() != position);
            CHECK(off.known == extent::whole);
            CHECK(off.preempted_ns == 0);
            CHECK(off.slept_ns == 0);
        });
    }

    TEST_CASE("more switches than are kept are a lower bound that says so") {
        on_recorded_thread([](const switch_records& records) {
            const uint64_t position = records.position();
            const int64_t from = now_ns();
            unsigned sleeps = 0;
            for (; sleeps < switch_records::records_kept_min / 3; ++sleeps) {
                sleep_at_least(20'000);
            }
            const switch_records::absence few = records.since(position);
            if (position - records.position() <= switch_records::records_kept_min * 16) {
                CHECK(few.known == extent::whole); // others have not switched it off too often
            }
            const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
            while (position - records.position() < 2 * page) {
                sleep_at_least(20'000);
            }
            const switch_records::absence many = records.since(position);
            CHECK(many.known == extent::at_least);
            CHECK(many.slept_ns > 0);
            CHECK(many.slept_ns + many.preempted_ns < now_ns() - from);
        });
    }

    TEST_CASE("a thread that reads while it is switched off gets no sum longer than the time") {
        on_recorded_thread([](const switch_records& records) {
            if (!share_one_cpu()) {
                rp::test::skip_missing("sched_setaffinity");
                return;
            }
            std::atomic<bool> is_over{false};
            std::thread other([&is_over] {
                // mo: relaxed, a request to end.
                while (!is_over.load(std::memory_order_relaxed)) {
                    (void)yield_thread();
                }
            });
            const int64_t from = now_ns();
            const uint64_t position = records.position();
            bool is_right = true;
            bool was_overwritten = false;
            for (int round = 0; round < 3000; ++round) {
                (void)yield_thread();
                const switch_records::absence off = records.since(position);
                is_right = is_right && off.known != extent::unknown && off.preempted_ns >= 0 &&
                           off.preempted_ns + off.slept_ns <= now_ns() - from;
                was_overwritten = was_overwritten || off.known == extent::at_least;
            }
            CHECK(is_right);
            CHECK(was_overwritten);
            // mo: relaxed, the join orders the rest.
            is_over.store(true, std::memory_order_relaxed);
            other.join();
        });
    }

    TEST_CASE(
        "records that another thread withdraws while they are read are unknown from then on") {
        for (int round = 0; round < 50; ++round) {
            on_recorded_thread([](switch_records& records) {
                std::atomic<uint32_t> state{0};
                std::thread ender([&] {
                    // mo: release, pairs test.withdraw_state (below).
                    state.store(1, std::memory_order_release);
                    CHECK(records.withdraw());
                    // mo: release, pairs test.withdraw_state (below).
                    state.store(2, std::memory_order_release);
                });
                const uint64_t position = records.position();
                bool was_unknown = false;
                bool is_right = true;
                // mo: acquire, pairs test.withdraw_state (ender).
                while (state.load(std::memory_order_acquire) != 2) {
                    const switch_records::absence off = records.since(position);
                    is_right = is_right && !(was_unknown && off.known != extent::unknown) &&
                               (off.known != extent::unknown || off.slept_ns == 0);
                    was_unknown = off.known == extent::unknown;
                }
                CHECK(is_right);
                CHECK(records.since(position).known == extent::unknown);
                ender.join();
                CHECK(records.open(thread_id(), false).error == 0); // and again
                CHECK(records.since(records.position()).known == extent::whole);
            });
        }
    }

    TEST_CASE("what was never opened, and what a child of fork() has left of it, is unknown") {
        const switch_records none;
        CHECK(none.since(none.position()).known == extent::unknown);
        on_recorded_thread([](switch_records& records) {
            const uint64_t position = records.position();
            const pid_t child = fork();
            if (child == 0) {
                const bool is_unknown = records.position() == 0 &&
                                        records.since(position).known == extent::unknown &&
                                        records.withdraw();
                records.close();
                _exit(is_unknown ? 0 : 1);
            }
            int status = -1;
            CHECK(waitpid(child, &status, 0) == child);
            CHECK(status == 0);
            CHECK(records.since(position).known != extent::unknown);
        });
    }
}
