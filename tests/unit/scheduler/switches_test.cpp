// SPDX-License-Identifier: Apache-2.0
// Sessions of recorded switches: who is recorded, from when, and until when.
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "scheduler/sight/switches.hpp"
#include "tests/unit/scheduler/gate.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

using namespace rp;
using namespace rp::sched;
using rp::test::gate;
using extent = kernel::switch_records::extent;

namespace {

/// Says so, if this machine records no switches.
bool are_refused() {
    kernel::switch_records records;
    const auto why = records.open(kernel::thread_id(), false);
    if (why.error != 0) {
        test::skip_missing("switch records: " + kernel::explain(why));
    }
    return why.error != 0;
}

extent known_now() {
    switches::prepare();
    return switches::since(switches::here()).known;
}

size_t mapped_rings() {
    std::ifstream maps("/proc/self/maps");
    size_t count = 0;
    for (std::string line; std::getline(maps, line);) {
        count += line.find("perf_event") != std::string::npos ? 1 : 0;
    }
    return count;
}

} // namespace

TEST_CASE("switches: known during a session and at no other time, nor across two") {
    if (are_refused()) {
        return;
    }
    CHECK(known_now() == extent::unknown);
    switches::begin();
    const switches::mark unprepared = switches::here();
    CHECK(known_now() == extent::whole);
    CHECK(switches::since(unprepared).known == extent::unknown);
    const switches::mark first = switches::here();
    switches::end();
    CHECK(switches::since(first).known == extent::unknown);
    CHECK(known_now() == extent::unknown);
    switches::begin();
    CHECK(known_now() == extent::whole);
    CHECK(switches::since(first).known == extent::unknown);
    CHECK(switches::why_unknown().empty());
    switches::end();
}

TEST_CASE("switches: the end leaves no thread a ring, and a thread that exits leaves none") {
    if (are_refused()) {
        return;
    }
    CHECK(mapped_rings() == 0);
    gate ready;
    gate ended;
    switches::begin();
    std::thread stays([&] {
        CHECK(known_now() == extent::whole);
        ready.count();
        CHECK(ended.wait(1));
        CHECK(known_now() == extent::unknown);
    });
    CHECK(ready.wait(1));
    std::thread([] { CHECK(known_now() == extent::whole); }).join();
    CHECK(mapped_rings() == 1);
    switches::end();
    CHECK(mapped_rings() == 0);
    ended.count();
    stays.join();
}

TEST_CASE("switches: beyond the limit of threads it is said, and a thread that ends makes room") {
    if (are_refused()) {
        return;
    }
    gate ready;
    gate over;
    switches::begin();
    std::atomic<unsigned> recorded{0};
    std::vector<std::thread> threads;
    const unsigned most = switches::recorders_max();
    for (unsigned i = 0; i < most + 3; ++i) {
        threads.emplace_back([&] {
            // mo: relaxed, the gate orders it.
            recorded.fetch_add(known_now() == extent::whole ? 1 : 0, std::memory_order_relaxed);
            ready.count();
            CHECK(over.wait(1));
        });
    }
    CHECK(ready.wait(most + 3));
    // mo: relaxed, the gate orders it.
    const unsigned count = recorded.load(std::memory_order_relaxed);
    CHECK(count <= most);
    CHECK_FALSE(switches::why_unknown().empty()); // the limit, or the memory of the user before
    over.count();
    for (std::thread& t : threads) {
        t.join();
    }
    CHECK(known_now() == extent::whole);
    switches::end();
    CHECK(mapped_rings() == 0);
}

TEST_CASE("switches: sessions begin and end beside threads that come, read and go") {
    if (are_refused()) {
        return;
    }
    std::atomic<bool> is_over{false};
    std::atomic<bool> is_right{true};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            // mo: relaxed, a request to end.
            while (!is_over.load(std::memory_order_relaxed)) {
                std::thread([&] {
                    for (int call = 0; call < 200; ++call) {
                        switches::prepare();
                        const switches::mark from = switches::here();
                        const int64_t began_ns = kernel::now_ns();
                        (void)kernel::yield_thread();
                        const auto off = switches::since(from);
                        const int64_t sum = off.preempted_ns + off.slept_ns;
                        if (sum < 0 || (off.known == extent::unknown && sum != 0) ||
                            sum > kernel::now_ns() - began_ns + 1'000'000'000) {
                            // mo: relaxed, the join orders it.
                            is_right.store(false, std::memory_order_relaxed);
                        }
                    }
                }).join();
            }
        });
    }
    for (int session = 0; session < 200; ++session) {
        switches::begin();
        (void)kernel::yield_thread();
        (void)known_now();
        switches::end();
    }
    // mo: relaxed, the joins order the rest.
    is_over.store(true, std::memory_order_relaxed);
    for (std::thread& t : threads) {
        t.join();
    }
    // mo: relaxed, as above.
    CHECK(is_right.load(std::memory_order_relaxed));
    CHECK(mapped_rings() == 0);
}

TEST_CASE("switches: a child of fork() records nothing and waits for nobody") {
    if (are_refused()) {
        return;
    }
    switches::begin();
    CHECK(known_now() == extent::whole);
    const switches::mark from = switches::here();
    const pid_t child = fork();
    if (child == 0) {
        const bool is_unknown = switches::since(from).known == extent::unknown;
        switches::end();
        switches::begin();
        const bool is_still = known_now() == extent::unknown;
        _exit((is_unknown ? 0 : 1) + (is_still ? 0 : 2));
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(switches::since(from).known != extent::unknown);
    switches::end();
}
