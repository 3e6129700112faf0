// SPDX-License-Identifier: Apache-2.0
#pragma once
// The flight recorder: rings go on recording, and when a callback waited or ran for longer than a
// threshold, the last moments before that are written to a file.
//
// Nouns. *to cross*: to wait in a queue, or to run, for at least the threshold. A crossing starts a
// thread that writes the file, so that the worker goes on; while it writes, further crossings are
// only counted. The wait is that of an item in a queue, from its last placing to its taking: that
// is known without a look at any other thread's ring.
//
// Rejected: looking through the rings at each tick of the monitor (a fifth of a core at ten million
// events a second); writing on the worker (the delay becomes longer by what observes it).
#include "scheduler/events.hpp"
#include "scheduler/item.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace rp::sched::flight {

struct settings {
    int64_t threshold_ns = 0;
    int64_t keep_ns = 50'000'000;
    std::string file;
};

/// Reads "threshold=5ms,file=PATH[,keep=50ms]". False: `problem` says what to write instead.
[[nodiscard]] bool parse(std::string_view text, settings& out, std::string& problem);

enum class start_result : uint8_t { started, already_on, out_of_memory };
[[nodiscard]] start_result start(const settings& wanted, uint32_t ring_records) noexcept;
/// Waits for a file that is being written. False: was not on.
bool stop() noexcept;
/// How many files have been written, and how many callbacks crossed the threshold.
uint32_t files_written() noexcept;
uint64_t crossings() noexcept;

/// The age of an item is kept in 32 bits of it: units of 1024 ticks, never 0.
[[nodiscard]] constexpr uint32_t stamp(uint64_t ticks) noexcept {
    return static_cast<uint32_t>(ticks >> 10U) | 1U;
}

/// By so much at most an age is too long or too short: each of its two stamps is off by a unit.
inline constexpr uint64_t stamp_error_ticks = 2048;

[[nodiscard]] constexpr uint64_t age_of(uint32_t placed_at, uint64_t now) noexcept {
    return uint64_t{stamp(now) - placed_at} << 10U;
}

extern std::atomic<uint64_t> threshold_ticks; ///< 0: off
extern std::atomic<uint64_t> began_ticks;

enum class crossed : uint8_t { wait, run };
void cross(crossed what, const void* object, uint64_t ticks) noexcept;

/// `it` has just been taken out of a queue, by this thread.
inline void item_waited(item& it) noexcept {
    const uint32_t placed_at = it.placed_at;
    it.placed_at = 0;
    // mo: relaxed, a setting.
    const uint64_t threshold = threshold_ticks.load(std::memory_order_relaxed);
    if (threshold == 0 || placed_at == 0) {
        return;
    }
    const uint64_t now = kernel::tick_clock::now();
    const uint64_t age = age_of(placed_at, now);
    // A stamp of an earlier recording is no reason: its item waited for this one to begin.
    // mo: relaxed, a setting.
    const uint64_t recorded = now - began_ticks.load(std::memory_order_relaxed);
    if (age >= threshold && age <= recorded + stamp_error_ticks) {
        cross(crossed::wait, &it, age);
    }
}

/// A callback has ended on this thread, which began at that tick; 0: not known.
inline void callback_ran(const void* object, uint64_t begin_ticks) noexcept {
    // mo: relaxed, a setting.
    const uint64_t threshold = threshold_ticks.load(std::memory_order_relaxed);
    if (threshold == 0 || begin_ticks == 0) {
        return;
    }
    const uint64_t ran = kernel::tick_clock::now() - begin_ticks;
    if (ran >= threshold) {
        cross(crossed::run, object, ran);
    }
}

} // namespace rp::sched::flight
