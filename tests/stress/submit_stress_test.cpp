// SPDX-License-Identifier: Apache-2.0
// Many producers, many objects, every policy: nothing is lost and nothing runs twice.
#include "tests/stress/private_pool.hpp"
#include "tests/stress/scale.hpp"
#include "tests/unit/unit_test.hpp"

#include <windows.h>

#include <doctest/doctest.h>
#include <ringpool/ringpool.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using rp::test::private_pool;
using rp::test::random_source;
using rp::test::scaled;
using rp::test::scaled_for_each_policy;

namespace {

struct counted_work {
    PTP_WORK work = nullptr;
    std::atomic<uint32_t> submitted{0};
    std::atomic<uint32_t> ran{0};

    static VOID CALLBACK run(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
        // mo: relaxed, compared after WaitForThreadpoolWorkCallbacks.
        static_cast<counted_work*>(context)->ran.fetch_add(1, std::memory_order_relaxed);
    }
};

template <class Body>
void under_every_policy(Body body) {
    for (const char* const* name = rp_policy_names(); *name != nullptr; ++name) {
        const std::string policy = *name;
        CAPTURE(policy);
        body(*name);
    }
}

} // namespace

TEST_CASE("R-WORK-3: submits of 4 producers over 1000 work objects run exactly once each") {
    const uint32_t each = scaled(2'500'000);
    for (const char* policy : {"ws", "shared-fifo", "partitioned"}) {
        CAPTURE(policy);
        // The full number under the default policy, a tenth under the others.
        const uint32_t submits = std::string(policy) == "ws" ? each : each / 10;
        private_pool p(4, policy);
        std::vector<counted_work> works(1000);
        for (counted_work& w : works) {
            w.work = CreateThreadpoolWork(counted_work::run, &w, &p.env);
            REQUIRE(w.work != nullptr);
        }
        std::vector<std::thread> producers;
        for (uint64_t id = 0; id < 4; ++id) {
            producers.emplace_back([&, id] {
                random_source random(rp::test::seed() + id);
                for (uint32_t i = 0; i < submits; ++i) {
                    counted_work& w = works[random.below(works.size())];
                    // mo: relaxed, compared after the threads are joined.
                    w.submitted.fetch_add(1, std::memory_order_relaxed);
                    SubmitThreadpoolWork(w.work);
                }
            });
        }
        for (std::thread& t : producers) {
            t.join();
        }
        uint32_t wrong = 0;
        for (counted_work& w : works) {
            WaitForThreadpoolWorkCallbacks(w.work, FALSE);
            // mo: relaxed, ordered by the wait.
            wrong += w.ran.load(std::memory_order_relaxed) !=
                     // mo: relaxed, ordered by the joins.
                     w.submitted.load(std::memory_order_relaxed);
            CloseThreadpoolWork(w.work);
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("R-WORK-6/R-WORK-7: racing submits and cancels: calls run + calls dropped = calls made") {
    under_every_policy([](const char* policy) {
        private_pool p(3, policy);
        counted_work w;
        w.work = CreateThreadpoolWork(counted_work::run, &w, &p.env);
        std::atomic<bool> is_over{false};
        std::thread submitter([&] {
            for (uint32_t i = 0; i < scaled_for_each_policy(600'000); ++i) {
                SubmitThreadpoolWork(w.work);
            }
            // mo: relaxed, only ends the loop.
            is_over.store(true, std::memory_order_relaxed);
        });
        // mo: relaxed, only ends the loop.
        while (!is_over.load(std::memory_order_relaxed)) {
            WaitForThreadpoolWorkCallbacks(w.work, TRUE);
        }
        submitter.join();
        WaitForThreadpoolWorkCallbacks(w.work, TRUE);
        // mo: relaxed, ordered by the wait.
        const uint32_t before = w.ran.load(std::memory_order_relaxed);
        CHECK(before <= scaled_for_each_policy(600'000));
        for (int i = 0; i < 100; ++i) {
            SubmitThreadpoolWork(w.work);
        }
        WaitForThreadpoolWorkCallbacks(w.work, FALSE);
        // mo: relaxed, ordered by the wait.
        CHECK(w.ran.load(std::memory_order_relaxed) == before + 100);
        CloseThreadpoolWork(w.work);
    });
}

namespace {

/// Callbacks that take a moment, let go of their object, or submit it again.
struct moody_work {
    PTP_WORK work = nullptr;
    std::atomic<uint32_t> inside{0}; // callbacks that still count for a waiter
    std::atomic<uint32_t> ran{0};
    std::atomic<uint32_t> moods{0}; // a random number for each callback
    std::atomic<bool> is_plain{false};

    static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
        auto& self = *static_cast<moody_work*>(context);
        ++self.inside;
        ++self.ran;
        random_source random(rp::test::seed() + self.moods++);
        const uint64_t mood = self.is_plain ? 9 : random.below(10);
        if (mood == 0) {
            SubmitThreadpoolWork(work);
        } else if (mood == 1) {
            std::this_thread::yield();
        }
        --self.inside;
        if (mood == 2) {
            DisassociateCurrentThreadFromCallback(instance);
        }
    }
};

} // namespace

TEST_CASE("R-LIFE-8: after every wait of a random sequence of submits and cancels nothing runs") {
    under_every_policy([](const char* policy) {
        private_pool p(3, policy);
        moody_work w;
        w.work = CreateThreadpoolWork(moody_work::run, &w, &p.env);
        random_source random(rp::test::seed());
        uint32_t busy_after_wait = 0;
        for (uint32_t round = 0; round < scaled_for_each_policy(60'000); ++round) {
            for (uint64_t n = random.below(12); n > 0; --n) {
                SubmitThreadpoolWork(w.work);
            }
            if (random.below(4) != 0) {
                WaitForThreadpoolWorkCallbacks(w.work, random.below(2) != 0);
                busy_after_wait += w.inside != 0;
            }
        }
        WaitForThreadpoolWorkCallbacks(w.work, FALSE);
        CHECK(busy_after_wait == 0);
        w.is_plain = true;
        const uint32_t before = w.ran;
        for (int i = 0; i < 1000; ++i) {
            SubmitThreadpoolWork(w.work);
        }
        WaitForThreadpoolWorkCallbacks(w.work, FALSE);
        CHECK(w.ran == before + 1000);
        CloseThreadpoolWork(w.work);
    });
}

namespace {

struct group_round {
    std::atomic<uint32_t> ran{0};
    std::atomic<uint32_t> cancelled{0};

    static VOID CALLBACK simple(PTP_CALLBACK_INSTANCE, PVOID context) {
        // mo: relaxed, compared after the group's close.
        static_cast<group_round*>(context)->ran.fetch_add(1, std::memory_order_relaxed);
    }

    static VOID CALLBACK cancel(PVOID context, PVOID) {
        // mo: relaxed, compared after the group's close.
        static_cast<group_round*>(context)->cancelled.fetch_add(1, std::memory_order_relaxed);
    }
};

} // namespace

TEST_CASE("R-GRP-8: of the simple callbacks of a cancelled group each runs or is reported, once") {
    under_every_policy([](const char* policy) {
        private_pool p(3, policy);
        PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
        SetThreadpoolCallbackCleanupGroup(&p.env, group, group_round::cancel);
        random_source random(rp::test::seed());
        for (uint32_t round = 0; round < scaled_for_each_policy(900); ++round) {
            group_round counts;
            const auto submitted = static_cast<uint32_t>(random.below(300));
            for (uint32_t i = 0; i < submitted; ++i) {
                REQUIRE(TrySubmitThreadpoolCallback(group_round::simple, &counts, &p.env));
            }
            const BOOL is_cancelling = random.below(2) == 0;
            CloseThreadpoolCleanupGroupMembers(group, is_cancelling, nullptr);
            // mo: relaxed, ordered by the close.
            const uint32_t ran = counts.ran.load(std::memory_order_relaxed);
            // mo: relaxed, ordered by the close.
            const uint32_t cancelled = counts.cancelled.load(std::memory_order_relaxed);
            REQUIRE(ran + cancelled == submitted);
            REQUIRE((is_cancelling || cancelled == 0));
        }
        CloseThreadpoolCleanupGroup(group);
    });
}

namespace {

struct self_closing {
    static std::atomic<uint32_t> ran;

    static VOID CALLBACK run(PTP_CALLBACK_INSTANCE, PVOID, PTP_WORK work) {
        CloseThreadpoolWork(work);
        // mo: relaxed, polled by the test.
        ran.fetch_add(1, std::memory_order_relaxed);
    }
};

std::atomic<uint32_t> self_closing::ran{0};

} // namespace

TEST_CASE("R-LIFE-4/R-GRP-12: work that closes itself, in a group that is being closed or not") {
    under_every_policy([](const char* policy) {
        private_pool p(2, policy);
        PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
        SetThreadpoolCallbackCleanupGroup(&p.env, group, nullptr);
        // mo: relaxed, nothing runs yet.
        self_closing::ran.store(0, std::memory_order_relaxed);
        const uint32_t rounds = scaled_for_each_policy(60'000);
        for (uint32_t i = 0; i < rounds; ++i) {
            PTP_WORK work = CreateThreadpoolWork(self_closing::run, nullptr, &p.env);
            SubmitThreadpoolWork(work);
            if (i % 64 == 63) {
                CloseThreadpoolCleanupGroupMembers(group, FALSE, nullptr);
            }
        }
        CloseThreadpoolCleanupGroupMembers(group, FALSE, nullptr);
        CloseThreadpoolCleanupGroup(group);
        // mo: relaxed, polled.
        while (self_closing::ran.load(std::memory_order_relaxed) < rounds) {
            std::this_thread::yield();
        }
        // mo: relaxed, nothing runs any more.
        CHECK(self_closing::ran.load(std::memory_order_relaxed) == rounds);
    });
}

TEST_CASE("R-POOL-15: pools made, used and closed at once by several threads end every callback") {
    const uint32_t rounds = scaled(200);
    std::atomic<uint32_t> ran{0};
    auto user = [&] {
        for (uint32_t i = 0; i < rounds; ++i) {
            PTP_POOL pool = CreateThreadpool(nullptr);
            TP_CALLBACK_ENVIRON env;
            InitializeThreadpoolEnvironment(&env);
            SetThreadpoolCallbackPool(&env, pool);
            for (int k = 0; k < 5; ++k) {
                TrySubmitThreadpoolCallback(
                    [](PTP_CALLBACK_INSTANCE, PVOID context) {
                        // mo: relaxed, polled by the test.
                        static_cast<std::atomic<uint32_t>*>(context)->fetch_add(
                            1, std::memory_order_relaxed);
                    },
                    &ran,
                    &env);
            }
            CloseThreadpool(pool);
        }
    };
    std::vector<std::thread> users;
    for (int i = 0; i < 3; ++i) {
        users.emplace_back(user);
    }
    for (std::thread& t : users) {
        t.join();
    }
    // mo: relaxed, polled.
    while (ran.load(std::memory_order_relaxed) < 3 * 5 * rounds) {
        std::this_thread::yield();
    }
    // mo: relaxed, nothing runs any more.
    CHECK(ran.load(std::memory_order_relaxed) == 3 * 5 * rounds);
}
