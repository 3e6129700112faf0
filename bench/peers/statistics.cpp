// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/statistics.hpp"

#include <algorithm>

namespace rp::peers {

const series* row_result::named(const std::string& engine) const {
    for (const series& one : engines) {
        if (one.engine == engine) {
            return &one;
        }
    }
    return nullptr;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::optional<spread> spread_of(const series& of) {
    std::vector<double> values;
    for (const auto& value : of.values) {
        if (value) {
            values.push_back(*value);
        }
    }
    if (values.empty()) {
        return std::nullopt;
    }
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    return spread{*low, median(values), *high, values.size()};
}

std::optional<double> paired_ratio(const series& above, const series& below) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < std::min(above.values.size(), below.values.size()); ++i) {
        if (above.values[i] && below.values[i] && *below.values[i] > 0) {
            ratios.push_back(*above.values[i] / *below.values[i]);
        }
    }
    return ratios.empty() ? std::nullopt : std::optional(median(std::move(ratios)));
}

const series* ours_in(const row_result& row) {
    for (const series& one : row.engines) {
        if (one.part == role::ours && one.fault.empty() && spread_of(one)) {
            return &one;
        }
    }
    return nullptr;
}

const series* best_of(const row_result& row, role part) {
    const series* best = nullptr;
    double best_median = 0;
    for (const series& one : row.engines) {
        const auto found = spread_of(one);
        if (one.part != part || !one.fault.empty() || !found) {
            continue;
        }
        const bool wins =
            row.sense == better::less ? found->median < best_median : found->median > best_median;
        if (best == nullptr || wins) {
            best = &one;
            best_median = found->median;
        }
    }
    return best;
}

std::optional<double> times_better(const row_result& row, const series& than) {
    const series* const ours = ours_in(row);
    if (ours == nullptr || !than.fault.empty()) {
        return std::nullopt;
    }
    return row.sense == better::less ? paired_ratio(than, *ours) : paired_ratio(*ours, than);
}

std::optional<double> over_limit(const row_result& row, const series& limit) {
    const series* const ours = ours_in(row);
    if (ours == nullptr || !limit.fault.empty()) {
        return std::nullopt;
    }
    return paired_ratio(*ours, limit);
}

} // namespace rp::peers
