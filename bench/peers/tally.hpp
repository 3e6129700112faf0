// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

// Counts callbacks without making the threads that run them share a cache line: each has a counter
// of its own, written with plain stores, and the waiting thread adds them up. It is the body of
// every task of every engine, so that all engines pay the same for it (under 1 ns).

namespace rp::peers {

using counter = std::atomic<std::uint64_t>;

// The counter of this thread; handed out on first use and returned when the thread ends.
counter& claim_counter();

inline void count_one() {
    static thread_local constinit counter* mine = nullptr;
    if (mine == nullptr) [[unlikely]] {
        mine = &claim_counter();
    }
    // mo: relaxed, only this thread writes it
    const std::uint64_t before = mine->load(std::memory_order_relaxed);
    // mo: release, pairs tally (total)
    mine->store(before + 1, std::memory_order_release);
}

// The sum over all threads, past and present. It never decreases.
std::uint64_t total();

// Returns when total() has reached `target`, at most some 50 us later. False when no task has ended
// for `patience_ms`: then the rest will not come.
bool await_total(std::uint64_t target, unsigned patience_ms = 10'000);

} // namespace rp::peers
