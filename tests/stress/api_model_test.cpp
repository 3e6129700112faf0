// SPDX-License-Identifier: Apache-2.0
// Random programs against a model of the documentation. tests/fuzz has the same for libFuzzer.
#include "tests/fuzz/api_model.hpp"
#include "tests/stress/scale.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <vector>

using rp::test::random_source;
using rp::test::scaled;

TEST_CASE("random programs do what the documentation says") {
    random_source random(rp::test::seed());
    uint64_t calls = 0;
    while (calls < scaled(100'000)) {
        std::vector<uint8_t> bytes(30 + random.below(600));
        for (uint8_t& b : bytes) {
            b = static_cast<uint8_t>(random.below(256));
        }
        rp::fuzz::machine machine;
        rp::fuzz::program program(bytes.data(), bytes.size());
        calls += machine.run(program);
        CAPTURE(bytes);
        REQUIRE(machine.difference() == "");
    }
}
