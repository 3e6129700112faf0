// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/lab/schedule.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// Values as people write them, and back: "10us", "64MiB", "bimodal 0.995 5us 1ms".

namespace rp::lab {

std::optional<double> parse_duration_ns(const std::string& text);
std::optional<std::uint64_t> parse_size_bytes(const std::string& text);
std::optional<service_spec> parse_service(const std::string& text);

std::string joined(const std::vector<std::string>& words, const std::string& separator);
std::string show_duration(double ns);     // three significant digits: "12.3 us"
std::string show_count(double value);     // "81.2 k"
std::string show_seconds(double seconds); // "4 min 20 s"

} // namespace rp::lab
