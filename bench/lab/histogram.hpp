// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

// A log-linear histogram of nanoseconds with the geometry of HdrHistogram at three significant
// digits: values below 2048 have a counter each; above, every power of two is cut into 1024 equal
// counters, so that a counter's width never exceeds 1/1024 of the values it holds. The range ends
// at one hour; larger values are counted in the last counter and reported by `clipped()`.
//
// Single writer. `record` is a plain increment: a thread owns its histogram while it records, and
// the reader merges after that thread has been joined (or has otherwise published its last write).
//
// Histograms are merged within one run only. Percentiles of several runs are never averaged and
// runs are never merged: between-run variance would hide in the middle of the merged curve.

namespace rp::lab {

struct histogram_geometry {
    static constexpr unsigned sub_bucket_bits = 11;
    static constexpr std::uint64_t sub_buckets = std::uint64_t{1} << sub_bucket_bits;
    static constexpr std::uint64_t half_sub_buckets = sub_buckets / 2;
    static constexpr std::uint64_t limit_ns = 3'600'000'000'000;

    // Counter index of a value, and the inclusive range of values a counter holds.
    static constexpr std::size_t index_of(std::uint64_t value_ns) noexcept {
        const std::uint64_t value = value_ns < limit_ns ? value_ns : limit_ns;
        if (value < sub_buckets) {
            return static_cast<std::size_t>(value);
        }
        const auto magnitude = 63U - static_cast<unsigned>(__builtin_clzll(value));
        const unsigned shift = magnitude - (sub_bucket_bits - 1);
        return static_cast<std::size_t>(shift * half_sub_buckets + (value >> shift));
    }

    static constexpr std::uint64_t lowest_of(std::size_t index) noexcept {
        if (index < sub_buckets) {
            return index;
        }
        const std::uint64_t shift = index / half_sub_buckets - 1;
        return (index - shift * half_sub_buckets) << shift;
    }

    static constexpr std::uint64_t highest_of(std::size_t index) noexcept {
        if (index < sub_buckets) {
            return index;
        }
        const std::uint64_t shift = index / half_sub_buckets - 1;
        return lowest_of(index) + (std::uint64_t{1} << shift) - 1;
    }
};

class histogram : public histogram_geometry {
public:
    static constexpr std::size_t counters = index_of(limit_ns) + 1;

    histogram();

    void record(std::uint64_t value_ns) noexcept {
        counts_[index_of(value_ns)] += 1;
        count_ += 1;
        sum_ += static_cast<double>(value_ns);
        min_ = value_ns < min_ ? value_ns : min_;
        max_ = value_ns > max_ ? value_ns : max_;
        clipped_ += value_ns > limit_ns ? 1 : 0;
    }

    void merge(const histogram& other) noexcept;
    void clear() noexcept;

    // The value below or at which the fraction `q` of the recorded values lie: the highest value of
    // the counter in which the ceil(q * count)-th smallest value lies, never above `max()`.
    // 0 when nothing was recorded.
    [[nodiscard]] std::uint64_t value_at(double q) const noexcept;

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

    [[nodiscard]] std::uint64_t min() const noexcept { return count_ == 0 ? 0 : min_; }

    [[nodiscard]] std::uint64_t max() const noexcept { return max_; }

    [[nodiscard]] std::uint64_t clipped() const noexcept { return clipped_; }

    [[nodiscard]] double mean() const noexcept {
        return count_ == 0 ? 0.0 : sum_ / static_cast<double>(count_);
    }

    // The non-empty counters, ascending: index and count. With `restore` this is the exchange form
    // (results.json, the pipe of a client process).
    [[nodiscard]] std::vector<std::pair<std::uint32_t, std::uint64_t>> buckets() const;

    struct bounds {
        std::uint64_t min;
        std::uint64_t max;
        double sum;
        std::uint64_t clipped;
    };

    [[nodiscard]] bounds exact() const noexcept { return {min(), max_, sum_, clipped_}; }

    // Rebuilds from `buckets()` and `exact()`. False, and an empty histogram, when an index is out
    // of range.
    [[nodiscard]] bool restore(std::span<const std::pair<std::uint32_t, std::uint64_t>> buckets,
                               const bounds& exact);

private:
    std::vector<std::uint64_t> counts_;
    std::uint64_t count_ = 0;
    std::uint64_t min_ = ~std::uint64_t{0};
    std::uint64_t max_ = 0;
    std::uint64_t clipped_ = 0;
    double sum_ = 0;
};

static_assert(histogram::index_of(2047) == 2047);
static_assert(histogram::index_of(2048) == 2048);
static_assert(histogram::lowest_of(2048) == 2048);
static_assert(histogram::highest_of(2048) == 2049);

} // namespace rp::lab
