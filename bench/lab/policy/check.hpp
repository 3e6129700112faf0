// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <string>

namespace rp::lab {

/// The contract of <ringpool/policy.h>, P1 first; a test compares the words.
extern const std::array<const char*, 6> policy_contract;

struct check_options {
    std::string file;
    uint64_t seed = 0;
    uint64_t schedules = 1000;
};

/// Runs the policy through random schedules and prints what it broke. The exit code of the tool: 0
/// nothing, 1 something, 2 the file is no policy at all.
int check_policy(const check_options& options);

} // namespace rp::lab
