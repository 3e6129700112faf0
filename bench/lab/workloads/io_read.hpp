// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/lab/cell.hpp"

#include <cstdint>
#include <string>

// Closed-loop 4 KiB random reads of one file: `depth` reads are in flight, each completion issues
// the next. Latency is "seen in the engine's completion code" minus "issued".

namespace rp::lab {

// Creates the file, or keeps it when it is already the right one: block n of 4096 bytes starts with
// n and ends with ~n. False with one sentence in `error` when it cannot (full disk, bad size, ...);
// nothing half-written is left behind.
bool prepare_data_file(const std::string& path, std::uint64_t bytes, std::string& error);

// One repetition. spec.path must have been prepared with spec.file_bytes.
cell_result run_read_cell(const cell_spec& spec);

} // namespace rp::lab
