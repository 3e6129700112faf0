// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whom to steal from at the attempt-th try, attempt from 0. Each sweeps all cores after its own
// first choice, so that a round of `rounds(cores)` tries misses nobody.
#include "scheduler/policy.hpp"

#include <algorithm>
#include <cstddef>

namespace rp::sched::parts {

/// A random core first, then everyone in order (Blumofe and Leiserson 1999).
struct random_victim {
    static constexpr uint32_t choices = 1;

    template <class Context>
    static core_id at(Context& c, core_id self, uint32_t attempt) {
        const auto cores = static_cast<uint32_t>(c.cores());
        const uint32_t random = c.random();
        return static_cast<core_id>(
            attempt < choices ? random % cores : (static_cast<uint32_t>(self) + attempt) % cores);
    }

    static uint32_t rounds(uint32_t cores) { return cores; }
};

/// The longer of two random cores first, then everyone in order (Mitzenmacher 2001).
struct longer_of_two {
    static constexpr uint32_t choices = 2;

    template <class Context>
    static core_id at(Context& c, core_id self, uint32_t attempt) {
        const auto cores = static_cast<uint32_t>(c.cores());
        if (attempt >= choices) {
            return static_cast<core_id>((static_cast<uint32_t>(self) + attempt - choices + 1) %
                                        cores);
        }
        const auto one = static_cast<core_id>(c.random() % cores);
        const auto other = static_cast<core_id>(c.random() % cores);
        return c.length(queue::core(one)) >= c.length(queue::core(other)) ? one : other;
    }

    static uint32_t rounds(uint32_t cores) { return cores + choices - 1; }
};

/// A core with a probability that grows with its length: of `sample` random cores each is kept
/// against the one before in proportion to their lengths, which draws from the sample by weight
/// (a reservoir of one). Then everyone in order (BWoS, OSDI 2023).
struct by_length {
    static constexpr uint32_t choices = 1;
    static constexpr int sample = 4;

    template <class Context>
    static core_id at(Context& c, core_id self, uint32_t attempt) {
        const auto cores = static_cast<uint32_t>(c.cores());
        if (attempt >= choices) {
            return static_cast<core_id>((static_cast<uint32_t>(self) + attempt) % cores);
        }
        auto kept = static_cast<core_id>(c.random() % cores);
        size_t total = c.length(queue::core(kept));
        for (int i = 1; i < sample; ++i) {
            const auto other = static_cast<core_id>(c.random() % cores);
            const size_t weight = c.length(queue::core(other));
            total += weight;
            if (weight != 0 && c.random() % total < weight) {
                kept = other;
            }
        }
        return kept;
    }

    static uint32_t rounds(uint32_t cores) { return cores; }
};

/// The nearest by caches and NUMA nodes first.
struct nearest_first {
    template <class Context>
    static core_id at(Context& c, core_id self, uint32_t attempt) {
        return c.near(self, attempt);
    }

    static uint32_t rounds(uint32_t cores) { return cores - 1; }
};

} // namespace rp::sched::parts
