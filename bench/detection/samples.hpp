// SPDX-License-Identifier: Apache-2.0
#pragma once
// A bag of measured values and its quantiles.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace rp::detection {

class samples {
public:
    void add(double value) { values_.push_back(value); }

    [[nodiscard]] size_t count() const { return values_.size(); }

    /// The smallest value that at least this share of all does not exceed; NaN without values.
    [[nodiscard]] double quantile(double share) const {
        if (values_.empty()) {
            return std::nan("");
        }
        std::vector<double> sorted = values_;
        std::sort(sorted.begin(), sorted.end());
        const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(count())));
        return sorted[std::clamp<size_t>(rank, 1, count()) - 1];
    }

private:
    std::vector<double> values_;
};

} // namespace rp::detection
