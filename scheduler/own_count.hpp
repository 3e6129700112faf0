// SPDX-License-Identifier: Apache-2.0
#pragma once
// A number that one thread at a time adds to and any thread reads.
#include <atomic>
#include <cstdint>

#ifndef RINGPOOL_SIGHT
#define RINGPOOL_SIGHT 1
#endif

namespace rp::sched {

/// False in a build that leaves the events and the counters of rp_stats out (-Dsight=false), to
/// measure what they cost.
inline constexpr bool has_sight = RINGPOOL_SIGHT != 0;

class own_count {
public:
    /// Only by the thread whose turn it is; whatever passes the turn on orders this too.
    void add(uint64_t n) noexcept {
        if constexpr (has_sight) {
            // mo: relaxed, statistics; one thread at a time writes it.
            const uint64_t before = count_.load(std::memory_order_relaxed);
            // mo: relaxed, as above.
            count_.store(before + n, std::memory_order_relaxed);
        }
    }

    [[nodiscard]] uint64_t value() const noexcept {
        // mo: relaxed, statistics.
        return count_.load(std::memory_order_relaxed);
    }

private:
    std::atomic<uint64_t> count_{0};
};

} // namespace rp::sched
