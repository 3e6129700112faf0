// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/peers/statistics.hpp"

#include <string>
#include <vector>

// A comparison as it is printed and stored. Everything here makes text of what was measured so far,
// so that the files of an interrupted run are those of a short one.

namespace rp::peers {

struct comparison {
    std::vector<row_result> rows; // those that are done
    std::size_t planned_rows = 0;
    unsigned repetitions = 0;
    std::uint64_t seed = 0;
    bool quick = false;
    bool peers = false;
    std::vector<std::string> command;
    std::string started_utc;
    std::string finished_utc; // empty while running
    std::string interrupted;  // why it ended early; empty when it did not
    std::string environment;  // JSON
};

// Every repetition, the ratios, the goals and the environment.
std::string bench_json(const comparison& of);

// shape,workers,engine,repetition,value,unit; a line for each measurement.
std::string bench_csv(const comparison& of);

// One file with everything inside: for each row a bar chart and the table of the same figures.
std::string bench_html(const comparison& of);

// The table on the terminal: its head, a line for each row, what to know about it.
std::string table_head();
std::string table_line(const row_result& row);
std::string table_foot(const comparison& of);

// "31.2 ns", "1.45 M/s", "12.3 us"
std::string show_value(double value, const std::string& unit);

// Engines whose answer was wrong: "shape, 1 worker: engine: what".
std::vector<std::string> faults_of(const comparison& of);

} // namespace rp::peers
