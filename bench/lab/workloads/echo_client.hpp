// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/lab/histogram.hpp"

#include <cstdint>
#include <string>

// The client process of the echo workload, and what the two processes say to each other.
//
//   server side                              client
//   starts `<tool> echo-client PORT N MS`
//                                            connects N times (at most MS milliseconds)
//   accepts N, starts the engine
//   writes one echo_window to its stdin  ->  sends 64 bytes on each connection, checks what comes
//                                            back, sends again; until the window is over
//   reads the report from its stdout     <-  echo_report_head, error text, (index, count) pairs
//   sees the connections end                 exits
//
// The client dies with the process that started it, and gives up on its own after a limit.

namespace rp::lab {

constexpr std::size_t echo_message_bytes = 64;

struct echo_window {
    std::uint64_t begin_ns;
    std::uint64_t end_ns;
};

struct echo_report_head {
    static constexpr std::uint64_t expected_magic = 0x6f686365'70726c31U;

    std::uint64_t magic;
    std::uint64_t operations;
    std::uint64_t error_bytes;
    std::uint64_t buckets;
    histogram::bounds exact;
};

struct echo_bucket {
    std::uint64_t index;
    std::uint64_t count;
};

// `argv` is {program, "echo-client", port, connections, connect limit in ms}. The exit code is 0
// when a report was written, whatever it says.
int echo_client_main(int argc, char** argv);

} // namespace rp::lab
