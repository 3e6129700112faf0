// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the stress tests submit to and how they say when.
#include "tests/unit/unit_test.hpp"

#include <windows.h>

#include <doctest/doctest.h>
#include <ringpool/ringpool.h>

#include <cstdint>

namespace rp::test {

/// A pool of its own, with an environment that leads to it. Closed at the end, not joined.
struct private_pool {
    PTP_POOL pool = CreateThreadpool(nullptr);
    TP_CALLBACK_ENVIRON env;

    /// `policy` nullptr: the default.
    explicit private_pool(DWORD maximum, const char* policy = nullptr) {
        SetThreadpoolThreadMaximum(pool, maximum);
        if (policy != nullptr) {
            REQUIRE(rp_pool_set_policy(pool, policy));
        }
        InitializeThreadpoolEnvironment(&env);
        SetThreadpoolCallbackPool(&env, pool);
    }

    ~private_pool() { CloseThreadpool(pool); }

    private_pool(const private_pool&) = delete;
    private_pool& operator=(const private_pool&) = delete;

    [[nodiscard]] rp_pool_info query() const {
        rp_pool_info info{};
        info.size = sizeof info;
        REQUIRE(rp_pool_query(pool, &info));
        return info;
    }
};

/// A relative due time or timeout.
inline FILETIME in_us(uint64_t us) {
    ULARGE_INTEGER value;
    value.QuadPart = 0 - us * 10;
    return {value.LowPart, value.HighPart};
}

} // namespace rp::test
