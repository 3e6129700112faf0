// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/lab/histogram.hpp"

#include <cstdint>
#include <string>

// What one read or echo cell is asked to do and what it answers. One call measures one repetition
// of one cell: it sets its engine up, warms up, measures, tears down, and leaves no thread behind.

namespace rp::lab {

struct cell_spec {
    std::string engine; // ringpool:ws, ringpool:shared-fifo, ringpool:partitioned, raw, libuv, asio
    std::string workload; // read, echo
    bool direct = false;  // read: O_DIRECT instead of the page cache
    unsigned depth = 1;   // read: queue depth; echo: connections
    std::string path;     // read: the data file
    std::uint64_t file_bytes = 0;
    std::uint64_t seed = 0;
    double seconds = 1;
    double warmup_seconds = 0.1;
    unsigned workers = 1;
};

struct cell_result {
    histogram latency_ns;
    std::uint64_t operations = 0;
    double wall_seconds = 0;
    double cpu_seconds = 0; // of the server or reader side
    std::string error;      // empty when fine
    bool was_idle = false;  // the error is that nothing completed in the window, and no other
    std::string note;
};

} // namespace rp::lab
