// SPDX-License-Identifier: Apache-2.0
// Looking at threads that sleep, compute and compete, through every tier that the machine offers.
#include "kernel_iface/linux/block_bell.hpp"
#include "kernel_iface/linux/block_sight.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "tests/unit/linux/no_descriptors.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace rp::kernel;

namespace {

/// A thread that sleeps or computes as it is told.
class puppet {
public:
    enum class act : uint32_t { sleep, compute, end };

    explicit puppet(act first, int cpu = -1) {
        tell(first);
        thread_ = std::thread([this, cpu] { play(cpu); });
        // mo: acquire, pairs test.puppet_tid (play).
        while (tid_.load(std::memory_order_acquire) == 0) {
            (void)futex_wait(tid_, 0, no_deadline);
        }
    }

    ~puppet() {
        tell(act::end);
        thread_.join();
    }

    puppet(const puppet&) = delete;
    puppet& operator=(const puppet&) = delete;

    void tell(act what) {
        // mo: release, pairs test.puppet_act (play).
        act_.store(static_cast<uint32_t>(what), std::memory_order_release);
        (void)futex_wake(act_, 1);
    }

    [[nodiscard]] pid_t tid() const {
        // mo: relaxed, read before by the constructor.
        return static_cast<pid_t>(tid_.load(std::memory_order_relaxed));
    }

private:
    void play(int cpu) {
        if (cpu >= 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            (void)sched_setaffinity(0, sizeof one, &one);
        }
        // mo: release, pairs test.puppet_tid (constructor).
        tid_.store(static_cast<uint32_t>(thread_id()), std::memory_order_release);
        (void)futex_wake(tid_, 1);
        for (;;) {
            // mo: acquire, pairs test.puppet_act (tell).
            const auto now = static_cast<act>(act_.load(std::memory_order_acquire));
            if (now == act::end) {
                return;
            }
            if (now == act::sleep) {
                (void)futex_wait(act_, static_cast<uint32_t>(now), no_deadline);
            } else {
                cpu_relax();
            }
        }
    }

    std::atomic<uint32_t> act_{0};
    std::atomic<uint32_t> tid_{0};
    std::thread thread_;
};

int usable_cpu() {
    cpu_set_t usable;
    CPU_ZERO(&usable);
    REQUIRE(sched_getaffinity(0, sizeof usable, &usable) == 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &usable)) {
        ++cpu;
    }
    return cpu;
}

/// Lets time pass between two looks; nothing depends on how much.
void pause_us(int64_t us) {
    static std::atomic<uint32_t> word{0};
    (void)futex_wait(word, 0, now_ns() + us * 1000);
}

/// Runs `body(tier)` for each tier that looks; false when the machine has none.
template <class Body>
void with_each_tier(Body body) {
    const tier_refusals refusals = probe_detection_tiers();
    for (const detection_tier tier :
         {detection_tier::perf, detection_tier::schedstat, detection_tier::state}) {
        const std::string& why = refusals[static_cast<size_t>(tier)];
        const std::string name = detection_tier_name(tier);
        CAPTURE(name);
        if (why.empty()) {
            body(tier);
        } else {
            rp::test::skip_missing("the tier " + name + ": " + why);
        }
    }
}

size_t open_descriptors() {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator("/proc/self/fd")) {
        ++count;
    }
    return count;
}

/// Several looks in a row, because a thread on its way to where it is told to sleep may sleep for a
/// moment elsewhere (in a page fault).
void look_until(block_sight& sight, thread_activity wanted) {
    for (int in_a_row = 0; in_a_row < 10;) { // the watchdog bounds this
        in_a_row = sight.look(now_ns()) == wanted ? in_a_row + 1 : 0;
        pause_us(200);
    }
}

} // namespace

