// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/tally.hpp"

#include <sched.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace rp::micro {

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
            std::fputs("ringpool_micro: more than 256 threads run tasks\n", stderr);
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

void await_total(std::uint64_t target) {
    while (total() < target) {
        ::sched_yield();
    }
}

} // namespace rp::micro
