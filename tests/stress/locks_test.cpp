// SPDX-License-Identifier: Apache-2.0
// Slim locks, condition variables and address waits under many threads: nothing gets in twice, no
// wake is lost, and nobody touches a lock that its next owner has freed.
#include "tests/stress/scale.hpp"
#include "tests/unit/unit_test.hpp"

#include <windows.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

using rp::test::random_source;
using rp::test::scaled;

namespace {

template <class Body>
void on_threads(unsigned number, Body body) {
    std::vector<std::thread> threads;
    for (unsigned id = 0; id < number; ++id) {
        threads.emplace_back([&body, id] { body(id); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

struct guarded {
    SRWLOCK lock = SRWLOCK_INIT;
    uint64_t left = 0;
    uint64_t right = 0;
};

void write_once(guarded& data) {
    ++data.left;
    ++data.right;
    ReleaseSRWLockExclusive(&data.lock);
}

} // namespace

TEST_CASE("W32-SRW-4: a random mix of readers, writers and attempts keeps the data whole") {
    guarded data;
    std::atomic<uint64_t> writes{0};
    std::atomic<uint64_t> torn{0};
    on_threads(6, [&](unsigned id) {
        random_source random(rp::test::seed() + id);
        uint64_t mine = 0;
        for (uint32_t i = 0; i < scaled(200'000); ++i) {
            const uint64_t choice = random.below(10);
            if (choice < 3) {
                AcquireSRWLockExclusive(&data.lock);
                write_once(data);
                ++mine;
            } else if (choice < 4) {
                if (TryAcquireSRWLockExclusive(&data.lock) != FALSE) {
                    write_once(data);
                    ++mine;
                }
            } else if (choice < 5 && TryAcquireSRWLockShared(&data.lock) == FALSE) {
                Sleep(0);
            } else {
                if (choice >= 5) {
                    AcquireSRWLockShared(&data.lock);
                }
                if (data.left != data.right) {
                    // mo: relaxed, compared after the threads are joined.
                    torn.fetch_add(1, std::memory_order_relaxed);
                }
                ReleaseSRWLockShared(&data.lock);
            }
        }
        // mo: relaxed, compared after the threads are joined.
        writes.fetch_add(mine, std::memory_order_relaxed);
    });
    // mo: relaxed, ordered by the joins.
    CHECK(torn.load(std::memory_order_relaxed) == 0);
    // mo: relaxed, ordered by the joins.
    CHECK(data.left == writes.load(std::memory_order_relaxed));
    CHECK(TryAcquireSRWLockExclusive(&data.lock) != FALSE);
}

TEST_CASE("W32-SRW-6: the thread that leaves last may free the lock") {
    struct counted {
        SRWLOCK lock = SRWLOCK_INIT;
        unsigned references = 3;
    };

    std::atomic<uint32_t> freed{0};
    const uint32_t rounds = scaled(20'000);
    std::vector<counted*> objects(rounds);
    for (counted*& one : objects) {
        one = new counted;
    }
    on_threads(3, [&](unsigned) {
        for (counted* one : objects) {
            AcquireSRWLockExclusive(&one->lock);
            const bool is_last = --one->references == 0;
            ReleaseSRWLockExclusive(&one->lock);
            if (is_last) {
                delete one;
                // mo: relaxed, compared after the threads are joined.
                freed.fetch_add(1, std::memory_order_relaxed);
            }
        }
    });
    // mo: relaxed, ordered by the joins.
    CHECK(freed.load(std::memory_order_relaxed) == rounds);
}

TEST_CASE("W32-CV-7: a queue of one place passes every item, with slim locks and sections") {
    struct place {
        SRWLOCK lock = SRWLOCK_INIT;
        CRITICAL_SECTION section;
        CONDITION_VARIABLE changed = CONDITION_VARIABLE_INIT;
        uint64_t item = 0; // 0: empty
    } slim;

    InitializeCriticalSection(&slim.section);
    for (const bool is_section : {false, true}) {
        const auto acquire = [&] {
            is_section ? EnterCriticalSection(&slim.section) : AcquireSRWLockExclusive(&slim.lock);
        };
        const auto release = [&] {
            is_section ? LeaveCriticalSection(&slim.section) : ReleaseSRWLockExclusive(&slim.lock);
        };
        const auto sleep = [&](DWORD ms) {
            return is_section ? SleepConditionVariableCS(&slim.changed, &slim.section, ms)
                              : SleepConditionVariableSRW(&slim.changed, &slim.lock, ms, 0);
        };
        const uint64_t each = scaled(20'000);
        std::atomic<uint64_t> sum{0};
        on_threads(4, [&](unsigned id) {
            random_source random(rp::test::seed() + id);
            for (uint64_t i = 1; i <= each; ++i) {
                const bool is_producer = id % 2 == 0;
                acquire();
                while ((slim.item == 0) != is_producer) {
                    // Some sleeps time out, so that time-outs race with wakes.
                    sleep(random.below(4) == 0 ? 0 : INFINITE);
                }
                if (!is_producer) {
                    // mo: relaxed, compared after the threads are joined.
                    sum.fetch_add(slim.item, std::memory_order_relaxed);
                }
                slim.item = is_producer ? i : 0;
                release();
                WakeAllConditionVariable(&slim.changed);
            }
        });
        // mo: relaxed, ordered by the joins.
        CHECK(sum.load(std::memory_order_relaxed) == each * (each + 1));
    }
    DeleteCriticalSection(&slim.section);
}

TEST_CASE("W32-ADDR-6: a lock built on WaitOnAddress excludes, and no wake of it is lost") {
    // 0 free, 1 held, 2 held and somebody may sleep: as small as it gets, at every width.
    LONG state = 0;
    uint64_t plain = 0;
    const uint32_t each = scaled(50'000);
    on_threads(4, [&](unsigned) {
        for (uint32_t i = 0; i < each; ++i) {
            if (InterlockedCompareExchange(&state, 1, 0) != 0) {
                while (InterlockedExchange(&state, 2) != 0) {
                    LONG contended = 2;
                    WaitOnAddress(&state, &contended, sizeof contended, INFINITE);
                }
            }
            ++plain;
            if (InterlockedExchange(&state, 0) == 2) {
                WakeByAddressSingle(&state);
            }
        }
    });
    CHECK(plain == uint64_t{4} * each);
}

TEST_CASE("W32-ADDR-5: of many sleepers each is woken by its own address only") {
    constexpr unsigned sleepers = 48; // more than enough for two to share a bucket
    std::vector<LONG> values(sleepers, 0);
    for (uint32_t round = 0; round < scaled(40); ++round) {
        std::fill(values.begin(), values.end(), 0);
        random_source random(rp::test::seed() + round);
        std::vector<std::thread> threads;
        for (LONG& value : values) {
            threads.emplace_back([&value] {
                LONG zero = 0;
                while (InterlockedCompareExchange(&value, 0, 0) == 0) {
                    WaitOnAddress(&value, &zero, sizeof zero, INFINITE);
                }
            });
        }
        std::vector<size_t> asleep(sleepers);
        std::iota(asleep.begin(), asleep.end(), size_t{0});
        while (!asleep.empty()) {
            std::swap(asleep[random.below(asleep.size())], asleep.back());
            const size_t chosen = asleep.back();
            asleep.pop_back();
            InterlockedExchange(&values[chosen], 1);
            WakeByAddressSingle(&values[chosen]);
            threads[chosen].join();
        }
    }
}

TEST_CASE("W32-SLIST-4: entries that threads pass round a list are owned by one at a time") {
    struct alignas(16) entry {
        SLIST_ENTRY link;
        uint64_t plain = 0;
    };

    SLIST_HEADER list;
    InitializeSListHead(&list);
    std::vector<std::unique_ptr<entry>> entries(16);
    for (auto& one : entries) {
        one = std::make_unique<entry>();
        InterlockedPushEntrySList(&list, &one->link);
    }
    const uint32_t each = scaled(200'000);
    std::atomic<uint64_t> taken{0};
    on_threads(4, [&](unsigned id) {
        random_source random(rp::test::seed() + id);
        for (uint32_t i = 0; i < each; ++i) {
            const bool takes_all = random.below(16) == 0;
            SLIST_ENTRY* at =
                takes_all ? InterlockedFlushSList(&list) : InterlockedPopEntrySList(&list);
            while (at != nullptr) {
                SLIST_ENTRY* const next = takes_all ? at->Next : nullptr;
                ++reinterpret_cast<entry*>(at)->plain;
                // mo: relaxed, compared after the threads are joined.
                taken.fetch_add(1, std::memory_order_relaxed);
                InterlockedPushEntrySList(&list, at);
                at = next;
            }
        }
    });
    uint64_t total = 0;
    for (const auto& one : entries) {
        total += one->plain;
    }
    // mo: relaxed, ordered by the joins.
    CHECK(total == taken.load(std::memory_order_relaxed));
    CHECK(QueryDepthSList(&list) == entries.size());
}
