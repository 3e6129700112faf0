// SPDX-License-Identifier: Apache-2.0
#pragma once
// Recorded events as a file that Perfetto (ui.perfetto.dev) and chrome://tracing open.
//
// The format is the Chrome trace event format, JSON. A *track* is a thread, or a core of a pool. On
// a track slices nest: what cannot be so, because an event was overwritten, is closed or left out,
// so that every B has its E. Flows have both ends, and both lie in a slice; spans of waiting have
// both ends; times never go back.
#include "scheduler/events.hpp"
#include "scheduler/sight/anatomy.hpp"

#include <cstdint>
#include <string>

namespace rp::sched::sight {

/// What turning numbers into text needs; a test brings its own.
struct trace_context {
    int64_t (*to_ns)(uint64_t ticks) = nullptr;
    std::string (*name_of_function)(uint64_t address) = nullptr;
    uint32_t process = 0;
    const char* clock = "";
    std::string reason;      ///< why it was written, when nobody asked for it at that moment
    std::string no_switches; ///< why the switches of some calls are not known
};

/// The whole file. Throws std::bad_alloc.
[[nodiscard]] std::string trace_json(const events::snapshot& recorded, const trace_context& with);

struct trace_request {
    std::string path;
    uint64_t since_ticks = 0;
    std::string reason;
};

/// Writes what the rings hold from since_ticks on. The file appears whole or not at all. False:
/// `problem` says why. Throws std::bad_alloc.
[[nodiscard]] bool write_trace(const trace_request& request, std::string& problem);

enum class trace_result : uint8_t { done, already_on, not_on, cannot_write };
/// Begins to record for a file at `path`, which is tried first. Throws std::bad_alloc.
[[nodiscard]] trace_result
start_trace(const std::string& path, uint32_t ring_records, std::string& problem);
/// Ends it and writes the file. Throws std::bad_alloc.
[[nodiscard]] trace_result stop_trace(std::string& problem);

/// Name of the function that holds the address, demangled, or file+offset.
[[nodiscard]] std::string function_name(uint64_t address);
[[nodiscard]] const char* object_kind_name(uint8_t kind) noexcept;

} // namespace rp::sched::sight
