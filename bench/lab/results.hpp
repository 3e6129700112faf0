// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/lab/gates.hpp"
#include "bench/lab/histogram.hpp"
#include "bench/lab/manifest.hpp"
#include "bench/lab/plan.hpp"
#include "bench/lab/work.hpp"

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

// What was measured, and what may be said about it.
//
// Percentiles belong to one repetition. A cell's figure is the median of its valid repetitions'
// percentiles with their lowest and highest; nothing is averaged, and histograms of different
// repetitions are never merged. A percentile is reported only if at least ten samples lie above it.

namespace rp::lab {

// The stored form of a histogram: a 33 000-counter array per repetition would fill the memory.
class distribution {
public:
    distribution() = default;
    explicit distribution(const histogram& from);

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

    [[nodiscard]] const histogram::bounds& exact() const noexcept { return exact_; }

    [[nodiscard]] double mean() const noexcept {
        return count_ == 0 ? 0 : exact_.sum / static_cast<double>(count_);
    }

    [[nodiscard]] std::uint64_t value_at(double q) const noexcept;

    // Nothing when fewer than ten samples lie above the percentile.
    [[nodiscard]] std::optional<double> percentile(double q) const noexcept;

    [[nodiscard]] const std::vector<std::pair<std::uint32_t, std::uint64_t>>&
    buckets() const noexcept {
        return buckets_;
    }

private:
    std::uint64_t count_ = 0;
    histogram::bounds exact_{};
    std::vector<std::pair<std::uint32_t, std::uint64_t>> buckets_;
};

struct named_quantile {
    const char* name;
    double q;
};

inline constexpr std::array<named_quantile, 5> reported_quantiles{
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}}};

struct repetition {
    std::size_t cell = 0;
    unsigned index = 0;
    std::uint64_t seed = 0;
    double started_seconds = 0; // since the start of the run
    observation seen;
    std::vector<gate> gates;
    verdict outcome = verdict::valid;
    std::string reason;
    std::string note;
    std::uint64_t operations = 0;
    double per_second = 0;
    double cpu_ns_per_operation = 0;
    distribution latency;
    distribution lateness;                  // open loop
    distribution stalls;                    // open loop: the generator's share of it
    distribution queueing;                  // open loop
    std::map<std::string, double> ideal_ns; // open loop: percentiles of the zero-cost replay
    std::map<std::string, double> counters;

    // Of the latency. Nothing when too few samples lie above it, or when the generator's own delays
    // reach that far.
    [[nodiscard]] std::optional<double> percentile(double q, const gate_limits& limits) const;
};

// Median with lowest and highest over the valid repetitions.
struct figure {
    double median = 0;
    double low = 0;
    double high = 0;
};

std::optional<figure> figure_of(std::vector<double> values);

struct cell_summary {
    std::size_t cell = 0;
    unsigned done = 0;
    unsigned valid = 0;
    verdict outcome = verdict::invalid;
    std::string reason;                       // the commonest, when not valid
    std::map<std::string, figure> latency_ns; // by the names of reported_quantiles
    std::optional<figure> per_second;
    std::optional<figure> cpu_ns_per_operation;
    // Paired by repetition. Open loop: p99 over the ideal's p99. Closed loop: throughput over
    // raw's.
    std::optional<figure> limit_ratio;
    // The A/A twin only: its p99 over that of the cell it repeats.
    std::optional<figure> noise_ratio;
};

struct run_results {
    manifest wanted;
    plan what;
    std::vector<std::string> command;
    std::string filter;
    std::string started_utc;
    std::string finished_utc; // empty while running
    std::string interrupted;  // why the run ended early; empty when it did not
    unsigned worker_cpus = 0;
    unsigned usable_cpus = 0;
    calibration cost;
    std::vector<repetition> repetitions;
};

std::vector<cell_summary> summarize(const run_results& results);

// Measurements of the plan that were not taken.
std::size_t missing_count(const run_results& results);

// null without a figure.
nlohmann::ordered_json figure_json(const std::optional<figure>& from);

nlohmann::ordered_json results_json(const run_results& results,
                                    const nlohmann::ordered_json& environment);
std::string summary_csv(const run_results& results);

// The tables on stdout, one per section.
std::string result_tables(const run_results& results);

} // namespace rp::lab
