// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

// Random numbers that are the same on every machine and with every standard library: the engines of
// <random> are portable, its distributions are not, and a schedule must follow from its seed alone.

namespace rp::lab {

class random_source {
public:
    explicit random_source(std::uint64_t seed) noexcept : state_(seed) {}

    // splitmix64 (Steele, Lea, Flood 2014): one addition and three xor-shift-multiply steps.
    std::uint64_t next() noexcept {
        state_ += 0x9e3779b97f4a7c15;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    // Uniform in [0, 1).
    double uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

    // Mean 1. The argument of the logarithm lies in (0, 1].
    double exponential() noexcept { return -std::log1p(-uniform()); }

    // Uniform in [0, bound). The bias of the multiplication is below bound / 2^64.
    std::uint64_t below(std::uint64_t bound) noexcept {
        __extension__ using wide = unsigned __int128;
        return static_cast<std::uint64_t>((static_cast<wide>(next()) * bound) >> 64);
    }

private:
    std::uint64_t state_;
};

// The seed of one purpose (a block, a repetition, an order), so that adding a cell to a manifest
// changes no other cell's schedule.
inline std::uint64_t
derive_seed(std::uint64_t seed, std::string_view purpose, std::uint64_t index) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : purpose) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    random_source mixed(seed ^ hash);
    return mixed.next() ^ random_source(index).next();
}

} // namespace rp::lab
