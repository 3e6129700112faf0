// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/mutex.hpp"
#include "kernel_iface/nt/semaphore.hpp"
#include "kernel_iface/nt/wait.hpp"
#include "tests/unit/nt/objects.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

using namespace rp::nt;
using rp::test::counting_observer;
using rp::test::new_event;
using rp::test::ns_per_ms;
using rp::test::poll;

namespace {

HANDLE new_semaphore(LONG count) {
    HANDLE made = nullptr;
    REQUIRE(create_semaphore(count, 1 << 30, {}, made) == status::success);
    return made;
}

class installed_observer {
public:
    explicit installed_observer(counting_observer& observer) {
        rp::kernel::install_blocking_observer(&observer);
    }

    ~installed_observer() { rp::kernel::install_blocking_observer(nullptr); }
};

} // namespace

TEST_CASE("R-SYNC-5: a wait times out, never early") {
    const HANDLE event = new_event(false, false);
    const int64_t start_ns = rp::kernel::now_ns();
    CHECK(wait_handles({&event, 1}, false, deadline_after_ms(20)) == status::timeout);
    CHECK(rp::kernel::now_ns() - start_ns >= 20 * ns_per_ms);
    const HANDLE both[] = {event, new_event(true, true)};
    const int64_t again_ns = rp::kernel::now_ns();
    CHECK(wait_handles(both, true, deadline_after_ms(20)) == status::timeout);
    CHECK(rp::kernel::now_ns() - again_ns >= 20 * ns_per_ms);
    close_handle(both[0]);
    close_handle(both[1]);
}

TEST_CASE("R-SYNC-6: 1 to 64 handles; a bad one fails the whole wait") {
    std::vector<HANDLE> many;
    for (int i = 0; i < 65; ++i) {
        many.push_back(new_event(true, i == 63));
    }
    CHECK(wait_handles({many.data(), 0}, false, poll_deadline) == status::invalid_parameter);
    CHECK(wait_handles({many.data(), 65}, false, poll_deadline) == status::invalid_parameter);
    CHECK(wait_handles({many.data(), 64}, false, poll_deadline) == 63);
    CHECK(wait_handles({many.data(), 64}, true, poll_deadline) == status::timeout);
    for (int i = 0; i < 64; ++i) {
        set_event(many[static_cast<size_t>(i)]);
    }
    CHECK(wait_handles({many.data(), 64}, true, poll_deadline) == status::success);
    close_handle(many[10]);
    CHECK(wait_handles({many.data(), 64}, false, poll_deadline) == status::invalid_handle);
    for (const HANDLE handle : many) {
        close_handle(handle);
    }
}

TEST_CASE("R-SYNC-6: a duplicate is refused with 87 when waiting for all, allowed for any") {
    const HANDLE event = new_event(false, true);
    const HANDLE twice[] = {event, event};
    CHECK(wait_handles(twice, true, poll_deadline) == status::invalid_parameter);
    CHECK(wait_handles(twice, false, poll_deadline) == status::success);
    CHECK(poll(event) == status::timeout);
    std::thread setter([&] { set_event(event); });
    CHECK(wait_handles(twice, false, deadline_after_ms(INFINITE)) <= 1);
    setter.join();
    CHECK(poll(event) == status::timeout);
    close_handle(event);
}

TEST_CASE("R-SYNC-6: any reports the lowest index and consumes only that object") {
    const HANDLE set[] = {new_event(false, false), new_event(false, true), new_semaphore(2)};
    CHECK(wait_handles(set, false, poll_deadline) == 1);
    CHECK(wait_handles(set, false, poll_deadline) == 2);
    CHECK(wait_handles(set, false, poll_deadline) == 2);
    CHECK(wait_handles(set, false, poll_deadline) == status::timeout);
    for (const HANDLE handle : set) {
        close_handle(handle);
    }
}

