// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/handle_table.hpp"
#include "kernel_iface/nt/semaphore.hpp"
#include "tests/unit/nt/objects.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

using namespace rp::nt;
using rp::test::new_event;

namespace {

HANDLE handle_of(uint64_t value) {
    return reinterpret_cast<HANDLE>(value);
}

uint64_t value_of(HANDLE handle) {
    return reinterpret_cast<uint64_t>(handle);
}

} // namespace

TEST_CASE("a handle is a multiple of 4, never NULL, -1 or a small number") {
    for (int i = 0; i < 100; ++i) {
        const HANDLE handle = new_event(true, false);
        CHECK(handle != nullptr);
        CHECK(handle != INVALID_HANDLE_VALUE);
        CHECK(value_of(handle) % 4 == 0);
        CHECK(value_of(handle) > 0xFFFF);
        CHECK(static_cast<int64_t>(value_of(handle)) > 0);
        CHECK(close_handle(handle) == status::success);
    }
}

TEST_CASE("R-SYNC-5: wrong handles give ERROR_INVALID_HANDLE, never a crash") {
    const HANDLE live = new_event(true, false);
    const uint64_t value = value_of(live);
    const std::array wrong = {
        handle_of(0),
        INVALID_HANDLE_VALUE,
        handle_of(static_cast<uint64_t>(-2)),
        handle_of(3),
        handle_of(4),
        handle_of(value + 1),
        handle_of(value + 2),
        handle_of(value | uint64_t{0xFFFFF} << 6),
        handle_of(value + (uint64_t{1} << 26)),
        handle_of(value + (uint64_t{1} << 27)),
        handle_of(value | uint64_t{1} << 62),
        handle_of(0x7FFFFFFFFFFFFFFC),
    };
    for (const HANDLE handle : wrong) {
        CAPTURE(value_of(handle));
        ntstatus code = status::success;
        CHECK_FALSE(reference<event_object>(handle, code));
        CHECK(win32_of_status(code) == ERROR_INVALID_HANDLE);
        // These two mean this process and this thread, which nobody closes.
        const ntstatus closed = is_pseudo_handle(handle) ? status::success : status::invalid_handle;
        CHECK(close_handle(handle) == closed);
    }
    CHECK(set_event(live) == status::success);
    CHECK(close_handle(live) == status::success);
}

TEST_CASE("a handle of another kind is refused with ERROR_INVALID_HANDLE") {
    const HANDLE event = new_event(true, false);
    CHECK(release_semaphore(event, 1, nullptr) == status::object_type_mismatch);
    CHECK(win32_of_status(status::object_type_mismatch) == ERROR_INVALID_HANDLE);
    CHECK(close_handle(event) == status::success);
}

TEST_CASE("a closed handle stays invalid while its entry is used again") {
    const HANDLE stale = new_event(true, false);
    CHECK(close_handle(stale) == status::success);
    CHECK(close_handle(stale) == status::invalid_handle);
    std::set<HANDLE> seen{stale};
    for (int i = 0; i < 5000; ++i) {
        const HANDLE handle = new_event(true, false);
        CHECK(seen.insert(handle).second);
        CHECK(set_event(stale) == status::invalid_handle);
        CHECK(close_handle(handle) == status::success);
    }
}

TEST_CASE("the table grows past several blocks and shrinks to where it was") {
    const uint32_t before = handles().live_handles();
    std::vector<HANDLE> made;
    for (int i = 0; i < 5000; ++i) {
        made.push_back(new_event(true, false));
    }
    CHECK(std::set<HANDLE>(made.begin(), made.end()).size() == made.size());
    CHECK(handles().live_handles() == before + 5000);
    for (const HANDLE handle : made) {
        CHECK(close_handle(handle) == status::success);
    }
    CHECK(handles().live_handles() == before);
}

TEST_CASE("several handles may name one object; it ends with the last") {
    auto event = make_object<event_object>(true, false);
    HANDLE first = nullptr;
    HANDLE second = nullptr;
    REQUIRE(handles().insert(*event, first) == status::success);
    REQUIRE(handles().insert(*event, second) == status::success);
    event = {};
    CHECK(close_handle(first) == status::success);
    CHECK(set_event(first) == status::invalid_handle);
    CHECK(set_event(second) == status::success);
    CHECK(close_handle(second) == status::success);
}

TEST_CASE("opening, closing and looking up stale handles on four threads") {
    constexpr int slots_count = 16;
    constexpr int rounds = 20000;
    std::array<std::atomic<HANDLE>, slots_count> slots{};
    std::atomic<uint64_t> opened{0};
    std::atomic<uint64_t> closed{0};
    const uint32_t before = handles().live_handles();
    const auto work = [&](uint64_t start) {
        rp::test::random_source random(start);
        for (int i = 0; i < rounds; ++i) {
            auto& slot = slots[random.below(slots_count)];
            // mo: acquire, pairs test.slot (the exchange below).
            const HANDLE seen = slot.load(std::memory_order_acquire);
            switch (random.below(4)) {
            case 0: {
                HANDLE made = nullptr;
                // Two kinds in the same entries, so that a stale value may meet the other kind.
                const ntstatus code = random.below(2) == 0 ? create_event(true, false, {}, made)
                                                           : create_semaphore(0, 1 << 30, {}, made);
                CHECK(code == status::success);
                // mo: relaxed, counted after the threads joined.
                opened.fetch_add(1, std::memory_order_relaxed);
                // mo: acq_rel, pairs test.slot (every other exchange).
                const HANDLE old = slot.exchange(made, std::memory_order_acq_rel);
                // Another thread may have closed it: exactly one of the closers succeeds.
                if (old != nullptr && close_handle(old) == status::success) {
                    // mo: relaxed, as above.
                    closed.fetch_add(1, std::memory_order_relaxed);
                }
                break;
            }
            case 1:
                if (seen != nullptr && close_handle(seen) == status::success) {
                    // mo: relaxed, as above.
                    closed.fetch_add(1, std::memory_order_relaxed);
                }
                break;
            default: {
                const ntstatus code =
                    random.below(2) == 0 ? set_event(seen) : release_semaphore(seen, 1, nullptr);
                CHECK((code == status::success || win32_of_status(code) == ERROR_INVALID_HANDLE));
            }
            }
        }
    };
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 4; ++i) {
        threads.emplace_back(work, rp::test::seed() + i);
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (auto& slot : slots) {
        // mo: relaxed, the threads have joined.
        if (close_handle(slot.load(std::memory_order_relaxed)) == status::success) {
            ++closed;
        }
    }
    CHECK(opened.load() == closed.load());
    CHECK(handles().live_handles() == before);
}
