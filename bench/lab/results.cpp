// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/results.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace rp::lab {

distribution::distribution(const histogram& from)
    : count_(from.count()), exact_(from.exact()), buckets_(from.buckets()) {}

std::uint64_t distribution::value_at(double q) const noexcept {
    const double wanted = std::ceil(q * static_cast<double>(count_) * (1.0 - 1e-12));
    const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
    std::uint64_t seen = 0;
    for (const auto& [index, count] : buckets_) {
        seen += count;
        if (seen >= rank) {
            return std::min(histogram::highest_of(index), exact_.max);
        }
    }
    return exact_.max;
}

std::optional<double> distribution::percentile(double q) const noexcept {
    constexpr double samples_above = 10;
    if (static_cast<double>(count_) * (1 - q) < samples_above - 1e-6) {
        return std::nullopt;
    }
    return static_cast<double>(value_at(q));
}

std::optional<double> repetition::percentile(double q, const gate_limits& limits) const {
    const std::optional<double> value = latency.percentile(q);
    if (value && !is_trusted(static_cast<double>(stalls.value_at(q)), *value, limits)) {
        return std::nullopt;
    }
    return value;
}

std::optional<figure> figure_of(std::vector<double> values) {
    if (values.empty()) {
        return std::nullopt;
    }
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    const double middle =
        values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
    return figure{middle, values.front(), values.back()};
}

namespace {

using repetition_list = std::vector<const repetition*>;

repetition_list valid_ones(const run_results& results, std::size_t cell) {
    repetition_list list;
    for (const repetition& one : results.repetitions) {
        if (one.cell == cell && one.outcome == verdict::valid) {
            list.push_back(&one);
        }
    }
    return list;
}

const repetition* same_index(const repetition_list& list, unsigned index) {
    const auto found = std::find_if(
        list.begin(), list.end(), [&](const repetition* one) { return one->index == index; });
    return found == list.end() ? nullptr : *found;
}

// Ratios of repetitions that were measured in the same round.
template <class Value>
std::optional<figure>
paired(const repetition_list& over, const repetition_list& under, Value value) {
    std::vector<double> ratios;
    for (const repetition* one : over) {
        const repetition* const other = same_index(under, one->index);
        if (other == nullptr) {
            continue;
        }
        const std::optional<double> a = value(*one);
        const std::optional<double> b = value(*other);
        if (a && b && *b > 0) {
            ratios.push_back(*a / *b);
        }
    }
    return figure_of(std::move(ratios));
}

std::optional<double> p99_of(const repetition& one) {
    return one.latency.percentile(0.99);
}

std::optional<double> throughput_of(const repetition& one) {
    return one.per_second;
}

void summarize_reasons(const run_results& results, cell_summary& out) {
    std::map<std::pair<verdict, std::string>, unsigned> tally;
    for (const repetition& one : results.repetitions) {
        if (one.cell == out.cell && one.outcome != verdict::valid) {
            tally[{one.outcome, one.reason}] += 1;
        }
    }
    const auto most =
        std::max_element(tally.begin(), tally.end(), [](const auto& a, const auto& b) {
            return a.second < b.second;
        });
    if (most != tally.end()) {
        out.outcome = most->first.first;
        out.reason = most->first.second;
    } else {
        out.reason = "not measured";
    }
}

void summarize_figures(const repetition_list& valid, const gate_limits& limits, cell_summary& out) {
    for (const named_quantile& quantile : reported_quantiles) {
        std::vector<double> values;
        for (const repetition* one : valid) {
            if (const auto value = one->percentile(quantile.q, limits)) {
                values.push_back(*value);
            }
        }
        // A percentile that only some repetitions can show would be chosen by their size.
        if (values.size() == valid.size()) {
            out.latency_ns.emplace(quantile.name, *figure_of(std::move(values)));
        }
    }
    std::vector<double> rates;
    std::vector<double> costs;
    for (const repetition* one : valid) {
        rates.push_back(one->per_second);
        costs.push_back(one->cpu_ns_per_operation);
    }
    out.per_second = figure_of(std::move(rates));
    out.cpu_ns_per_operation = figure_of(std::move(costs));
}

void summarize_ratios(const run_results& results, const repetition_list& valid, cell_summary& out) {
    const cell& self = results.what.cells[out.cell];
    if (self.kind == section_kind::submit) {
        std::vector<double> ratios;
        for (const repetition* one : valid) {
            const auto ideal = one->ideal_ns.find("p99");
            if (const auto p99 = p99_of(*one);
                p99 && ideal != one->ideal_ns.end() && ideal->second > 0) {
                ratios.push_back(*p99 / ideal->second);
            }
        }
        out.limit_ratio = figure_of(std::move(ratios));
    }
    for (std::size_t i = 0; i < results.what.cells.size(); ++i) {
        const cell& other = results.what.cells[i];
        if (other.block != self.block || other.twin) {
            continue;
        }
        if (self.kind != section_kind::submit && other.engine == "raw") {
            out.limit_ratio = paired(valid, valid_ones(results, i), throughput_of);
        }
        if (self.twin && other.engine == self.engine) {
            out.noise_ratio = paired(valid, valid_ones(results, i), p99_of);
        }
    }
}

} // namespace

std::vector<cell_summary> summarize(const run_results& results) {
    std::vector<cell_summary> summaries;
    for (std::size_t i = 0; i < results.what.cells.size(); ++i) {
        cell_summary out;
        out.cell = i;
        out.done = static_cast<unsigned>(std::count_if(
            results.repetitions.begin(), results.repetitions.end(), [&](const repetition& one) {
                return one.cell == i;
            }));
        const repetition_list valid = valid_ones(results, i);
        out.valid = static_cast<unsigned>(valid.size());
        // Half or more failed: what is left would be a selection, not a sample.
        if (out.valid * 2 <= out.done) {
            summarize_reasons(results, out);
        } else {
            out.outcome = verdict::valid;
            summarize_figures(valid, results.wanted.gates, out);
            summarize_ratios(results, valid, out);
        }
        summaries.push_back(std::move(out));
    }
    return summaries;
}

std::size_t missing_count(const run_results& results) {
    return results.what.steps.size() - results.repetitions.size();
}

} // namespace rp::lab
