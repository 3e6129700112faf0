// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/critical_section.hpp"
#include "kernel_iface/nt/misuse.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using namespace rp::nt;

namespace {

unsigned misuse_code = 0;

void remember(unsigned code, const char*, const void*, ULONG_PTR) {
    misuse_code = code;
}

} // namespace

TEST_CASE("R-SYNC-11: a critical section is recursive and owned by a thread") {
    RTL_CRITICAL_SECTION section;
    initialize_critical_section(section, 0);
    enter_critical_section(section);
    enter_critical_section(section);
    CHECK(section.RecursionCount == 2);
    std::thread([&] {
        CHECK_FALSE(try_enter_critical_section(section));
        CHECK(leave_critical_section(&section) == status::resource_not_owned);
    }).join();
    CHECK(leave_critical_section(&section) == status::success);
    std::thread([&] { CHECK_FALSE(try_enter_critical_section(section)); }).join();
    CHECK(leave_critical_section(&section) == status::success);
    CHECK(leave_critical_section(&section) == status::resource_not_owned);
    std::thread([&] {
        CHECK(try_enter_critical_section(section));
        CHECK(try_enter_critical_section(section));
        CHECK(leave_critical_section(&section) == status::success);
        CHECK(leave_critical_section(&section) == status::success);
    }).join();
    delete_critical_section(section);
    CHECK(leave_critical_section(nullptr) == status::invalid_parameter);
}

TEST_CASE("R-SYNC-11: a critical section excludes, with and without spinning") {
    for (const DWORD spin_count : {0U, 1000U}) {
        RTL_CRITICAL_SECTION section;
        initialize_critical_section(section, spin_count);
        int64_t total = 0;
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 20000; ++i) {
                    enter_critical_section(section);
                    ++total;
                    CHECK(leave_critical_section(&section) == status::success);
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        CHECK(total == 80000);
        CHECK(section.LockCount == -1);
        delete_critical_section(section);
    }
}

TEST_CASE("R-SYNC-11: entering a section that was never initialised, or was deleted, is misuse") {
    set_misuse_handler(remember);
    RTL_CRITICAL_SECTION section{};
    misuse_code = 0;
    enter_critical_section(section);
    CHECK(misuse_code == status::invalid_parameter);
    initialize_critical_section(section, 0);
    delete_critical_section(section);
    misuse_code = 0;
    enter_critical_section(section);
    CHECK(misuse_code == status::invalid_parameter);
    set_misuse_handler(nullptr);
}
