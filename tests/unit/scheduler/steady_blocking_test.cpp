// SPDX-License-Identifier: Apache-2.0
// With callbacks that compute and block in turn, as many workers as there are cores can run, seen
// by the kernel's own records of switches.
//
// Two numbers are sampled, since other programs may keep our threads from the CPUs: all workers
// that could run, which falls when blocked workers keep their cores, and those that are in the
// computing half of a callback, which rises when cores are given away too often.
#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/switch_records.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "scheduler/engine.hpp"
#include "tests/unit/scheduler/gate.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

using namespace rp;
using namespace rp::sched;
using rp::test::gate;
using rp::test::pause_ns;

namespace {

struct membership;

/// Every worker that has run a callback of this test.
struct watched_workers {
    std::mutex lock;
    std::vector<membership*> all; // guard: lock
};

watched_workers& workers() {
    static auto* const all = new watched_workers; // threads may outlive static objects
    return *all;
}

/// One per worker, from its first callback until its thread ends.
struct membership {
    const pid_t tid = kernel::thread_id();
    kernel::switch_records records;
    std::atomic<bool> is_computing{false};

    membership() {
        (void)records.open(tid, false);
        const std::scoped_lock guard(workers().lock);
        workers().all.push_back(this);
    }

    ~membership() {
        const std::scoped_lock guard(workers().lock);
        std::erase(workers().all, this);
    }

    membership(const membership&) = delete;
    membership& operator=(const membership&) = delete;
};

struct sample {
    size_t runnable = 0;
    size_t computing = 0; ///< of these

    void take() {
        const std::scoped_lock guard(workers().lock);
        for (const membership* one : workers().all) {
            // Being woken is no switch: the letter tells who only waits for a CPU by now.
            if (one->records.newest().what != kernel::switch_records::kind::out_blocked ||
                kernel::thread_state(one->tid) == 'R') {
                ++runnable;
                // mo: relaxed, a sample.
                computing += one->is_computing.load(std::memory_order_relaxed) ? 1 : 0;
            }
        }
    }
};

/// Computes for 2 ms, sleeps for 10 ms, and is queued again until the test is over.
struct alternating : item {
    engine* owner = nullptr;
    bool is_announced = false;
    const std::atomic<bool>* is_over = nullptr;
    gate* ended = nullptr;

    alternating() {
        run = [](item& self, worker& w) noexcept {
            auto& t = static_cast<alternating&>(self);
            w.begin_callback();
            static thread_local membership mine;
            t.compute_and_block(mine);
            w.end_callback();
            // mo: relaxed, only the end.
            if (!t.is_over->load(std::memory_order_relaxed)) {
                t.owner->place(t, origin::spawn);
                return;
            }
            t.ended->count();
        };
    }

    void compute_and_block(membership& self) {
        // mo: relaxed, a sample.
        self.is_computing.store(true, std::memory_order_relaxed);
        const int64_t end = kernel::now_ns() + 2'000'000;
        while (kernel::now_ns() < end) {
            kernel::cpu_relax();
        }
        // mo: relaxed, a sample.
        self.is_computing.store(false, std::memory_order_relaxed);
        std::optional<kernel::blocking_scope> announced;
        if (is_announced) {
            announced.emplace();
        }
        pause_ns(10'000'000);
    }
};

/// Means over many samples.
struct means {
    double runnable = 0;
    double computing = 0;
    double cores = 0;
};

means run_for_a_while(bool is_announced) {
    engine* e = engine::create(policy_names()[0]);
    REQUIRE(e != nullptr);
    const uint32_t cores = e->statistics().cores;
    const uint32_t count = 16 * cores; // enough for more than twice the cores
    std::atomic<bool> is_over{false};
    gate ended;
    std::vector<alternating> items(count);
    for (alternating& one : items) {
        one.owner = e;
        one.is_announced = is_announced;
        one.is_over = &is_over;
        one.ended = &ended;
        e->place(one, origin::external);
    }
    while (e->statistics().callbacks < 2UL * count) { // past the beginning
        pause_ns(1'000'000);
    }
    constexpr unsigned looks = 1000;
    sample sum;
    for (unsigned i = 0; i < looks; ++i) {
        sum.take();
        pause_ns(200'000);
    }
    // mo: relaxed, only the end.
    is_over.store(true, std::memory_order_relaxed);
    REQUIRE(ended.wait(count));
    e->shut_down();
    e->release();
    const auto is_anyone_left = [] {
        const std::scoped_lock guard(workers().lock);
        return !workers().all.empty();
    };
    while (is_anyone_left()) { // the threads of a released engine end by themselves
        pause_ns(1'000'000);
    }
    return {static_cast<double>(sum.runnable) / looks,
            static_cast<double>(sum.computing) / looks,
            static_cast<double>(cores)};
}

bool has_records() {
    kernel::switch_records probe;
    const auto why = probe.open(kernel::thread_id(), false);
    if (why.error != 0) {
        rp::test::skip_missing("switch records: " + kernel::explain(why));
    }
    return why.error == 0;
}

void check_within_one(const means& seen) {
    MESSAGE("of " << seen.cores << " cores: runnable " << seen.runnable << ", computing "
                  << seen.computing);
    CHECK(seen.runnable >= seen.cores - 1);
    CHECK(seen.computing <= seen.cores + 1);
}

} // namespace

TEST_CASE("blocks that are announced leave as many runnable workers as cores, give or take one") {
    if (has_records()) {
        check_within_one(run_for_a_while(true));
    }
}

TEST_CASE("blocks that are not leave as many runnable workers as cores, give or take one") {
    if (has_records() && kernel::detection().tier != kernel::detection_tier::announced) {
        check_within_one(run_for_a_while(false));
    }
}
