// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/thread.hpp"
#include "kernel_iface/nt/wait.hpp"
#include "tests/unit/nt/objects.hpp"

#include <doctest/doctest.h>

#include <string>
#include <thread>

using namespace rp::nt;
using rp::test::counting_observer;

namespace {

const HANDLE this_thread = reinterpret_cast<HANDLE>(intptr_t{-2});

std::string trace;

void CALLBACK note(ULONG_PTR what) {
    trace += static_cast<char>(what);
}

/// An APC that is not a user's.
struct traced_apc : apc {
    char name = 0;
    bool was_discarded = false;
};

void run_traced(apc& self) {
    trace += static_cast<traced_apc&>(self).name;
}

void discard_traced(apc& self) noexcept {
    static_cast<traced_apc&>(self).was_discarded = true;
}

} // namespace

TEST_CASE("wait_objects reports APCs and leaves running them to its caller") {
    trace.clear();
    CHECK(queue_user_apc(note, this_thread, 'a') == status::success);
    CHECK(wait_objects({}, false, poll_deadline, true) == status::user_apc);
    CHECK(wait_objects({}, false, deadline_after_ms(INFINITE), true) == status::user_apc);
    CHECK(trace.empty());
    CHECK(wait_objects({}, false, poll_deadline, false) == status::timeout);
    CHECK(run_pending_apcs());
    CHECK(trace == "a");
    CHECK_FALSE(run_pending_apcs());
    CHECK(wait_objects({}, false, poll_deadline, true) == status::timeout);
}

TEST_CASE("a wait that APCs end at once announces nothing") {
    trace.clear();
    counting_observer observer;
    HANDLE event = nullptr;
    REQUIRE(create_event(true, false, {}, event) == status::success);
    rp::kernel::install_blocking_observer(&observer);
    for (const bool wants_all : {false, true}) {
        CHECK(queue_user_apc(note, this_thread, 'a') == status::success);
        CHECK(wait_handles({&event, 1}, wants_all, deadline_after_ms(INFINITE), true) ==
              status::user_apc);
        CHECK(run_pending_apcs());
    }
    CHECK(observer.begun == 0);
    CHECK(wait_objects({}, false, deadline_after_ms(1), true) == status::timeout);
    CHECK(observer.begun == 1);
    rp::kernel::install_blocking_observer(nullptr);
    close_handle(event);
}

TEST_CASE("a queue runs or discards, in order, and takes nothing once it is closed") {
    trace.clear();
    const auto queue = make_object<apc_queue>();
    REQUIRE(queue);
    traced_apc ones[3];
    for (int i = 0; i < 3; ++i) {
        ones[i].name = static_cast<char>('0' + i);
        ones[i].run = run_traced;
        ones[i].discard = discard_traced;
        CHECK(queue->post(ones[i]));
    }
    CHECK(queue->take(0) == nullptr);
    CHECK(queue->take(ones[0].queued_ns) == &ones[0]);
    apc* second = queue->take(INT64_MAX);
    REQUIRE(second == &ones[1]);
    CHECK(queue->post(*second));
    queue->close();
    CHECK_FALSE(ones[0].was_discarded);
    CHECK(ones[1].was_discarded);
    CHECK(ones[2].was_discarded);
    CHECK_FALSE(queue->post(ones[0]));
    CHECK(queue->take(INT64_MAX) == nullptr);
}

TEST_CASE("what is queued for a thread that never looks is discarded with it, without a leak") {
    HANDLE thread = nullptr;
    std::thread([&] {
        REQUIRE(duplicate_handle(this_thread, 0, &thread) == status::success);
        for (int i = 0; i < 100; ++i) {
            CHECK(queue_user_apc(note, this_thread, 'x') == status::success);
        }
        trace.clear();
    }).join();
    CHECK(wait_handles({&thread, 1}, false, deadline_after_ms(INFINITE)) == status::success);
    CHECK(trace.empty());
    CHECK(queue_user_apc(note, thread, 'y') == status::unsuccessful);
    close_handle(thread);
}
