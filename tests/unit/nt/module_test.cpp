// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/module.hpp"

#include <doctest/doctest.h>

#include <cstring>

using namespace rp::nt;

TEST_CASE("LoadLibrary finds a shared object, GetProcAddress a function in it") {
    HMODULE module = nullptr;
    REQUIRE(load_library("libm.so.6", module) == status::success);
    FARPROC found = nullptr;
    REQUIRE(find_procedure(module, "cos", found) == status::success);
    double (*cosine)(double) = nullptr;
    static_assert(sizeof cosine == sizeof found);
    std::memcpy(&cosine, &found, sizeof cosine);
    CHECK(cosine(0.0) == 1.0);
    CHECK(win32_of_status(find_procedure(module, "no_such_function_there", found)) ==
          ERROR_PROC_NOT_FOUND);
    CHECK((found == nullptr));
    const auto* const ordinal = reinterpret_cast<const char*>(uintptr_t{17});
    CHECK(win32_of_status(find_procedure(module, ordinal, found)) == ERROR_PROC_NOT_FOUND);
    CHECK(free_library(module) == status::success);
    CHECK(win32_of_status(find_procedure(module, "cos", found)) == ERROR_MOD_NOT_FOUND);
}

TEST_CASE("a library is freed as often as it was loaded, and once more is an error") {
    HMODULE first = nullptr;
    HMODULE second = nullptr;
    REQUIRE(load_library("libm.so.6", first) == status::success);
    REQUIRE(load_library("libm.so.6", second) == status::success);
    CHECK(first == second);
    CHECK(free_library(first) == status::success);
    CHECK(free_library(first) == status::success);
    CHECK(win32_of_status(free_library(first)) == ERROR_MOD_NOT_FOUND);
    CHECK(free_library(nullptr) == status::dll_not_found);
}

TEST_CASE("a library that does not exist is ERROR_MOD_NOT_FOUND") {
    HMODULE module = nullptr;
    CHECK(win32_of_status(load_library("lib-that-is-not-there.so", module)) == ERROR_MOD_NOT_FOUND);
    CHECK(module == nullptr);
    CHECK(load_library(nullptr, module) == status::invalid_parameter);
    CHECK(load_library("", module) == status::invalid_parameter);
}
