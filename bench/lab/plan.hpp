// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/lab/manifest.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// What a manifest amounts to: cells, the blocks in which they are compared, and the order in which
// they are measured.
//
// A block holds the cells that differ in nothing but the engine. A round measures every cell of a
// block once, in an order drawn from the seed; all blocks have their first round before any has its
// second. So the engines of a block always follow each other closely and meet the same machine, and
// a drift over the run falls on all of them.

namespace rp::lab {

struct cell {
    std::string id; // "submit/service=fixed-10us/load=0.5/workers=1/ringpool:ws"
    std::string block;
    std::size_t section = 0; // index into manifest::sections
    section_kind kind = section_kind::submit;
    std::string engine;
    std::string label; // the engine, with "(again)" on the A/A twin
    bool twin = false;
    service_spec service;
    double load = 0;
    bool direct = false;
    unsigned depth = 0;
    unsigned workers = 1;
};

struct step {
    std::size_t cell = 0;
    unsigned repetition = 0;
    std::uint64_t seed = 0; // the same for all cells of a block in one repetition
    bool ends_round = false;
};

struct plan {
    std::vector<cell> cells;
    std::vector<std::string> blocks; // in manifest order
    std::vector<step> steps;
    double estimated_seconds = 0;
};

// `default_workers` stands for workers = "auto". Cells whose id does not contain `filter` are left
// out. The plan is empty when nothing is left.
plan make_plan(const manifest& wanted, unsigned default_workers, const std::string& filter);

// What one measurement of a cell takes, set-up included.
double step_seconds(const section& of);

} // namespace rp::lab
