// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which ways of seeing that a thread is blocked this machine offers, and which one is used.
//
// A ladder, the best last. Every tier includes `announced`, which is not a way of looking but what
// our own waits say by themselves (blocking.hpp).
//   announced  nothing is looked at: a block that nobody announces keeps its core
//   state      the state letter of /proc/self/task/TID/stat
//   schedstat  how much the thread ran since the last look; the letter confirms
//   perf       the kernel's records of switches; tells when it happens
// RINGPOOL_DETECT names the tier to use, `auto` (or nothing) the best one. A tier that the machine
// refuses falls to the next below; when it was named, a line on stderr says why.
#include <array>
#include <cstdint>
#include <string>

namespace rp::kernel {

enum class detection_tier : uint8_t { announced, state, schedstat, perf };

inline constexpr unsigned detection_tier_count = 4;

const char* detection_tier_name(detection_tier tier) noexcept;

/// Why each tier cannot be used; empty: it can.
using tier_refusals = std::array<std::string, detection_tier_count>;

/// Tries each tier on the calling thread.
tier_refusals probe_detection_tiers();

struct detection_choice {
    detection_tier tier = detection_tier::announced;
    bool is_named = false; ///< by the user, and known
    std::string complaint; ///< a line for stderr, or empty
};

/// What to use for this value of RINGPOOL_DETECT (nullptr: not set).
detection_choice choose_detection_tier(const char* wish, const tier_refusals& refusals);

/// The choice of this process; made, and its complaint printed, at the first call.
const detection_choice& detection() noexcept;

} // namespace rp::kernel