TEST_CASE("R-SYNC-6: all consumes nothing until everything is available") {
    const HANDLE set[] = {new_event(false, true), new_semaphore(1), new_event(false, false)};
    CHECK(wait_handles(set, true, poll_deadline) == status::timeout);
    CHECK(wait_handles(set, true, deadline_after_ms(5)) == status::timeout);
    CHECK(poll(set[0]) == status::success);
    CHECK(poll(set[1]) == status::success);
    set_event(set[0]);
    release_semaphore(set[1], 1, nullptr);
    std::thread setter([&] { set_event(set[2]); });
    CHECK(wait_handles(set, true, deadline_after_ms(INFINITE)) == status::success);
    setter.join();
    for (const HANDLE handle : set) {
        CHECK(poll(handle) == status::timeout);
        close_handle(handle);
    }
}

TEST_CASE("R-SYNC-3: an abandoned mutex is reported by its index") {
    HANDLE mutex = nullptr;
    REQUIRE(create_mutex(false, {}, mutex) == status::success);
    std::thread([&] { CHECK(poll(mutex) == status::success); }).join();
    const HANDLE set[] = {new_event(false, false), mutex};
    CHECK(wait_handles(set, false, poll_deadline) == status::abandoned_wait_0 + 1);
    CHECK(release_mutex(mutex) == status::success);
    std::thread([&] { CHECK(poll(mutex) == status::success); }).join();
    set_event(set[0]);
    CHECK(wait_handles(set, true, poll_deadline) == status::abandoned_wait_0 + 1);
    CHECK(release_mutex(mutex) == status::success);
    close_handle(set[0]);
    close_handle(mutex);
}

TEST_CASE("R-SYNC-9: an object that is waited on outlives its handle") {
    const HANDLE event = new_event(false, false);
    ntstatus code;
    const auto kept = reference<event_object>(event, code);
    std::atomic<bool> is_waiting{false};

    class telling_observer final : public rp::kernel::blocking_observer {
    public:
        explicit telling_observer(std::atomic<bool>& flag) : flag_(flag) {}

        void blocking_begins() noexcept override { flag_ = true; }

        void blocking_ends() noexcept override {}

    private:
        std::atomic<bool>& flag_;
    };

    std::thread waiter([&] {
        telling_observer observer(is_waiting);
        rp::kernel::install_blocking_observer(&observer);
        CHECK(wait_handles({&event, 1}, false, deadline_after_ms(INFINITE)) == status::success);
        rp::kernel::install_blocking_observer(nullptr);
    });
    while (!is_waiting.load()) {
        std::this_thread::yield();
    }
    CHECK(close_handle(event) == status::success);
    CHECK(set_event(event) == status::invalid_handle);
    kept->set();
    waiter.join();
}

TEST_CASE("a satisfied wait announces nothing, a sleeping one once") {
    counting_observer observer;
    const installed_observer installed(observer);
    const HANDLE set[] = {new_event(true, true), new_event(true, true)};
    CHECK(poll(set[0]) == status::success);
    CHECK(wait_handles(set, true, deadline_after_ms(INFINITE)) == status::success);
    CHECK(wait_handles(set, false, deadline_after_ms(INFINITE)) == status::success);
    reset_event(set[1]);
    CHECK(wait_handles(set, true, poll_deadline) == status::timeout);
    CHECK(observer.begun == 0);
    CHECK(wait_handles({set + 1, 1}, false, deadline_after_ms(1)) == status::timeout);
    CHECK(observer.begun == 1);
    CHECK(observer.ended == 1);
    CHECK(wait_handles(set, true, deadline_after_ms(1)) == status::timeout);
    CHECK(observer.begun == 2);
    CHECK(observer.ended == 2);
    sleep_until(deadline_after_ms(1));
    CHECK(observer.begun == 3);
    CHECK(observer.ended == 3);
    close_handle(set[0]);
    close_handle(set[1]);
}

