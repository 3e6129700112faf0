// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/quantity.hpp"

#include <doctest/doctest.h>

using namespace rp::lab;

TEST_CASE("quantity: durations are read with their unit") {
    CHECK(parse_duration_ns("10us") == 10'000);
    CHECK(parse_duration_ns("1.5 ms") == 1'500'000);
    CHECK(parse_duration_ns("0ns") == 0);
    CHECK(parse_duration_ns("2min") == 120e9);
    for (const char* bad : {"", "10", "us", "-1us", "10 µs", "1h", "10usec", "nan s", "1e400s"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_duration_ns(bad).has_value());
    }
}

TEST_CASE("quantity: sizes are read with a binary unit") {
    CHECK(parse_size_bytes("64MiB") == std::uint64_t{64} << 20);
    CHECK(parse_size_bytes("0.5 GiB") == std::uint64_t{512} << 20);
    for (const char* bad : {"64MB", "64", "-1KiB", "9999999GiB", "MiB"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_size_bytes(bad).has_value());
    }
}

TEST_CASE("quantity: services carry their mean") {
    const auto bimodal = parse_service("bimodal 0.995 5us 1ms");
    REQUIRE(bimodal.has_value());
    CHECK(bimodal->mean() == doctest::Approx(0.995 * 5'000 + 0.005 * 1'000'000));
    CHECK(bimodal->label == "bimodal-0.995-5us-1ms");
    REQUIRE(parse_service("fixed 10us").has_value());
    CHECK(parse_service("fixed 10us")->mean() == 10'000);
    REQUIRE(parse_service("  exponential   10us ").has_value());
    CHECK(parse_service("exponential 10us")->kind == service_kind::exponential);
    for (const char* bad : {"fixed",
                            "fixed 10",
                            "fixed 10us 2",
                            "fixed 1ns",
                            "exponential 2s",
                            "bimodal 5us 1ms",
                            "bimodal 1.5 5us 1ms",
                            "bimodal 0 5us 1ms",
                            "uniform 10us"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_service(bad).has_value());
    }
}

TEST_CASE("quantity: figures are shown with three significant digits") {
    CHECK(show_duration(0) == "0 ns");
    CHECK(show_duration(999) == "999 ns");
    CHECK(show_duration(12'345) == "12.3 us");
    CHECK(show_duration(1'234'567) == "1.23 ms");
    CHECK(show_duration(2.5e9) == "2.50 s");
    CHECK(show_count(81'234) == "81.2 k");
    CHECK(show_seconds(260) == "4 min 20 s");
    CHECK(show_seconds(-1) == "0 s");
}
