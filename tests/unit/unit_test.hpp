// SPDX-License-Identifier: Apache-2.0
#pragma once
// What unit tests share beyond doctest: the seed of this run, and saying that a feature is missing.
#include <cstdint>
#include <string>

namespace rp::test {

/// The seed of this run: --seed=N, else taken from the clock. Printed when something fails.
uint64_t seed() noexcept;

/// A small generator for tests (splitmix64); start it from seed().
class random_source {
public:
    explicit random_source(uint64_t start) noexcept : state_(start) {}

    uint64_t next() noexcept {
        uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        return mixed ^ (mixed >> 31);
    }

    uint64_t below(uint64_t bound) noexcept { return next() % bound; }

private:
    uint64_t state_;
};

/// Records that the present test case needs something this machine lacks. The process then ends
/// with 77 instead of 0 and says what is missing; the caller returns from its test case.
void skip_missing(const std::string& feature);

} // namespace rp::test
