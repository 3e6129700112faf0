// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <thread>
#include <vector>

using namespace rp::kernel;

TEST_SUITE("futex") {
    TEST_CASE("futex_wait returns at once when the word differs, and keeps errno") {
        std::atomic<uint32_t> word{1};
        errno = 1234;
        CHECK(futex_wait(word, 2, no_deadline) == 0);
        CHECK(errno == 1234);
    }

    TEST_CASE("futex_wait ends with -ETIMEDOUT, not before its deadline") {
        std::atomic<uint32_t> word{1};
        const int64_t deadline_ns = now_ns() + 3'000'000;
        int result = 0;
        do {
            result = futex_wait(word, 1, deadline_ns);
        } while (result == 0 || result == -EINTR);
        CHECK(result == -ETIMEDOUT);
        CHECK(now_ns() >= deadline_ns);
        CHECK(futex_wait(word, 1, -5) == -ETIMEDOUT); // a time that has long passed
    }

    TEST_CASE("futex_wake ends the sleep of those who wait for the old value") {
        std::atomic<uint32_t> word{0};
        std::vector<std::thread> sleepers;
        for (int i = 0; i < 4; ++i) {
            sleepers.emplace_back([&] {
                // mo: acquire, pairs test.word (the waker).
                while (word.load(std::memory_order_acquire) == 0) {
                    futex_wait(word, 0, no_deadline);
                }
            });
        }
        // mo: release, pairs test.word (the sleepers).
        word.store(1, std::memory_order_release);
        CHECK(futex_wake(word, INT32_MAX) <= 4);
        for (std::thread& sleeper : sleepers) {
            sleeper.join();
        }
    }
}

namespace {

struct counting_observer final : blocking_observer {
    int begun = 0;
    int ended = 0;

    void blocking_begins() noexcept override { ++begun; }

    void blocking_ends() noexcept override { ++ended; }
};

} // namespace

TEST_SUITE("blocking") {
    TEST_CASE("a blocking_scope tells the observer of its own thread, begin and end") {
        counting_observer observer;
        { const blocking_scope unobserved; }
        CHECK(observer.begun == 0);
        install_blocking_observer(&observer);
        {
            const blocking_scope scope;
            CHECK(observer.begun == 1);
            CHECK(observer.ended == 0);
            std::thread([] { CHECK(current_blocking_observer() == nullptr); }).join();
        }
        CHECK(observer.ended == 1);
        install_blocking_observer(nullptr);
    }
}
