// SPDX-License-Identifier: Apache-2.0
#pragma once
// How large the stress tests are: RINGPOOL_TEST_SCALE percent of full size (default 100), which the
// sanitizer builds set lower.
#include <ringpool/ringpool.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace rp::test {

/// How long anything may take before a test says that it hangs.
constexpr unsigned limit_ms = 60'000;

inline uint32_t scaled(uint32_t full) {
    static const uint64_t percent = [] {
        const char* given = std::getenv("RINGPOOL_TEST_SCALE");
        const long value = given != nullptr ? std::atol(given) : 100;
        return static_cast<uint64_t>(std::clamp(value, 1L, 1000L));
    }();
    return static_cast<uint32_t>(std::max<uint64_t>(full * percent / 100, 1));
}

/// For a test that plays `full` in all under the shipped policies, one after the other: each one's
/// part.
inline uint32_t scaled_for_each_policy(uint32_t full) {
    uint32_t policies = 0;
    for (const char* const* name = rp_policy_names(); *name != nullptr; ++name) {
        ++policies;
    }
    return std::max(scaled(full) / policies, 1U);
}

} // namespace rp::test
