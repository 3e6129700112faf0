// SPDX-License-Identifier: Apache-2.0
#pragma once
// `ringpool trace`: records what pools do, in a program or in a small workload of its own, and says
// where the time of callbacks and cores went.
#include <cstdint>
#include <string>
#include <vector>

namespace rp::lab {

struct trace_options {
    std::string out = "ringpool-trace.json";
    std::uint32_t events = 65536; // per thread
    bool anatomy = false;
    std::vector<std::string> program; // empty: the workload of its own
};

/// Returns the exit code of the tool: that of the program, if there is one and it failed.
int run_trace(const trace_options& options);

/// The table of `--anatomy` for the text of a trace, or empty with `problem` set when it is none.
std::string anatomy_table(const std::string& trace_text, std::string& problem);

} // namespace rp::lab
