// SPDX-License-Identifier: Apache-2.0
// TP_IO under load: reads, cancels and closes at random; every started operation is accounted for.
#include "tests/stress/scale.hpp"
#include "tests/unit/unit_test.hpp"

#include <windows.h>

#include <doctest/doctest.h>
#include <ringpool/ringpool.h>

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using rp::test::random_source;
using rp::test::scaled;
using rp::test::scaled_for_each_policy;

namespace {

struct operation {
    OVERLAPPED overlapped = {};
    char byte = 0;
    std::atomic<uint32_t>* answered = nullptr;
    std::atomic<uint32_t>* strange = nullptr;
};

VOID CALLBACK
on_read(PTP_CALLBACK_INSTANCE, PVOID, PVOID overlapped, ULONG result, ULONG_PTR bytes, PTP_IO) {
    auto* op = CONTAINING_RECORD(overlapped, operation, overlapped);
    const bool is_data = result == NO_ERROR && bytes == 1 && op->byte == 'x';
    const bool is_end = result == NO_ERROR && bytes == 0;
    const bool is_cancelled = result == ERROR_OPERATION_ABORTED && bytes == 0;
    if (!is_data && !is_end && !is_cancelled) {
        // mo: relaxed, compared after the wait.
        op->strange->fetch_add(1, std::memory_order_relaxed);
    }
    // mo: relaxed, compared after the wait.
    op->answered->fetch_add(1, std::memory_order_relaxed);
    delete op;
}

} // namespace

TEST_CASE("R-IO-6: with random cancels every started read calls back exactly once") {
    for (const char* const* policy = rp_policy_names(); *policy != nullptr; ++policy) {
        const std::string name = *policy;
        CAPTURE(name);
        PTP_POOL pool = CreateThreadpool(nullptr);
        REQUIRE(rp_pool_set_policy(pool, *policy));
        SetThreadpoolThreadMaximum(pool, 3);
        TP_CALLBACK_ENVIRON env;
        InitializeThreadpoolEnvironment(&env);
        SetThreadpoolCallbackPool(&env, pool);
        random_source random(rp::test::seed());
        std::atomic<uint32_t> answered{0};
        std::atomic<uint32_t> strange{0};
        uint32_t started = 0;
        for (uint32_t round = 0; round < scaled_for_each_policy(1200); ++round) {
            int ends[2];
            REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
            HANDLE file = rp_handle_from_fd(ends[0], TRUE);
            PTP_IO io = CreateThreadpoolIo(file, on_read, nullptr, &env);
            REQUIRE(io != nullptr);
            const auto reads = random.below(20);
            for (uint64_t i = 0; i < reads; ++i) {
                auto* op = new operation;
                op->answered = &answered;
                op->strange = &strange;
                StartThreadpoolIo(io);
                ++started;
                REQUIRE_FALSE(ReadFile(file, &op->byte, 1, nullptr, &op->overlapped));
                REQUIRE(GetLastError() == ERROR_IO_PENDING);
                if (random.below(3) == 0) {
                    REQUIRE(write(ends[1], "x", 1) == 1);
                }
                if (random.below(5) == 0) {
                    (void)CancelIoEx(file, nullptr);
                }
            }
            switch (random.below(3)) {
            case 0:
                close(ends[1]);
                WaitForThreadpoolIoCallbacks(io, FALSE);
                CloseHandle(file);
                break;
            case 1:
                (void)CancelIoEx(file, nullptr);
                WaitForThreadpoolIoCallbacks(io, FALSE);
                close(ends[1]);
                CloseHandle(file);
                break;
            default:
                CloseHandle(file);
                WaitForThreadpoolIoCallbacks(io, FALSE);
                close(ends[1]);
                break;
            }
            CloseThreadpoolIo(io);
            // mo: relaxed, ordered by the wait.
            REQUIRE(answered.load(std::memory_order_relaxed) == started);
        }
        // mo: relaxed, ordered by the waits.
        CHECK(strange.load(std::memory_order_relaxed) == 0);
        CloseThreadpool(pool);
    }
}

TEST_CASE("R-IO-19/R-IO-20: dropped operations call nobody back, and the object outlives them") {
    PTP_POOL pool = CreateThreadpool(nullptr);
    TP_CALLBACK_ENVIRON env;
    InitializeThreadpoolEnvironment(&env);
    SetThreadpoolCallbackPool(&env, pool);
    for (uint32_t round = 0; round < scaled(300); ++round) {
        int ends[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        HANDLE file = rp_handle_from_fd(ends[0], TRUE);
        std::atomic<uint32_t> called{0};
        PTP_IO io = CreateThreadpoolIo(
            file,
            [](PTP_CALLBACK_INSTANCE, PVOID context, PVOID, ULONG, ULONG_PTR, PTP_IO) {
                // mo: relaxed, compared after the wait.
                static_cast<std::atomic<uint32_t>*>(context)->fetch_add(1,
                                                                        std::memory_order_relaxed);
            },
            &called,
            &env);
        OVERLAPPED overlapped[4] = {};
        char bytes[4];
        for (int i = 0; i < 4; ++i) {
            StartThreadpoolIo(io);
            REQUIRE_FALSE(ReadFile(file, &bytes[i], 1, nullptr, &overlapped[i]));
        }
        WaitForThreadpoolIoCallbacks(io, TRUE);
        CloseThreadpoolIo(io);
        REQUIRE(write(ends[1], "xxxx", 4) == 4);
        for (OVERLAPPED& o : overlapped) {
            DWORD count = 0;
            while (!GetOverlappedResult(file, &o, &count, FALSE)) {
                REQUIRE(GetLastError() == ERROR_IO_INCOMPLETE);
                std::this_thread::yield();
            }
            REQUIRE(count == 1);
        }
        CloseHandle(file);
        close(ends[1]);
        // mo: relaxed, every operation has ended and none may call.
        REQUIRE(called.load(std::memory_order_relaxed) == 0);
    }
    CloseThreadpool(pool);
}
