// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a queue holds: one callback object, queued at most once.
#include "kernel_iface/linux/prefetch.hpp"

#include <cstdint>

namespace rp::sched {

class worker;

inline constexpr unsigned priority_high = 0;
inline constexpr unsigned priority_normal = 1;
inline constexpr unsigned priority_low = 2;
inline constexpr unsigned priority_count = 3;

/// Where a runnable item comes from.
enum class origin : uint8_t {
    external, ///< a thread that is not a worker of this pool
    spawn,    ///< a callback of this pool
    requeue,  ///< the object has more calls pending than the one just claimed
    io,       ///< an I/O completion
    timer,    ///< a deadline that has passed
};

/// Embedded at the start of every callback object.
/// Ownership: from place() until a worker takes it, an item belongs to exactly one queue.
struct item {
    /// Runs one callback on `w`, which is in engine code when it is called and again when it
    /// returns.
    void (*run)(item& self, worker& w) noexcept = nullptr;
    item* link = nullptr; ///< used only by a queue that could not get a block of memory
    /// While events are recorded: when it was placed last (flight::stamp); 0: unknown.
    uint32_t placed_at = 0;
    uint16_t request = 0; ///< what it belongs to while it is queued (requests.hpp)
    uint8_t priority = priority_normal;
    uint8_t cls : 7 = 0; ///< its class (classes.hpp)
    /// The object's callbacks do not count towards the concurrency target.
    bool runs_long : 1 = false;
};

/// Starts to bring an item in that will be run soon: its own cache line, and the next ones, which
/// is where callback objects keep what the claim of a call writes.
inline void prefetch(const item& it) noexcept {
    const auto* line = reinterpret_cast<const char*>(&it);
    __builtin_prefetch(line);
    kernel::prefetch_to_write(line + 64);
    kernel::prefetch_to_write(line + 128);
}

static_assert(sizeof(item) == 24, "with what an object adds to it, one cache line");

} // namespace rp::sched
