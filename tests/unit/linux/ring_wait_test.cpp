// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/ring.hpp"
#include "tests/unit/linux/ring_harness.hpp"

#include <memory>
#include <thread>

using namespace rp::kernel;
using rp::test::pipe_pair;
using rp::test::probe_request;

namespace {

constexpr uint32_t awake = 0;
constexpr uint32_t asleep = 1;

/// Parks in the ring until another thread has set `word` to awake.
void park(ring& made, std::atomic<uint32_t>& word, int64_t deadline_ns = no_deadline) {
    // mo: acquire, pairs test.word (the waker).
    while (word.load(std::memory_order_acquire) == asleep) {
        made.wait(word, asleep, deadline_ns);
    }
}

} // namespace

TEST_SUITE("ring_wait") {
    TEST_CASE("wait: returns at once when the word differs, but submits first") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour);
            std::atomic<uint32_t> word{7};
            probe_request nop;
            made->arm(nop);
            made->wait(word, asleep, no_deadline);
            CHECK(made->has_completions());
            CHECK(rp::test::reap_all(*made) == 1);
            made->wait(word, asleep, no_deadline);
        });
    }

    TEST_CASE("wait: returns at once when completions are visible") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour);
            std::atomic<uint32_t> word{asleep};
            probe_request nop;
            made->arm(nop);
            made->submit_and_get_events();
            made->wait(word, asleep, no_deadline);
            CHECK(rp::test::reap_all(*made) == 1);
        });
    }

    TEST_CASE("wait: ends with a completion") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour);
            std::atomic<uint32_t> word{asleep};
            const pipe_pair pipe;
            char byte = 0;
            probe_request read(io_op::read, pipe.read_end(), &byte, 1);
            made->arm(read);
            std::thread writer([&] { pipe.put("x"); });
            while (rp::test::reap_all(*made) == 0) {
                made->wait(word, asleep, no_deadline);
            }
            writer.join();
            CHECK(read.res() == 1);
        });
    }

    TEST_CASE("wait: ends at its deadline, with nothing else to wake it") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour);
            std::atomic<uint32_t> word{asleep};
            const int64_t start_ns = now_ns();
            const int64_t deadline_ns = start_ns + 3'000'000;
            int rounds = 0;
            while (now_ns() < deadline_ns) {
                made->wait(word, asleep, deadline_ns);
                ++rounds;
            }
            CHECK(rounds < 50);                 // it slept instead of spinning
            made->wait(word, asleep, start_ns); // long passed
            made->wait(word, asleep, -1);
        });
    }

    TEST_CASE("wait: wake() ends it, before and during the sleep, thousands of times") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour);
            std::atomic<uint32_t> word{awake};
            constexpr uint32_t rounds = 1'000;
            std::thread waker([&] {
                for (uint32_t round = 0; round < rounds;) {
                    uint32_t expected = asleep;
                    // mo: acq_rel, pairs test.word (park).
                    if (word.compare_exchange_strong(expected,
                                                     awake,
                                                     std::memory_order_acq_rel,
                                                     std::memory_order_relaxed)) {
                        made->wake(word);
                        ++round;
                    } else {
                        std::this_thread::yield();
                    }
                }
            });
            for (uint32_t round = 0; round < rounds; ++round) {
                // mo: release, pairs test.word (waker).
                word.store(asleep, std::memory_order_release);
                park(*made, word);
            }
            waker.join();
        });
    }

    TEST_CASE("wait: no wake is lost when other threads reap the wake's own completion") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour);
            std::atomic<uint32_t> word{awake};
            constexpr uint32_t rounds = 2'000;
            std::thread waker([&] {
                for (uint32_t round = 0; round < rounds;) {
                    uint32_t expected = asleep;
                    // mo: acq_rel, pairs test.word (park).
                    if (word.compare_exchange_strong(expected,
                                                     awake,
                                                     std::memory_order_acq_rel,
                                                     std::memory_order_relaxed)) {
                        made->wake(word);
                        // The CQE of that wake may show up while the owner is on its way to sleep.
                        for (int i = 0; i < 200; ++i) {
                            rp::test::reap_all(*made);
                            cpu_relax();
                        }
                        ++round;
                    } else {
                        std::this_thread::yield();
                    }
                }
            });
            for (uint32_t round = 0; round < rounds; ++round) {
                made->wait(word, awake, 0); // arms the wake request before the sleep that needs it
                // mo: release, pairs test.word (waker).
                word.store(asleep, std::memory_order_release);
                park(*made, word);
            }
            waker.join();
        });
    }

    TEST_CASE("wait: a wait left armed for an old value or another word still wakes") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour);
            std::atomic<uint32_t> words[2] = {{5}, {50}};
            for (uint32_t round = 0; round < 40; ++round) {
                std::atomic<uint32_t>& word = words[round / 4 % 2];
                // mo: relaxed, this thread wrote it or has joined who did.
                const uint32_t before = word.load(std::memory_order_relaxed);
                made->wait(word, before, now_ns() + 50'000); // leaves the wake request armed
                // mo: relaxed, nobody else looks at it now.
                word.store(before + 1, std::memory_order_relaxed);
                std::thread waker([&] {
                    // mo: release, pairs test.word (below).
                    word.store(before + 2, std::memory_order_release);
                    made->wake(word);
                });
                // mo: acquire, pairs test.word (waker).
                while (word.load(std::memory_order_acquire) == before + 1) {
                    made->wait(word, before + 1, no_deadline);
                }
                waker.join();
            }
        });
    }

    TEST_CASE("wait: nobody waiting, wake() costs at most one early return") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour);
            std::atomic<uint32_t> word{asleep};
            for (int i = 0; i < 10; ++i) {
                made->wake(word);
            }
            const int64_t deadline_ns = now_ns() + 3'000'000;
            int rounds = 0;
            while (now_ns() < deadline_ns) {
                made->wait(word, asleep, deadline_ns);
                ++rounds;
            }
            CHECK(rounds < 50);
        });
    }
}
