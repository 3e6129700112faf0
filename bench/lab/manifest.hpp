// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/lab/schedule.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

// An experiment as people write it: a TOML file. Any scalar that is a factor may be a list; the
// plan is the product of the lists. `[quick]` holds other values for any key, used by --quick.
// Unknown keys are errors: a misspelt key would otherwise measure something else than the author
// believes.

namespace rp::lab {

struct gate_limits {
    double stalls_ns = 20'000;
    double achieved = 0.02;
    double interference = 0.10;
    double other_cpu = 0.10;
    std::uint64_t throttled = 0;
    std::uint64_t lost_events = 0;
    bool stationary = true;
};

enum class section_kind : std::uint8_t { submit, read, echo };

const char* name_of(section_kind kind) noexcept;

struct section {
    section_kind kind = section_kind::submit;
    std::vector<service_spec> services; // submit
    std::vector<double> loads;          // submit: fraction of the calibrated capacity
    std::vector<std::string> engines;   // "ringpool:<policy>", raw, libuv, asio
    std::vector<unsigned> workers;      // 0: as many as there are CPUs beside the generator's
    std::vector<bool> direct;           // read
    std::vector<unsigned> depths;       // read: queue depth; echo: connections
    std::uint64_t file_bytes = 0;       // read
    double warmup_seconds = 0;
    double duration_seconds = 0;
    bool aa = false; // measure the first engine twice: the difference is the noise floor
};

struct manifest {
    std::string file;
    std::string text;
    std::string name;
    std::string claim;
    std::uint64_t seed = 0;
    unsigned repetitions = 1;
    double budget_seconds = 0; // 0: none
    bool quick = false;
    gate_limits gates;
    std::vector<section> sections;
};

// Either `problems` is empty and `value` is the manifest, or `problems` says, one line each and in
// file order, FILE:LINE: KEY: what is wrong, what is allowed and what was probably meant.
struct manifest_result {
    manifest value;
    std::vector<std::string> problems;
};

manifest_result parse_manifest(const std::string& text,
                               const std::string& file,
                               std::span<const std::string> policies,
                               bool quick);

// The candidate that needs the fewest edits, if it needs few enough to be a likely slip; else
// empty.
std::string nearest(const std::string& word, std::span<const std::string> candidates);

} // namespace rp::lab
