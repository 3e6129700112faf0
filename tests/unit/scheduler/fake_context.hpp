// SPDX-License-Identifier: Apache-2.0
#pragma once
// A policy's context that is nothing but numbers.
#include "scheduler/classes.hpp"
#include "scheduler/policy.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

namespace rp::test {

struct fake_context {
    int32_t core_count = 4;
    std::array<size_t, sched::priority_count> lengths{}; // shared queues
    size_t core_length = 0;                              // of every core, unless ...
    std::vector<size_t> core_lengths;                    // ... each has its own
    std::vector<bool> held;
    size_t arrivals = 0;
    size_t sorted = 0;
    std::array<size_t, sched::class_count> class_lengths{};
    std::array<int64_t, sched::class_count> means{};
    std::array<uint64_t, sched::class_count> seen_counts{};
    std::array<int64_t, sched::class_count> deadlines{};
    std::array<uint64_t, sched::scratch_words> words{};
    int64_t time_ns = 1'000'000'000;
    uint32_t requests = 0;
    int64_t request_work_ns = 0;
    uint32_t state = 1;

    [[nodiscard]] int32_t cores() const { return core_count; }

    uint32_t random() { return (state = state * 1664525U + 1013904223U) >> 8U; }

    [[nodiscard]] int64_t now() const { return time_ns; }

    [[nodiscard]] size_t length(sched::queue q) const {
        const auto index = static_cast<size_t>(q.index);
        switch (q.of) {
        case sched::queue::kind::shared:
            return lengths[index];
        case sched::queue::kind::arrivals:
            return arrivals;
        case sched::queue::kind::sorted:
            return sorted;
        case sched::queue::kind::of_class:
            return class_lengths[index];
        default:
            return core_lengths.empty() ? core_length : core_lengths[index];
        }
    }

    [[nodiscard]] bool has_holder(sched::core_id c) const {
        return held.empty() || held[static_cast<size_t>(c)];
    }

    [[nodiscard]] sched::core_id near(sched::core_id c, uint32_t k) const {
        return (c + 1 + static_cast<int32_t>(k)) % core_count;
    }

    uint64_t& scratch(sched::core_id /*c*/, unsigned i) { return words[i]; }

    [[nodiscard]] int64_t mean_ns(unsigned cls) const { return means[cls]; }

    [[nodiscard]] uint64_t seen(unsigned cls) const { return seen_counts[cls]; }

    [[nodiscard]] int64_t deadline_ns(unsigned cls) const { return deadlines[cls]; }

    [[nodiscard]] uint32_t active_requests() const { return requests; }

    [[nodiscard]] int64_t request_ns(uint16_t /*request*/) const { return request_work_ns; }
};

constexpr int code(sched::action::kind k, int argument = 0) {
    return static_cast<int>(k) * 100 + argument;
}

/// Every action of one fruitless search, up to the first spin or park.
template <class Policy>
std::multiset<int> round_of(const Policy& policy, fake_context& c, uint64_t turn) {
    std::multiset<int> seen;
    for (sched::step s{0, 0, turn}; s.tries < 100; ++s.tries) {
        const sched::action a = policy.next(c, 1, s);
        if (a.what == sched::action::kind::spin || a.what == sched::action::kind::park) {
            return seen;
        }
        // How many from the line is a matter of speed, not of where the search looks.
        const bool is_line = a.what == sched::action::kind::take_line;
        seen.insert(code(a.what, is_line ? 0 : a.argument % 100));
    }
    return {}; // never spins and never parks
}

} // namespace rp::test
