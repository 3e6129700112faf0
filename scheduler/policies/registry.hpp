// SPDX-License-Identifier: Apache-2.0
#pragma once
// The policies there are: those of this build, and those loaded since.
#include "scheduler/engine.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace rp::sched {

/// A setting of a policy.
struct policy_knob {
    std::string name;
    int64_t* value; ///< holds the standard value at first
    int64_t lowest;
    int64_t highest;
    std::string meaning;
};

struct policy_entry {
    std::string name;
    std::vector<std::string> aliases;
    /// An engine with these settings (KNOB=VALUE,...), which set_knobs() finds nothing wrong with;
    /// nullptr when out of memory.
    std::function<engine*(std::string_view settings)> make;
    /// Calls `use` with the knobs of a policy that has its standard values.
    std::function<void(const std::function<void(std::vector<policy_knob>&)>& use)> with_knobs;
};

/// Sets what `settings` says. What is wrong with it, in a sentence; empty when nothing is.
[[nodiscard]] std::string set_knobs(std::vector<policy_knob>& knobs, std::string_view settings);

/// By name or alias; nullptr when unknown. Entries are never removed.
[[nodiscard]] const policy_entry* find_policy(std::string_view name);

/// A copy that stays, for statistics.
[[nodiscard]] const char* kept_spec(std::string spec);

/// False when the name is taken.
[[nodiscard]] bool add_policy(policy_entry added);

} // namespace rp::sched
