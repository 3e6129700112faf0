// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <ringpool/policy.h>

#include <string>
#include <vector>

namespace rp::lab {

struct policy_object {
    std::string unreadable;            // why it is no shared object at all; empty when it is one
    std::vector<std::string> problems; // what keeps rp_policy_load() from taking it
    std::vector<std::string> warnings; // what it takes, but its author will regret
    rp_policy table = {};              // hooks that an older object does not know are NULL
};

/// Looks at everything rp_policy_load() looks at, and goes on after the first problem.
policy_object open_policy(const std::string& path);

} // namespace rp::lab
