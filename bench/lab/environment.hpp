// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

// The machine and the build a result came from. Read, never changed: tuning is the user's decision.

namespace rp::lab {

// As JSON text; `indent` below 0 puts it on one line.
std::string capture_environment(int indent);

// How this process gets its I/O completions, as the library says it: "io_uring (...)" or
// "threads (cause)".
std::string completion_source();

std::vector<std::string> policy_names();

std::string utc_stamp(); // "20260131T235959Z"

} // namespace rp::lab
