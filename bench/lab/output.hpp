// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/lab/results.hpp"

#include <stdexcept>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace rp::lab {

// One sentence for the user: which file, and why not.
class output_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// The new content appears under `path` at once or not at all: it is written to a file beside it,
// flushed to the disk, and renamed. Throws output_error, leaving what stood under `path` untouched.
void write_atomically(const std::string& path, const std::string& content);

// Makes the directory. Throws output_error if it cannot, or if it holds results (a file of that
// name) and `replace` is false.
void claim_directory(const std::string& path,
                     bool replace,
                     const std::string& file = "results.json");

// results.json, summary.csv and report.html of what has been measured so far. `environment` is the
// text of capture_environment.
void write_outputs(const std::string& directory,
                   const run_results& results,
                   const std::string& environment);

std::string report_html(const run_results& results, const nlohmann::ordered_json& environment);

} // namespace rp::lab