TEST_SUITE("block_sight") {
    TEST_CASE(
        "a thread is blocked while it sleeps and running while it computes, again and again") {
        with_each_tier([](detection_tier tier) {
            puppet one(puppet::act::sleep);
            block_sight sight;
            sight.open(one.tid(), tier, false);
            CHECK(sight.tier() == tier);
            for (int round = 0; round < 5; ++round) {
                look_until(sight, thread_activity::blocked);
                for (int look = 0; look < 20; ++look) {
                    pause_us(100);
                    CHECK(sight.look(now_ns()) == thread_activity::blocked);
                }
                one.tell(puppet::act::compute);
                while (sight.look(now_ns()) == thread_activity::blocked) {
                    pause_us(100);
                }
                for (int look = 0; look < 20; ++look) {
                    pause_us(100);
                    CHECK(sight.look(now_ns()) != thread_activity::blocked);
                }
                one.tell(puppet::act::sleep);
            }
        });
    }

    TEST_CASE("of two threads that compete for a CPU none is ever called blocked") {
        const int cpu = usable_cpu();
        with_each_tier([cpu](detection_tier tier) {
            puppet one(puppet::act::compute, cpu);
            puppet other(puppet::act::compute, cpu);
            block_sight first;
            block_sight second;
            first.open(one.tid(), tier, true);
            second.open(other.tid(), tier, true);
            bool has_waited = false;
            for (int look = 0; look < 300 || (tier == detection_tier::perf && !has_waited);
                 ++look) {
                pause_us(500);
                for (block_sight* sight : {&first, &second}) {
                    const thread_activity seen = sight->look(now_ns());
                    REQUIRE(seen != thread_activity::blocked);
                    REQUIRE(seen != thread_activity::unknown);
                    has_waited = has_waited || seen == thread_activity::waiting_for_cpu;
                }
            }
            CHECK((has_waited || tier != detection_tier::perf));
        });
    }

    TEST_CASE("a thread that opens its own sight is running, though nothing is recorded yet") {
        with_each_tier([](detection_tier tier) {
            std::thread([tier] {
                block_sight sight;
                sight.open(thread_id(), tier, false);
                CHECK(sight.look(now_ns()) == thread_activity::running);
            }).join();
        });
    }

    TEST_CASE("the bell rings when a watched thread goes to sleep, and is silent for nobody") {
        with_each_tier([](detection_tier tier) {
            CHECK(block_bell::wait(now_ns() + 1'000'000'000) == block_bell::answer::nobody);
            if (tier != detection_tier::perf) {
                return;
            }
            puppet one(puppet::act::compute);
            block_sight sight;
            sight.open(one.tid(), tier, true);
            one.tell(puppet::act::sleep);
            while (sight.look(now_ns()) != thread_activity::blocked) {
                // The deadline is beyond the watchdog's.
                REQUIRE(block_bell::wait(now_ns() + 600'000'000'000) == block_bell::answer::rang);
            }
            sight.close();
            CHECK(block_bell::wait(now_ns() + 1'000'000'000) == block_bell::answer::nobody);
        });
    }

    TEST_CASE(
        "a closed sight leaves no descriptor, whatever its tier and the state of its thread") {
        with_each_tier([](detection_tier tier) {
            auto one = std::make_unique<puppet>(puppet::act::sleep);
            const size_t before = open_descriptors();
            block_sight sight;
            sight.open(one->tid(), tier, true);
            CHECK(open_descriptors() > before);
            sight.close();
            CHECK(block_bell::wait(0) == block_bell::answer::nobody);
            CHECK(open_descriptors() == before);
            sight.open(one->tid(), tier, true);
            one.reset(); // its thread ends first
            (void)sight.look(now_ns());
            sight.close();
            CHECK(block_bell::wait(0) == block_bell::answer::nobody);
            CHECK(open_descriptors() == before);
        });
    }

    TEST_CASE("a thread that does not exist is neither blocked nor running") {
        with_each_tier([](detection_tier tier) {
            block_sight sight;
            sight.open(INT_MAX, tier, true);
            CHECK(sight.look(now_ns()) == thread_activity::unknown);
        });
    }

    TEST_CASE("a child of fork() inherits no sight, and closing one there touches nothing else") {
        with_each_tier([](detection_tier tier) {
            CHECK(block_bell::wait(0) == block_bell::answer::nobody); // an old set is closed
            const size_t before = open_descriptors();
            puppet one(puppet::act::sleep);
            block_sight sight;
            sight.open(one.tid(), tier, true);
            const pid_t child = fork();
            if (child == 0) {
                const bool has_none = open_descriptors() == before;
                // The number that the sight had, most likely.
                const int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
                sight.close();
                const bool is_untouched = fcntl(other, F_GETFD) >= 0;
                _exit((has_none ? 0 : 1) + (is_untouched ? 0 : 2));
            }
            int status = -1;
            REQUIRE(waitpid(child, &status, 0) == child);
            CHECK(status == 0);
            look_until(sight, thread_activity::blocked); // ours still works
        });
    }

    TEST_CASE(
        "beyond the limit of sights, and without descriptors, a look still tells or says so") {
        with_each_tier([](detection_tier tier) {
            puppet one(puppet::act::sleep);
            std::vector<std::unique_ptr<block_sight>> many;
            const size_t before = open_descriptors();
            for (unsigned i = 0; i < block_sight::sights_max + 5; ++i) {
                many.push_back(std::make_unique<block_sight>());
                many.back()->open(one.tid(), tier, false);
            }
            CHECK(block_sight::is_scarce());
            CHECK(many.front()->tier() == tier);
            CHECK(many.back()->tier() == detection_tier::state);
            look_until(*many.back(), thread_activity::blocked);
            CHECK(open_descriptors() <= before + 2 * block_sight::sights_max);
            many.clear();
            CHECK_FALSE(block_sight::is_scarce());
            CHECK(open_descriptors() == before);

            block_sight sight;
            {
                const rp::test::no_descriptors limit;
                sight.open(one.tid(), tier, true);
                CHECK(sight.look(now_ns()) == thread_activity::unknown);
            }
            CHECK(sight.look(now_ns()) == thread_activity::blocked); // the limit is gone
        });
    }
}
