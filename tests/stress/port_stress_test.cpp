// SPDX-License-Identifier: Apache-2.0
// Completion ports under load: posts, reads, blocks, time limits and closes at random; every packet
// is taken once, and the concurrency value holds for threads that are released.
#include "tests/stress/scale.hpp"
#include "tests/unit/unit_test.hpp"

#include <windows.h>

#include <doctest/doctest.h>
#include <ringpool/ringpool.h>

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using rp::test::random_source;
using rp::test::scaled;

namespace {

struct hall {
    HANDLE port = nullptr;
    HANDLE gate = CreateEventA(nullptr, FALSE, FALSE, nullptr);
    std::unique_ptr<std::atomic<uint32_t>[]> taken;
    std::atomic<uint32_t> strange{0};

    ~hall() { CloseHandle(gate); }

    void take(const OVERLAPPED_ENTRY& entry, random_source& random) {
        // mo: relaxed, compared after the threads were joined.
        taken[entry.lpCompletionKey].fetch_add(1, std::memory_order_relaxed);
        switch (random.below(8)) {
        case 0:
            (void)WaitForSingleObject(gate, 1); // announced: somebody else goes on meanwhile
            break;
        case 1:
            SetEvent(gate);
            break;
        default:
            break;
        }
    }

    /// Until the key 0 comes or the port is closed.
    void serve(uint64_t seed) {
        random_source random(seed);
        for (;;) {
            OVERLAPPED_ENTRY entries[5];
            ULONG removed = 0;
            const auto count = static_cast<ULONG>(1 + random.below(5));
            const auto ms = static_cast<DWORD>(random.below(3) == 0 ? random.below(2) : INFINITE);
            if (!GetQueuedCompletionStatusEx(port, entries, count, &removed, ms, FALSE)) {
                if (GetLastError() == WAIT_TIMEOUT) {
                    continue;
                }
                return;
            }
            if (removed == 0 || removed > count) {
                // mo: relaxed, compared after the threads were joined.
                strange.fetch_add(1, std::memory_order_relaxed);
            }
            for (ULONG i = 0; i < removed; ++i) {
                if (entries[i].lpCompletionKey == 0) {
                    PostQueuedCompletionStatus(port, 0, 0, nullptr); // for the next one
                    for (++i; i < removed; ++i) {
                        take(entries[i], random);
                    }
                    return;
                }
                take(entries[i], random);
            }
        }
    }
};

} // namespace

TEST_CASE("R-IOCP-2: with blocks and time limits every posted packet is taken exactly once") {
    random_source random(rp::test::seed());
    for (uint32_t round = 0; round < scaled(20); ++round) {
        const uint32_t packets = scaled(2000);
        hall h;
        h.port = CreateIoCompletionPort(
            INVALID_HANDLE_VALUE, nullptr, 0, static_cast<DWORD>(1 + random.below(3)));
        h.taken = std::make_unique<std::atomic<uint32_t>[]>(packets + 1);
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&h, seed = random.next()] { h.serve(seed); });
        }
        std::thread other([&] {
            for (uint32_t key = 1; key <= packets; key += 2) {
                PostQueuedCompletionStatus(h.port, 0, key, nullptr);
            }
        });
        for (uint32_t key = 2; key <= packets; key += 2) {
            PostQueuedCompletionStatus(h.port, 0, key, nullptr);
        }
        other.join();
        PostQueuedCompletionStatus(h.port, 0, 0, nullptr);
        for (std::thread& thread : threads) {
            thread.join();
        }
        CHECK(CloseHandle(h.port));
        CHECK(h.strange == 0);
        for (uint32_t key = 1; key <= packets; ++key) {
            REQUIRE(h.taken[key] == 1);
        }
    }
}

TEST_CASE("R-IOCP-3: closing a port under load ends every wait and loses no memory") {
    random_source random(rp::test::seed());
    for (uint32_t round = 0; round < scaled(200); ++round) {
        hall h;
        h.port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 2);
        h.taken = std::make_unique<std::atomic<uint32_t>[]>(65);
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; ++i) {
            threads.emplace_back([&h, seed = random.next()] { h.serve(seed); });
        }
        threads.emplace_back([&h] {
            for (uint32_t key = 1; key <= 64; ++key) {
                PostQueuedCompletionStatus(h.port, 0, key, nullptr);
            }
        });
        for (uint64_t i = random.below(64); i > 0; --i) {
            PostQueuedCompletionStatus(h.port, 0, 1 + random.below(64), nullptr);
        }
        CHECK(CloseHandle(h.port));
        for (std::thread& thread : threads) {
            thread.join();
        }
    }
}

TEST_CASE("R-IOCP-8: with random cancels and closes every started read is one packet") {
    random_source random(rp::test::seed());
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 2);
    std::atomic<uint32_t> ended{0};
    std::atomic<uint32_t> strange{0};

    struct operation {
        OVERLAPPED overlapped = {};
        char byte = 0;
    };

    auto serve = [&] {
        for (;;) {
            DWORD bytes = 0;
            ULONG_PTR key = 0;
            LPOVERLAPPED overlapped = nullptr;
            const BOOL is_good =
                GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, INFINITE);
            if (overlapped == nullptr) {
                return;
            }
            const bool is_cancelled = !is_good && GetLastError() == ERROR_OPERATION_ABORTED;
            auto* op = CONTAINING_RECORD(overlapped, operation, overlapped);
            if ((!is_good && !is_cancelled) || bytes > 1 || (bytes == 1 && op->byte != 'x')) {
                // mo: relaxed, compared after the threads were joined.
                strange.fetch_add(1, std::memory_order_relaxed);
            }
            delete op;
            // mo: relaxed, compared after the threads were joined.
            ended.fetch_add(1, std::memory_order_relaxed);
        }
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back(serve);
    }
    uint32_t started = 0;
    for (uint32_t round = 0; round < scaled(1000); ++round) {
        int ends[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        HANDLE file = rp_handle_from_fd(ends[0], TRUE);
        REQUIRE(CreateIoCompletionPort(file, port, 1, 0) == port);
        for (uint64_t i = random.below(10); i > 0; --i) {
            auto* op = new operation;
            ++started;
            REQUIRE_FALSE(ReadFile(file, &op->byte, 1, nullptr, &op->overlapped));
            REQUIRE(GetLastError() == ERROR_IO_PENDING);
            if (random.below(2) == 0) {
                REQUIRE(write(ends[1], "x", 1) == 1);
            }
            if (random.below(4) == 0) {
                (void)CancelIoEx(file, nullptr);
            }
        }
        REQUIRE(CloseHandle(file));
        close(ends[1]);
    }
    // mo: relaxed, only to wait for the last completions.
    while (ended.load(std::memory_order_relaxed) != started) {
        std::this_thread::yield();
    }
    for (size_t i = 0; i < threads.size(); ++i) {
        PostQueuedCompletionStatus(port, 0, 0, nullptr);
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(ended == started);
    CHECK(strange == 0);
    CHECK(CloseHandle(port));
}
