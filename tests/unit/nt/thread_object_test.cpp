// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/thread.hpp"
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/process.hpp"
#include "kernel_iface/nt/thread.hpp"
#include "kernel_iface/nt/thread_slots.hpp"
#include "kernel_iface/nt/wait.hpp"

#include <doctest/doctest.h>

#include <pthread.h>

#include <thread>
#include <vector>

using namespace rp::nt;

namespace {

const HANDLE this_process = reinterpret_cast<HANDLE>(intptr_t{-1});
const HANDLE this_thread = reinterpret_cast<HANDLE>(intptr_t{-2});

DWORD WINAPI add_one(void* argument) {
    ++*static_cast<int*>(argument);
    return 17;
}

struct counted {
    explicit counted(int& target) : count(target) {}

    ~counted() { ++count; }

    int& count;
};

DWORD WINAPI leave_past_a_destructor(void* argument) {
    const counted one(*static_cast<int*>(argument));
    exit_current_thread(4);
}

ntstatus wait_for(HANDLE handle) {
    return wait_handles({&handle, 1}, false, deadline_after_ms(INFINITE));
}

} // namespace

TEST_CASE("threads leave neither handles nor records behind") {
    const uint32_t before = handles().live_handles();
    int runs = 0;
    for (int i = 0; i < 200; ++i) {
        HANDLE made = nullptr;
        DWORD id = 0;
        REQUIRE(create_thread({add_one, &runs, 0, 0}, made, id) == status::success);
        CHECK(wait_for(made) == status::success);
        ntstatus code;
        const auto thread = reference<thread_object>(made, code);
        CHECK(thread->exit_code() == 17);
        CHECK(thread->id() == id);
        CHECK(close_handle(made) == status::success);
    }
    CHECK(runs == 200);
    CHECK(handles().live_handles() == before);
}

TEST_CASE("leaving a thread of ours skips destructors, leaving another one unwinds it") {
    int destroyed = 0;
    HANDLE made = nullptr;
    DWORD id = 0;
    REQUIRE(create_thread({leave_past_a_destructor, &destroyed, 0, 0}, made, id) ==
            status::success);
    CHECK(wait_for(made) == status::success);
    CHECK(destroyed == 0);
    close_handle(made);
    pthread_t other;
    REQUIRE(pthread_create(
                &other,
                nullptr,
                [](void* argument) -> void* {
                    leave_past_a_destructor(argument);
                    return nullptr;
                },
                &destroyed) == 0);
    pthread_join(other, nullptr);
    CHECK(destroyed == 1);
}

TEST_CASE("an adopted thread can be found until its last handle is closed") {
    DWORD id = 0;
    HANDLE kept = nullptr;
    std::thread([&] {
        id = current_thread()->id();
        CHECK(open_thread(id, kept) == status::success);
    }).join();
    HANDLE again = nullptr;
    CHECK(open_thread(id, again) == status::success);
    CHECK(wait_for(again) == status::success);
    close_handle(again);
    close_handle(kept);
    CHECK(open_thread(id, again) == status::invalid_parameter);
    CHECK(again == nullptr);
}

TEST_CASE("pseudo handles are found by kind, and not in the table") {
    ntstatus code;
    CHECK(reference<thread_object>(this_thread, code).get() == current_thread());
    CHECK(reference<process_object>(this_process, code).get() == current_process());
    CHECK_FALSE(reference<thread_object>(this_process, code));
    CHECK(code == status::object_type_mismatch);
    CHECK_FALSE(handles().look_up(this_thread));
    CHECK(close_handle(this_thread) == status::success);
}

TEST_CASE("a duplicate counts as a handle of its object") {
    HANDLE event = nullptr;
    HANDLE copy = nullptr;
    REQUIRE(create_event(true, false, {}, event) == status::success);
    const uint32_t before = handles().live_handles();
    CHECK(duplicate_handle(event, DUPLICATE_SAME_ACCESS, &copy) == status::success);
    CHECK(handles().live_handles() == before + 1);
    ntstatus code;
    const auto kept = reference<event_object>(event, code);
    close_handle(event);
    CHECK(handles().duplicate(*kept, event) == status::success);
    close_handle(event);
    close_handle(copy);
    CHECK(handles().duplicate(*kept, event) == status::invalid_handle);
    CHECK(event == nullptr);
}

TEST_CASE("a thread slot that is used again is empty in every thread") {
    uint32_t index = 0;
    REQUIRE(take_thread_slot(index));
    HANDLE first_done = nullptr;
    HANDLE go_on = nullptr;
    REQUIRE(create_event(true, false, {}, first_done) == status::success);
    REQUIRE(create_event(true, false, {}, go_on) == status::success);
    std::thread other([&] {
        void* value = nullptr;
        CHECK(write_thread_slot(index, &index) == status::success);
        CHECK(read_thread_slot(index, value) == status::success);
        CHECK(value == &index);
        set_event(first_done);
        CHECK(wait_for(go_on) == status::success);
        CHECK(read_thread_slot(index, value) == status::success);
        CHECK(value == nullptr);
    });
    CHECK(wait_for(first_done) == status::success);
    CHECK(give_thread_slot(index) == status::success);
    const uint32_t freed = index;
    std::vector<uint32_t> taken;
    do { // the lowest free one is next, but that is nobody's business
        taken.push_back(0);
        REQUIRE(take_thread_slot(taken.back()));
    } while (taken.back() != freed);
    set_event(go_on);
    other.join();
    for (const uint32_t one : taken) {
        CHECK(give_thread_slot(one) == status::success);
    }
    close_handle(first_done);
    close_handle(go_on);
}
