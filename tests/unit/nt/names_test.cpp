// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/mutex.hpp"
#include "kernel_iface/nt/names.hpp"
#include "kernel_iface/nt/semaphore.hpp"
#include "kernel_iface/nt/wait.hpp"
#include "tests/unit/nt/objects.hpp"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

using namespace rp::nt;
using rp::test::poll;

namespace {

name_argument narrow(const char* text) {
    return {text, nullptr};
}

} // namespace

TEST_CASE("R-SYNC-8: an existing name of the same kind gives a handle to that object, and 183") {
    HANDLE first = nullptr;
    HANDLE second = nullptr;
    REQUIRE(create_event(true, false, narrow("names_test.a"), first) == status::success);
    const ntstatus code = create_event(false, true, narrow("names_test.a"), second);
    CHECK(code == status::object_name_exists);
    CHECK(win32_of_status(code) == ERROR_ALREADY_EXISTS);
    CHECK(first != second);
    CHECK(poll(second) == status::timeout); // the second's initial state is ignored
    CHECK(set_event(first) == status::success);
    CHECK(poll(second) == status::success);
    CHECK(close_handle(first) == status::success);
    CHECK(poll(second) == status::success);
    CHECK(close_handle(second) == status::success);
}

TEST_CASE("R-SYNC-8: an existing name of another kind gives NULL and 6") {
    HANDLE event = nullptr;
    HANDLE semaphore = nullptr;
    HANDLE mutex = nullptr;
    REQUIRE(create_event(true, false, narrow("names_test.b"), event) == status::success);
    const ntstatus code = create_semaphore(0, 1, narrow("names_test.b"), semaphore);
    CHECK(win32_of_status(code) == ERROR_INVALID_HANDLE);
    CHECK(semaphore == nullptr);
    CHECK(create_mutex(true, narrow("names_test.b"), mutex) == status::object_type_mismatch);
    CHECK(mutex == nullptr);
    CHECK(close_handle(event) == status::success);
    CHECK(create_mutex(true, narrow("names_test.b"), mutex) == status::success);
    CHECK(release_mutex(mutex) == status::success);
    CHECK(close_handle(mutex) == status::success);
}

TEST_CASE("R-SYNC-8: a name ends with the last handle") {
    HANDLE handle = nullptr;
    REQUIRE(create_semaphore(1, 1, narrow("names_test.c"), handle) == status::success);
    CHECK(close_handle(handle) == status::success);
    CHECK(create_semaphore(0, 1, narrow("names_test.c"), handle) == status::success);
    CHECK(poll(handle) == status::timeout);
    CHECK(close_handle(handle) == status::success);
}

TEST_CASE("R-SYNC-8: a wide name and its UTF-8 form are one name; Local\\ is no part of it") {
    HANDLE narrow_handle = nullptr;
    HANDLE wide_handle = nullptr;
    const WCHAR wide[] = {'L', 'o', 'c', 'a', 'l', '\\', 0x00E9, 0x20AC, 0xD83D, 0xDE00, 0};
    REQUIRE(create_event(true, true, {nullptr, wide}, wide_handle) == status::success);
    CHECK(
        create_event(true, false, narrow("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), narrow_handle) ==
        status::object_name_exists);
    CHECK(close_handle(wide_handle) == status::success);
    CHECK(close_handle(narrow_handle) == status::success);
}

TEST_CASE("R-SYNC-8: bad names are refused; empty ones are anonymous") {
    HANDLE handle = nullptr;
    CHECK(create_event(true, true, narrow("a\\b"), handle) == status::object_path_not_found);
    CHECK(handle == nullptr);
    CHECK(create_event(true, true, narrow("Global\\a\\b"), handle) ==
          status::object_path_not_found);
    const std::string longest(260, 'x');
    const std::string too_long(261, 'x');
    CHECK(create_event(true, true, narrow(too_long.c_str()), handle) == status::name_too_long);
    CHECK(create_event(true, true, narrow(longest.c_str()), handle) == status::success);
    CHECK(close_handle(handle) == status::success);
    HANDLE global = nullptr;
    CHECK(create_event(true, true, narrow("x"), handle) == status::success);
    CHECK(create_event(true, true, narrow("Global\\x"), global) == status::success);
    CHECK(close_handle(handle) == status::success);
    CHECK(close_handle(global) == status::success);
    CHECK(create_event(true, true, narrow(""), handle) == status::success);
    CHECK(create_event(true, true, narrow(""), global) == status::success);
    CHECK(close_handle(handle) == status::success);
    CHECK(close_handle(global) == status::success);
}

TEST_CASE("opening and closing one name on four threads always finds one living object") {
    const uint32_t before = handles().live_handles();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([] {
            for (int i = 0; i < 3000; ++i) {
                HANDLE handle = nullptr;
                const ntstatus code =
                    create_semaphore(0, 1 << 30, narrow("names_test.race"), handle);
                CHECK(is_success(code));
                CHECK(release_semaphore(handle, 1, nullptr) == status::success);
                CHECK(poll(handle) == status::success);
                CHECK(close_handle(handle) == status::success);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(handles().live_handles() == before);
}
