// SPDX-License-Identifier: Apache-2.0
// Events, semaphores and mutexes by themselves.
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/mutex.hpp"
#include "kernel_iface/nt/semaphore.hpp"
#include "kernel_iface/nt/wait.hpp"
#include "tests/unit/nt/objects.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace rp::nt;
using rp::test::new_event;
using rp::test::poll;

namespace {

ntstatus wait(HANDLE handle) {
    return wait_handles({&handle, 1}, false, deadline_after_ms(INFINITE));
}

HANDLE new_mutex(bool is_owned) {
    HANDLE made = nullptr;
    REQUIRE(create_mutex(is_owned, {}, made) == status::success);
    return made;
}

} // namespace

TEST_CASE("R-SYNC-1: an auto-reset event satisfies one wait per set, and sets coalesce") {
    const HANDLE event = new_event(false, false);
    CHECK(poll(event) == status::timeout);
    CHECK(set_event(event) == status::success);
    CHECK(set_event(event) == status::success);
    CHECK(poll(event) == status::success);
    CHECK(poll(event) == status::timeout);
    CHECK(set_event(event) == status::success);
    CHECK(reset_event(event) == status::success);
    CHECK(poll(event) == status::timeout);
    close_handle(event);
}

TEST_CASE("R-SYNC-1: a manual-reset event stays set until reset") {
    const HANDLE event = new_event(true, true);
    CHECK(poll(event) == status::success);
    CHECK(poll(event) == status::success);
    CHECK(reset_event(event) == status::success);
    CHECK(poll(event) == status::timeout);
    close_handle(event);
}

TEST_CASE("R-SYNC-1: setting or resetting a closed event fails with 6") {
    const HANDLE event = new_event(true, true);
    close_handle(event);
    CHECK(win32_of_status(set_event(event)) == ERROR_INVALID_HANDLE);
    CHECK(win32_of_status(reset_event(event)) == ERROR_INVALID_HANDLE);
}

