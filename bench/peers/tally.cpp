// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/tally.hpp"

#include <time.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace rp::peers {

namespace {

constexpr std::size_t counters = 256;

struct alignas(128) padded {
    counter value{0};
};

std::array<padded, counters> table;

class free_counters {
public:
    std::size_t take() {
        const std::lock_guard lock(mutex_);
        if (!returned_.empty()) {
            const std::size_t index = returned_.back();
            returned_.pop_back();
            return index;
        }
        if (used_ == counters) {
            std::fputs("ringpool bench: more than 256 threads run tasks\n", stderr);
            std::abort();
        }
        return used_++;
    }

    void give_back(std::size_t index) {
        const std::lock_guard lock(mutex_);
        returned_.push_back(index);
    }

private:
    std::mutex mutex_;
    std::vector<std::size_t> returned_;
    std::size_t used_ = 0;
};

free_counters& free_list() {
    // Never destroyed: threads of a pool may end after main().
    static auto* const list = new free_counters;
    return *list;
}

struct claim {
    std::size_t index = free_list().take();

    claim() = default;

    ~claim() { free_list().give_back(index); }

    claim(const claim&) = delete;
    claim& operator=(const claim&) = delete;
};

} // namespace

counter& claim_counter() {
    static thread_local const claim mine;
    return table[mine.index].value;
}

std::uint64_t total() {
    std::uint64_t sum = 0;
    for (const auto& entry : table) {
        // mo: acquire, pairs tally (count_one)
        sum += entry.value.load(std::memory_order_acquire);
    }
    return sum;
}

// It looks every 50 us and sleeps in between: a thread that looked all the time would take the
// counters' cache lines from the workers and, where there are as many workers as CPUs, a share of
// their CPU; and the engines that run in the waiting thread itself would not pay for that.
bool await_total(std::uint64_t target, unsigned patience_ms) {
    constexpr timespec pause{0, 50'000};
    using clock = std::chrono::steady_clock;
    std::uint64_t seen = total();
    auto since = clock::now();
    while (seen < target) {
        ::clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, nullptr);
        const std::uint64_t now = total();
        if (now != seen) {
            seen = now;
            since = clock::now();
        } else if (clock::now() - since > std::chrono::milliseconds(patience_ms)) {
            return false;
        }
    }
    return true;
}

} // namespace rp::peers