TEST_CASE("waiting for any never loses or doubles a unit under contention") {
    constexpr int objects = 4;
    constexpr int units_each = 4000;
    std::array<HANDLE, objects> set;
    for (HANDLE& handle : set) {
        handle = new_semaphore(0);
    }
    std::array<std::atomic<int>, objects> taken{};
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 2; ++t) {
        threads.emplace_back([&, t] {
            rp::test::random_source random(rp::test::seed() + t);
            for (int i = 0; i < units_each * objects / 2; ++i) {
                // Each waiter looks in its own order, so the lock order is not the handle order.
                std::array<HANDLE, objects> mine;
                std::array<size_t, objects> which;
                const size_t turn = random.below(objects);
                for (size_t k = 0; k < objects; ++k) {
                    which[k] = (k + turn) % objects;
                    mine[k] = set[which[k]];
                }
                const ntstatus got = wait_handles(mine, false, deadline_after_ms(INFINITE));
                CHECK(got < objects);
                ++taken[which[got]];
            }
        });
    }
    for (uint64_t t = 0; t < 2; ++t) {
        threads.emplace_back([&, t] {
            rp::test::random_source random(rp::test::seed() + 100 + t);
            std::array<int, objects> left;
            left.fill(units_each / 2);
            for (int i = 0; i < units_each * objects / 2; ++i) {
                size_t k = random.below(objects);
                while (left[k] == 0) {
                    k = (k + 1) % objects;
                }
                --left[k];
                CHECK(release_semaphore(set[k], 1, nullptr) == status::success);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (size_t k = 0; k < objects; ++k) {
        CHECK(taken[k].load() == units_each);
        CHECK(poll(set[k]) == status::timeout);
        close_handle(set[k]);
    }
}

TEST_CASE(
    "waiting for all is atomic: four philosophers with two forks each never starve or share") {
    constexpr size_t count = 4;
    constexpr int meals = 3000;
    std::array<HANDLE, count> forks;
    std::array<std::atomic<int>, count> users{};
    for (size_t i = 0; i < count; ++i) {
        // Mixed kinds: a fork is an auto-reset event or a semaphore.
        forks[i] = i % 2 == 0 ? new_event(false, true) : new_semaphore(1);
    }
    std::vector<std::thread> threads;
    for (size_t p = 0; p < count; ++p) {
        threads.emplace_back([&, p] {
            const size_t left = p;
            const size_t right = (p + 1) % count;
            const HANDLE mine[] = {forks[left], forks[right]};
            for (int i = 0; i < meals; ++i) {
                CHECK(wait_handles(mine, true, deadline_after_ms(INFINITE)) == status::success);
                CHECK(users[left].fetch_add(1) == 0);
                CHECK(users[right].fetch_add(1) == 0);
                --users[left];
                --users[right];
                for (const size_t fork : {right, left}) {
                    const ntstatus put = fork % 2 == 0 ? set_event(forks[fork])
                                                       : release_semaphore(forks[fork], 1, nullptr);
                    CHECK(put == status::success);
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (const HANDLE fork : forks) {
        CHECK(poll(fork) == status::success);
        close_handle(fork);
    }
}

TEST_CASE("timeouts race with signals: a unit is either taken or still there") {
    const HANDLE semaphore = new_semaphore(0);
    const HANDLE other = new_event(true, false);
    constexpr int posts = 3000;
    std::atomic<int> taken{0};
    std::atomic<bool> is_over{false};
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 2; ++t) {
        threads.emplace_back([&, t] {
            rp::test::random_source random(rp::test::seed() + t);
            const HANDLE set[] = {other, semaphore};
            while (!is_over.load()) {
                const int64_t deadline_ns =
                    rp::kernel::now_ns() + static_cast<int64_t>(random.below(20'000));
                if (wait_handles(set, false, deadline_ns) == 1) {
                    ++taken;
                }
            }
        });
    }
    for (int i = 0; i < posts; ++i) {
        CHECK(release_semaphore(semaphore, 1, nullptr) == status::success);
    }
    is_over = true;
    for (std::thread& thread : threads) {
        thread.join();
    }
    int left = 0;
    while (poll(semaphore) == status::success) {
        ++left;
    }
    CHECK(taken.load() + left == posts);
    close_handle(semaphore);
    close_handle(other);
}