TEST_CASE("R-SYNC-1: a manual-reset event releases every waiter, an auto-reset event one per set") {
    for (const bool is_manual : {true, false}) {
        constexpr int waiters = 6;
        const HANDLE event = new_event(is_manual, false);
        std::atomic<int> released{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < waiters; ++i) {
            threads.emplace_back([&] {
                CHECK(wait(event) == status::success);
                ++released;
            });
        }
        if (is_manual) {
            set_event(event);
        } else {
            for (int i = 0; i < waiters; ++i) {
                set_event(event);
                while (released.load() <= i) { // sets coalesce: wait until this one was used
                    std::this_thread::yield();
                }
                CHECK(released.load() == i + 1);
            }
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        CHECK(released.load() == waiters);
        CHECK(poll(event) == (is_manual ? status::success : status::timeout));
        close_handle(event);
    }
}

TEST_CASE("R-SYNC-2: a semaphore counts, reports the previous count, and refuses to overflow") {
    HANDLE semaphore = nullptr;
    REQUIRE(create_semaphore(1, 3, {}, semaphore) == status::success);
    CHECK(poll(semaphore) == status::success);
    CHECK(poll(semaphore) == status::timeout);
    LONG previous = -1;
    CHECK(release_semaphore(semaphore, 2, &previous) == status::success);
    CHECK(previous == 0);
    CHECK(win32_of_status(release_semaphore(semaphore, 2, &previous)) == ERROR_TOO_MANY_POSTS);
    CHECK(previous == 0);
    CHECK(release_semaphore(semaphore, 1, &previous) == status::success);
    CHECK(previous == 2);
    CHECK(release_semaphore(semaphore, 0x7FFFFFFF, nullptr) == status::semaphore_limit_exceeded);
    CHECK(release_semaphore(semaphore, 0, nullptr) == status::invalid_parameter);
    CHECK(release_semaphore(semaphore, -1, nullptr) == status::invalid_parameter);
    for (int i = 0; i < 3; ++i) {
        CHECK(poll(semaphore) == status::success);
    }
    CHECK(poll(semaphore) == status::timeout);
    close_handle(semaphore);
}

TEST_CASE("R-SYNC-2: counts outside 0 <= initial <= max, max > 0 are refused with 87") {
    HANDLE made = nullptr;
    CHECK(create_semaphore(0, 0, {}, made) == status::invalid_parameter);
    CHECK(create_semaphore(-1, 1, {}, made) == status::invalid_parameter);
    CHECK(create_semaphore(2, 1, {}, made) == status::invalid_parameter);
    CHECK(create_semaphore(0, -1, {}, made) == status::invalid_parameter);
    CHECK(made == nullptr);
    CHECK(win32_of_status(status::invalid_parameter) == ERROR_INVALID_PARAMETER);
}

TEST_CASE("R-SYNC-2: releasing n units lets n waiters go") {
    HANDLE semaphore = nullptr;
    REQUIRE(create_semaphore(0, 100, {}, semaphore) == status::success);
    std::vector<std::thread> threads;
    for (int i = 0; i < 40; ++i) { // more than a wake batch holds
        threads.emplace_back([&] { CHECK(wait(semaphore) == status::success); });
    }
    CHECK(release_semaphore(semaphore, 40, nullptr) == status::success);
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(poll(semaphore) == status::timeout);
    close_handle(semaphore);
}

TEST_CASE("R-SYNC-3: a mutex is recursive and released as often as it was taken") {
    const HANDLE mutex = new_mutex(true);
    CHECK(poll(mutex) == status::success);
    CHECK(release_mutex(mutex) == status::success);
    std::thread([&] { CHECK(poll(mutex) == status::timeout); }).join();
    CHECK(release_mutex(mutex) == status::success);
    CHECK(win32_of_status(release_mutex(mutex)) == ERROR_NOT_OWNER);
    std::thread([&] {
        CHECK(poll(mutex) == status::success);
        CHECK(release_mutex(mutex) == status::success);
    }).join();
    close_handle(mutex);
}

TEST_CASE("R-SYNC-3: only the owner may release a mutex") {
    const HANDLE mutex = new_mutex(true);
    std::thread([&] { CHECK(release_mutex(mutex) == status::mutant_not_owned); }).join();
    CHECK(release_mutex(mutex) == status::success);
    close_handle(mutex);
}

TEST_CASE("R-SYNC-3: a mutex whose owner exited is abandoned once, and the next waiter owns it") {
    const HANDLE mutex = new_mutex(false);
    std::thread([&] {
        CHECK(poll(mutex) == status::success);
        CHECK(poll(mutex) == status::success);
    }).join();
    CHECK(poll(mutex) == status::abandoned_wait_0);
    CHECK(poll(mutex) == status::success);
    CHECK(release_mutex(mutex) == status::success);
    CHECK(release_mutex(mutex) == status::success);
    CHECK(poll(mutex) == status::success);
    CHECK(release_mutex(mutex) == status::success);
    close_handle(mutex);
}

TEST_CASE("R-SYNC-3: an exiting owner hands its mutexes to threads that already wait") {
    const HANDLE first = new_mutex(false);
    const HANDLE second = new_mutex(false);
    const HANDLE owned = new_event(true, false);
    const HANDLE go = new_event(true, false);
    std::thread owner([&] {
        CHECK(wait(first) == status::success);
        CHECK(wait(second) == status::success);
        set_event(owned);
        CHECK(wait(go) == status::success);
    });
    CHECK(wait(owned) == status::success);
    std::thread waiter([&] {
        const HANDLE both[] = {owned, first, second};
        CHECK(wait_handles({both + 1, 2}, true, deadline_after_ms(INFINITE)) ==
              status::abandoned_wait_0);
        CHECK(release_mutex(first) == status::success);
        CHECK(release_mutex(second) == status::success);
    });
    set_event(go);
    owner.join();
    waiter.join();
    for (const HANDLE handle : {first, second, owned, go}) {
        close_handle(handle);
    }
}

TEST_CASE("R-SYNC-3: a mutex owned when its last handle is closed goes with its owner") {
    std::thread([] {
        const HANDLE mutex = new_mutex(true);
        CHECK(close_handle(mutex) == status::success);
    }).join();
}

TEST_CASE("R-SYNC-3: a mutex excludes") {
    const HANDLE mutex = new_mutex(false);
    int inside = 0;
    int64_t total = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 2000; ++i) {
                CHECK(wait(mutex) == status::success);
                CHECK(++inside == 1);
                ++total;
                --inside;
                CHECK(release_mutex(mutex) == status::success);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(total == 8000);
    close_handle(mutex);
}
