// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/peers/contest.hpp"

#include <string>
#include <utility>
#include <vector>

// Measurements that need a process of their own. It prints one line to stdout: a number, or a
// sentence about what went wrong.

namespace rp::peers {

// Runs the program to its end, at most `limit_ms`, with `environment` over this process's own; the
// number it printed. What it writes to stderr is dropped.
sample ask_process(const std::vector<std::string>& arguments,
                   const std::vector<std::pair<std::string, std::string>>& environment,
                   unsigned limit_ms);

// Starts this program again with UV_THREADPOOL_SIZE set, to measure libuv there.
sample ask_libuv(const std::string& shape, unsigned workers, std::uint64_t n);

// That process: `argv` is {program, "bench-libuv", shape, workers, n}.
int libuv_child_main(int argc, char** argv);

// Median nanoseconds from submit() to the start of the task, for an engine that has been idle for
// 200 us each time.
double wake_up_median(engine& on, std::uint64_t wakes, std::string& fault);

} // namespace rp::peers
