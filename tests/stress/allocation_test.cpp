// SPDX-License-Identifier: Apache-2.0
// The steady state allocates nothing: counted with jemalloc, over all threads of the process.
#include "tests/unit/unit_test.hpp"

#include <windows.h>

#include <doctest/doctest.h>
#include <ringpool/ringpool.h>

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

extern "C" int mallctl(const char*, void*, size_t*, void*, size_t) __attribute__((weak));

namespace {

/// Number of allocations this process has made, or 0 without jemalloc.
uint64_t allocations() {
    uint64_t epoch = 1;
    size_t size = sizeof epoch;
    mallctl("epoch", &epoch, &size, &epoch, sizeof epoch);
    uint64_t small = 0;
    uint64_t large = 0;
    size = sizeof small;
    mallctl("stats.arenas.4096.small.nrequests", &small, &size, nullptr, 0);
    size = sizeof large;
    mallctl("stats.arenas.4096.large.nrequests", &large, &size, nullptr, 0);
    return small + large;
}

/// Requests of a thread are added to the arena's statistics when its cache is flushed: switch the
/// caches off, so that every request counts at once.
bool can_count() {
    if (mallctl == nullptr) {
        rp::test::skip_missing("jemalloc");
        return false;
    }
    bool is_cached = true;
    size_t size = sizeof is_cached;
    mallctl("opt.tcache", &is_cached, &size, nullptr, 0);
    if (is_cached) {
        rp::test::skip_missing("MALLOC_CONF=tcache:false");
        return false;
    }
    return true;
}

} // namespace

TEST_CASE("allocations are counted at all") {
    if (!can_count()) {
        return;
    }
    const uint64_t before = allocations();
    void* volatile memory = std::malloc(100);
    std::free(memory);
    CHECK(allocations() == before + 1);
}

TEST_CASE("R-LIFE-6: a million submits of work objects allocate nothing") {
    if (!can_count()) {
        return;
    }
    PTP_WORK work[100];
    for (PTP_WORK& w : work) {
        w = CreateThreadpoolWork([](PTP_CALLBACK_INSTANCE, PVOID, PTP_WORK) {}, nullptr, nullptr);
    }
    auto submit = [&work](int times) {
        for (int i = 0; i < times; ++i) {
            SubmitThreadpoolWork(work[i % 100]);
        }
        for (PTP_WORK w : work) {
            WaitForThreadpoolWorkCallbacks(w, FALSE);
        }
    };
    submit(100'000);
    const uint64_t before = allocations();
    submit(1'000'000);
    // A worker made meanwhile costs a handful; a submit that allocates would cost a million.
    CHECK(allocations() - before < 100);
    for (PTP_WORK w : work) {
        CloseThreadpoolWork(w);
    }
}

namespace {

struct echo {
    HANDLE file;
    PTP_IO io;
    OVERLAPPED overlapped;
    char byte;
    std::atomic<int>* left;

    void read() {
        overlapped = {};
        StartThreadpoolIo(io);
        (void)ReadFile(file, &byte, 1, nullptr, &overlapped);
    }
};

} // namespace

TEST_CASE("TP_IO: a hundred thousand operations allocate nothing") {
    if (!can_count()) {
        return;
    }
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    std::atomic<int> left{0};
    echo e = {};
    e.left = &left;
    e.file = rp_handle_from_fd(ends[0], TRUE);
    e.io = CreateThreadpoolIo(
        e.file,
        [](PTP_CALLBACK_INSTANCE, PVOID context, PVOID, ULONG, ULONG_PTR, PTP_IO) {
            auto* self = static_cast<echo*>(context);
            // mo: relaxed, one read is in flight at a time.
            if (self->left->fetch_sub(1, std::memory_order_relaxed) > 1) {
                self->read();
            }
        },
        &e,
        nullptr);
    auto receive = [&](int times) {
        // mo: relaxed, no read is in flight.
        left.store(times, std::memory_order_relaxed);
        e.read();
        for (int i = 0; i < times; ++i) {
            REQUIRE(write(ends[1], "x", 1) == 1);
        }
        WaitForThreadpoolIoCallbacks(e.io, FALSE);
    };
    receive(10'000);
    const uint64_t before = allocations();
    receive(100'000);
    CHECK(allocations() - before < 100);
    CloseThreadpoolIo(e.io);
    CloseHandle(e.file);
    close(ends[1]);
}

TEST_CASE("R-LIFE-6: a hundred thousand packets of a port, posted and read, allocate nothing") {
    if (!can_count()) {
        return;
    }
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    HANDLE file = rp_handle_from_fd(ends[0], TRUE);
    HANDLE port = CreateIoCompletionPort(file, nullptr, 1, 1);
    REQUIRE(port != nullptr);
    auto turn = [&](int times) {
        for (int i = 0; i < times; ++i) {
            OVERLAPPED overlapped = {};
            char byte = 0;
            REQUIRE_FALSE(ReadFile(file, &byte, 1, nullptr, &overlapped));
            REQUIRE(write(ends[1], "x", 1) == 1);
            REQUIRE(PostQueuedCompletionStatus(port, 0, 2, nullptr));
            for (int packet = 0; packet < 2; ++packet) {
                DWORD bytes = 0;
                ULONG_PTR key = 0;
                LPOVERLAPPED from = nullptr;
                REQUIRE(GetQueuedCompletionStatus(port, &bytes, &key, &from, INFINITE));
            }
        }
    };
    turn(5'000);
    const uint64_t before = allocations();
    turn(50'000);
    CHECK(allocations() - before < 100);
    CloseHandle(file);
    CloseHandle(port);
    close(ends[1]);
}
