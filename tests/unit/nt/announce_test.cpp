// SPDX-License-Identifier: Apache-2.0
// Slim locks, condition variables, address waits and one-time initialisation announce their sleep,
// so that a pool worker gives its core away at once instead of being found by the monitor.
#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/nt/address_wait.hpp"
#include "kernel_iface/nt/condition.hpp"
#include "kernel_iface/nt/init_once.hpp"
#include "kernel_iface/nt/srw_lock.hpp"
#include "kernel_iface/nt/wait.hpp"
#include "tests/unit/nt/objects.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

using namespace rp::nt;
using rp::kernel::no_deadline;
using rp::test::counting_observer;

namespace {

/// Runs `sleeps` on a thread with an observer, and `wakes` once it has announced its sleep. Without
/// an announcement that comes after a while, so that the test fails instead of hanging.
template <class Sleeps, class Wakes>
void check_announced(Sleeps sleeps, Wakes wakes) {
    counting_observer observer;
    std::thread sleeper([&] {
        rp::kernel::install_blocking_observer(&observer);
        sleeps();
        rp::kernel::install_blocking_observer(nullptr);
    });
    const int64_t limit_ns = deadline_after_ms(5000);
    while (observer.begun == 0 && deadline_after_ms(1) < limit_ns) {
        std::this_thread::yield();
    }
    CHECK(observer.begun > 0);
    wakes();
    sleeper.join();
    CHECK(observer.begun == observer.ended);
}

} // namespace

TEST_CASE("W32-SRW-5: waiting for a slim lock is announced, by writers and by readers") {
    RTL_SRWLOCK lock = RTL_SRWLOCK_INIT;
    acquire_exclusive(lock);
    check_announced(
        [&] {
            acquire_exclusive(lock);
            CHECK(release_exclusive(lock) == status::success);
        },
        [&] { CHECK(release_exclusive(lock) == status::success); });
    acquire_exclusive(lock);
    check_announced(
        [&] {
            acquire_shared(lock);
            CHECK(release_shared(lock) == status::success);
        },
        [&] { CHECK(release_exclusive(lock) == status::success); });
}

TEST_CASE("W32-SRW-7: a writer that sleeps keeps new readers out, so that it gets its turn") {
    RTL_SRWLOCK lock = RTL_SRWLOCK_INIT;
    acquire_shared(lock);
    check_announced(
        [&] {
            acquire_exclusive(lock);
            CHECK(release_exclusive(lock) == status::success);
        },
        [&] {
            CHECK_FALSE(try_acquire_shared(lock));
            CHECK(release_shared(lock) == status::success);
        });
    CHECK(try_acquire_shared(lock));
    CHECK(release_shared(lock) == status::success);
}

TEST_CASE("W32-SRW-8: releasing a lock that is not held that way changes nothing") {
    RTL_SRWLOCK lock = RTL_SRWLOCK_INIT;
    CHECK(release_exclusive(lock) == status::resource_not_owned);
    CHECK(release_shared(lock) == status::resource_not_owned);
    acquire_shared(lock);
    CHECK(release_exclusive(lock) == status::resource_not_owned);
    CHECK(release_shared(lock) == status::success);
    acquire_exclusive(lock);
    CHECK(release_shared(lock) == status::resource_not_owned);
    CHECK(release_exclusive(lock) == status::success);
    CHECK(lock.Ptr == nullptr);
}

TEST_CASE("W32-CV-8: sleeping on a condition variable is announced") {
    RTL_SRWLOCK lock = RTL_SRWLOCK_INIT;
    RTL_CONDITION_VARIABLE changed = RTL_CONDITION_VARIABLE_INIT;
    bool is_changed = false;
    check_announced(
        [&] {
            acquire_exclusive(lock);
            while (!is_changed) {
                CHECK(sleep_condition(changed, lock, false, no_deadline) == status::success);
            }
            CHECK(release_exclusive(lock) == status::success);
        },
        [&] {
            acquire_exclusive(lock);
            is_changed = true;
            CHECK(release_exclusive(lock) == status::success);
            wake_condition(changed, 1);
        });
    CHECK(sleep_condition(changed, lock, false, poll_deadline) == status::resource_not_owned);
}

TEST_CASE("W32-ADDR-7: waiting on an address is announced") {
    std::atomic<uint32_t> value{0};
    check_announced(
        [&] {
            const uint32_t zero = 0;
            while (value == 0) {
                CHECK(wait_on_address(&value, &zero, sizeof zero, no_deadline) == status::success);
            }
        },
        [&] {
            value = 1;
            wake_by_address(&value, false);
        });
}

TEST_CASE("W32-ONCE-4: waiting for another thread's initialisation is announced") {
    RTL_RUN_ONCE once = RTL_RUN_ONCE_INIT;
    bool is_pending = false;
    REQUIRE(begin_once(once, 0, is_pending, nullptr) == status::success);
    check_announced(
        [&] {
            bool is_mine = true;
            void* context = nullptr;
            CHECK(begin_once(once, 0, is_mine, &context) == status::success);
            CHECK_FALSE(is_mine);
            CHECK(context == &once);
        },
        [&] { CHECK(complete_once(once, 0, &once) == status::success); });
}
