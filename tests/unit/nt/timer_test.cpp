// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/timer.hpp"
#include "kernel_iface/nt/wait.hpp"
#include "tests/unit/nt/objects.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

using namespace rp::nt;
using rp::test::ns_per_ms;
using rp::test::poll;

namespace {

constexpr int64_t second_ns = 1'000'000'000;

HANDLE new_timer(bool is_manual_reset) {
    HANDLE made = nullptr;
    REQUIRE(create_timer(is_manual_reset, {}, made) == status::success);
    return made;
}

ref<timer_object> object_of(HANDLE timer) {
    ntstatus code;
    auto found = reference<timer_object>(timer, code);
    REQUIRE(found);
    return found;
}

ntstatus set(HANDLE timer, int64_t due, LONG period_ms = 0, PTIMERAPCROUTINE routine = nullptr) {
    LARGE_INTEGER when;
    when.QuadPart = due;
    return set_timer({timer, &when, period_ms, routine, nullptr});
}

int64_t next_change_of(HANDLE timer) {
    const auto object = object_of(timer);
    const std::lock_guard guard(object->lock());
    return object->next_change_ns();
}

void CALLBACK count_call(void* /*argument*/, DWORD /*low*/, DWORD /*high*/) {}

} // namespace

TEST_CASE("only timers change by themselves, and tell when") {
    const HANDLE timer = new_timer(true);
    HANDLE event = nullptr;
    REQUIRE(create_event(true, false, {}, event) == status::success);
    ntstatus code;
    CHECK_FALSE(reference<event_object>(event, code)->changes_by_itself());
    CHECK(reference<event_object>(event, code)->next_change_ns() == INT64_MAX);
    CHECK(object_of(timer)->changes_by_itself());
    CHECK(next_change_of(timer) == INT64_MAX);
    const int64_t before_ns = rp::kernel::now_ns();
    CHECK(set(timer, -5 * second_ns / 100) == status::success);
    const int64_t next_ns = next_change_of(timer);
    CHECK(next_ns >= before_ns + 5 * second_ns);
    CHECK(next_ns <= rp::kernel::now_ns() + 5 * second_ns);
    CHECK(cancel_timer(timer) == status::success);
    CHECK(next_change_of(timer) == INT64_MAX);
    close_handle(timer);
    close_handle(event);
}

TEST_CASE("a sleep until an absolute time is cut into pieces that notice a clock step") {
    const HANDLE timer = new_timer(true);
    CHECK(set(timer, rp::kernel::utc_filetime() + 3600 * 10'000'000LL) == status::success);
    const int64_t next_ns = next_change_of(timer);
    CHECK(next_ns <= rp::kernel::now_ns() + second_ns);
    CHECK(set(timer, INT64_MAX) == status::success);
    CHECK(next_change_of(timer) == INT64_MAX);
    close_handle(timer);
}

TEST_CASE("extreme times neither overflow nor expire early") {
    const HANDLE timer = new_timer(true);
    for (const int64_t due :
         {INT64_MIN, INT64_MIN + 1, INT64_MAX - 1, INT64_MAX, -INT64_MAX / 100}) {
        CAPTURE(due);
        CHECK(set(timer, due) == status::success);
        CHECK(poll(timer) == status::timeout);
    }
    for (const int64_t due : {int64_t{0}, int64_t{1}, int64_t{-1}}) {
        CAPTURE(due);
        CHECK(set(timer, due, INT32_MAX) == status::success);
        CHECK(wait_handles({&timer, 1}, false, deadline_after_ms(INFINITE)) == status::success);
        CHECK(next_change_of(timer) > rp::kernel::now_ns() + second_ns);
    }
    close_handle(timer);
}

TEST_CASE("the periods stay in phase with the first expiry, however late anybody looks") {
    const HANDLE timer = new_timer(false);
    const int64_t before_ns = rp::kernel::now_ns();
    CHECK(set(timer, -1 * ns_per_ms / 100, 10) == status::success);
    const int64_t first_ns = next_change_of(timer);
    CHECK(first_ns >= before_ns + ns_per_ms);
    sleep_until(first_ns + 25 * ns_per_ms);
    CHECK(poll(timer) == status::success);
    const int64_t next_ns = next_change_of(timer);
    CHECK((next_ns - first_ns) % (10 * ns_per_ms) == 0);
    close_handle(timer);
}

TEST_CASE("a thread's list keeps a timer once, and drops what no longer concerns it") {
    thread_record& record = *current_thread_record();
    std::vector<HANDLE> timers;
    for (int i = 0; i < 5; ++i) {
        timers.push_back(new_timer(true));
        for (int again = 0; again < 3; ++again) {
            CHECK(set(timers.back(), -second_ns, 0, count_call) == status::success);
        }
    }
    const auto listed = [&] {
        static_cast<void>(look_at_timer_apcs(record));
        int count = 0;
        for (const apc_timer* one = record.timers; one != nullptr; one = one->next) {
            ++count;
        }
        return count;
    };
    CHECK(listed() == 5);
    cancel_timer(timers[0]);
    close_handle(timers[1]);
    CHECK(set(timers[2], -second_ns) == status::success);
    std::thread other([&] { CHECK(set(timers[3], -second_ns, 0, count_call) == status::success); });
    other.join();
    CHECK(listed() == 1);
    close_handle(timers[4]);
    CHECK(listed() == 0);
    CHECK(look_at_timer_apcs(record).next_ns == INT64_MAX);
    for (const int left : {0, 2, 3}) {
        close_handle(timers[static_cast<size_t>(left)]);
    }
}

TEST_CASE("waits for any and for all with timers at random never report early or hang") {
    rp::test::random_source random(rp::test::seed());
    const HANDLE timers[] = {new_timer(false), new_timer(true), new_timer(false)};
    for (int round = 0; round < 300; ++round) {
        int64_t due_ns[3];
        for (size_t i = 0; i < 3; ++i) {
            const auto delay_ns = static_cast<int64_t>(random.below(500'000));
            due_ns[i] = rp::kernel::now_ns() + delay_ns / 100 * 100;
            REQUIRE(set(timers[i], -delay_ns / 100 - 1) == status::success);
        }
        if (random.below(2) == 0) {
            const ntstatus got = wait_handles(timers, false, deadline_after_ms(INFINITE));
            REQUIRE(got < 3);
            CHECK(rp::kernel::now_ns() >= due_ns[got]);
        } else {
            REQUIRE(wait_handles(timers, true, deadline_after_ms(INFINITE)) == status::success);
            for (const int64_t one_ns : due_ns) {
                CHECK(rp::kernel::now_ns() >= one_ns);
            }
        }
    }
    for (const HANDLE timer : timers) {
        close_handle(timer);
    }
}
