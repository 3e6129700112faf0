// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/quantity.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <sstream>
#include <utility>
#include <vector>

namespace rp::lab {

namespace {

struct unit {
    const char* name;
    double factor;
};

constexpr std::array duration_units{
    unit{"ns", 1}, unit{"us", 1e3}, unit{"ms", 1e6}, unit{"s", 1e9}, unit{"min", 60e9}};

constexpr std::array size_units{unit{"B", 1},
                                unit{"KiB", 1024.0},
                                unit{"MiB", 1024.0 * 1024},
                                unit{"GiB", 1024.0 * 1024 * 1024}};

template <class Units>
std::optional<double> parse_with(const std::string& text, const Units& units) {
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || !std::isfinite(value) || value < 0) {
        return std::nullopt;
    }
    const char* name = rest;
    while (name != end && *name == ' ') {
        ++name;
    }
    for (const unit& known : units) {
        if (std::string(name, end) == known.name) {
            return value * known.factor;
        }
    }
    return std::nullopt;
}

std::optional<service_spec> parse_bimodal(const std::vector<std::string>& parts) {
    service_spec spec;
    spec.kind = service_kind::bimodal;
    const char* const end = parts[1].data() + parts[1].size();
    const auto [rest, error] = std::from_chars(parts[1].data(), end, spec.p_short);
    const auto short_ns = parse_duration_ns(parts[2]);
    const auto long_ns = parse_duration_ns(parts[3]);
    if (error != std::errc{} || rest != end || !(spec.p_short > 0 && spec.p_short < 1) ||
        !short_ns || !long_ns) {
        return std::nullopt;
    }
    spec.short_ns = *short_ns;
    spec.long_ns = *long_ns;
    return spec;
}

} // namespace

std::optional<double> parse_duration_ns(const std::string& text) {
    return parse_with(text, duration_units);
}

std::optional<std::uint64_t> parse_size_bytes(const std::string& text) {
    const auto bytes = parse_with(text, size_units);
    if (!bytes || *bytes > 1e15) {
        return std::nullopt;
    }
    return static_cast<std::uint64_t>(*bytes);
}

std::optional<service_spec> parse_service(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> words;
    for (std::string word; in >> word;) {
        words.push_back(word);
    }
    std::optional<service_spec> spec;
    if (words.size() == 2 && (words[0] == "fixed" || words[0] == "exponential")) {
        if (const auto mean = parse_duration_ns(words[1])) {
            spec.emplace();
            spec->kind = words[0] == "fixed" ? service_kind::fixed : service_kind::exponential;
            spec->mean_ns = *mean;
        }
    } else if (words.size() == 4 && words[0] == "bimodal") {
        spec = parse_bimodal(words);
    }
    if (!spec || spec->mean() < 200 || spec->mean() > 1e9) {
        return std::nullopt;
    }
    spec->label = joined(words, "-");
    return spec;
}

// fmt::join would do, but at -O3 gcc 12 takes fmt 9's parser of it for an overflow and warns.
std::string joined(const std::vector<std::string>& words, const std::string& separator) {
    std::string out;
    for (const std::string& word : words) {
        out += (out.empty() ? "" : separator) + word;
    }
    return out;
}

std::string show_duration(double ns) {
    constexpr std::array<std::pair<double, const char*>, 4> steps{
        {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}}};
    for (const auto& [factor, name] : steps) {
        if (ns >= factor || factor == 1) {
            const double value = ns / factor;
            const int digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
            return fmt::format("{:.{}f} {}", value, factor == 1 ? 0 : digits, name);
        }
    }
    return {};
}

std::string show_count(double value) {
    if (value >= 1e6) {
        return fmt::format("{:.2f} M", value / 1e6);
    }
    if (value >= 1e3) {
        return fmt::format("{:.1f} k", value / 1e3);
    }
    return fmt::format("{:.0f}", value);
}

std::string show_seconds(double seconds) {
    const auto whole = static_cast<std::uint64_t>(std::llround(seconds < 0 ? 0 : seconds));
    if (whole < 60) {
        return fmt::format("{} s", whole);
    }
    return fmt::format("{} min {} s", whole / 60, whole % 60);
}

} // namespace rp::lab
