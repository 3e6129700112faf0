// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace rp::lab {

histogram::histogram() : counts_(counters, 0) {}

void histogram::merge(const histogram& other) noexcept {
    for (std::size_t i = 0; i < counters; ++i) {
        counts_[i] += other.counts_[i];
    }
    count_ += other.count_;
    sum_ += other.sum_;
    clipped_ += other.clipped_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
}

void histogram::clear() noexcept {
    std::fill(counts_.begin(), counts_.end(), 0);
    count_ = 0;
    sum_ = 0;
    clipped_ = 0;
    min_ = ~std::uint64_t{0};
    max_ = 0;
}

std::uint64_t histogram::value_at(double q) const noexcept {
    if (count_ == 0) {
        return 0;
    }
    const double clamped = std::clamp(q, 0.0, 1.0);
    // The relative step back keeps ceil(0.999 * 1000) at 999: the product may round up past it.
    const double wanted = std::ceil(clamped * static_cast<double>(count_) * (1.0 - 1e-12));
    const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counters; ++i) {
        seen += counts_[i];
        if (seen >= rank) {
            return i + 1 == counters ? max_ : std::min(highest_of(i), max_);
        }
    }
    return max_;
}

std::vector<std::pair<std::uint32_t, std::uint64_t>> histogram::buckets() const {
    std::vector<std::pair<std::uint32_t, std::uint64_t>> result;
    for (std::size_t i = 0; i < counters; ++i) {
        if (counts_[i] != 0) {
            result.emplace_back(static_cast<std::uint32_t>(i), counts_[i]);
        }
    }
    return result;
}

bool histogram::restore(std::span<const std::pair<std::uint32_t, std::uint64_t>> buckets,
                        const bounds& exact) {
    clear();
    for (const auto& [index, count] : buckets) {
        if (index >= counters) {
            clear();
            return false;
        }
        counts_[index] += count;
        count_ += count;
    }
    if (count_ != 0) {
        min_ = exact.min;
    }
    max_ = exact.max;
    sum_ = exact.sum;
    clipped_ = exact.clipped;
    return true;
}

} // namespace rp::lab
