// SPDX-License-Identifier: Apache-2.0
// The settings of the flight recorder; what it writes is tested from outside (tests/sight).
#include "scheduler/engine.hpp"
#include "scheduler/sight/flight.hpp"
#include "tests/unit/scheduler/attached_tracer.hpp"
#include "tests/unit/scheduler/gate.hpp"
#include "tests/unit/scheduler/owned_engine.hpp"

#include <doctest/doctest.h>

using namespace rp::sched;

TEST_CASE("flight: settings in any order, with every unit") {
    flight::settings s;
    std::string problem;
    REQUIRE(flight::parse("threshold=5ms,file=/a/b.json", s, problem));
    CHECK(s.threshold_ns == 5'000'000);
    CHECK(s.keep_ns == 50'000'000);
    CHECK(s.file == "/a/b.json");
    REQUIRE(flight::parse("file=x,keep=2s,threshold=250us", s, problem));
    CHECK(s.threshold_ns == 250'000);
    CHECK(s.keep_ns == 2'000'000'000);
    REQUIRE(flight::parse("file=x,threshold=900ns", s, problem));
    CHECK(s.threshold_ns == 900);
}

TEST_CASE("flight: each bad setting is named, with what to write instead") {
    struct {
        const char* text;
        const char* named;
    } const cases[] = {
        {"", "file is missing"},
        {"threshold=5ms", "file is missing"},
        {"file=x", "threshold is missing"},
        {"threshold=5,file=x", "threshold=5:"},
        {"threshold=0ms,file=x", "threshold=0ms:"},
        {"threshold=-5ms,file=x", "threshold=-5ms:"},
        {"threshold=1.5ms,file=x", "threshold=1.5ms:"},
        {"threshold=5 ms,file=x", "threshold=5 ms:"},
        {"threshold=5ms,file=x,keep=2h", "keep=2h:"},
        {"threshold=3601s,file=x", "threshold=3601s:"},
        {"threshold=99999999999999999999s,file=x", "threshold=9999"},
        {"threshold=5ms,file=", "'file='"},
        {"threshold=5ms,file=x,colour=red", "'colour=red'"},
        {"threshold=5ms,,file=x", "''"},
    };

    for (const auto& c : cases) {
        CAPTURE(c.text);
        flight::settings s;
        s.file = "untouched";
        std::string problem;
        CHECK_FALSE(flight::parse(c.text, s, problem));
        CHECK(problem.find(c.named) != std::string::npos);
        CHECK(problem.find("threshold=5ms,file=PATH[,keep=50ms]") != std::string::npos);
        CHECK(s.file == "untouched");
    }
}

TEST_CASE("flight: an item's age survives the wrap of its stamp") {
    const uint64_t shortly_before = (uint64_t{1} << 42U) - 4096;
    const uint64_t shortly_after = (uint64_t{1} << 42U) + 4096;
    CHECK(flight::age_of(flight::stamp(shortly_before), shortly_after) == 8192);
    CHECK(flight::stamp(0) != 0);
}

TEST_CASE("flight: an age is never off by more than the error that is allowed for") {
    for (uint64_t placed = 1'000'000; placed < 1'000'000 + 4096; placed += 7) {
        for (uint64_t waited = 0; waited < 8192; waited += 11) {
            const uint64_t age = flight::age_of(flight::stamp(placed), placed + waited);
            REQUIRE(age <= waited + flight::stamp_error_ticks);
            REQUIRE(age + flight::stamp_error_ticks >= waited);
        }
    }
}

TEST_CASE("flight: an item placed as the recording begins waited for a reason") {
    flight::settings s;
    s.threshold_ns = 1'000'000;
    s.file = "/dev/full"; // nothing is left behind
    REQUIRE(flight::start(s, 64) == flight::start_result::started);
    // mo: relaxed, a setting.
    const uint64_t began = flight::began_ticks.load(std::memory_order_relaxed);
    // The last tick of its stamp: the age can only be too long.
    const uint64_t placed = (began >> 10U | 1U) << 10U | 1023U;
    // mo: relaxed, a setting; this test alone looks at it.
    flight::began_ticks.store(placed, std::memory_order_relaxed);
    item waited;
    waited.placed_at = flight::stamp(placed);
    rp::test::pause_ns(5'000'000);
    flight::item_waited(waited);
    CHECK(flight::crossings() == 1);
    CHECK(flight::stop());
}

TEST_CASE("flight: what began or was placed while only a tracer looked on has no age") {
    struct held : item {
        held() {
            run = [](item& self, worker& /*w*/) noexcept {
                auto& h = static_cast<held&>(self);
                h.entered.count();
                (void)h.opened.wait(1);
                h.left.count();
            };
        }

        rp::test::gate entered;
        rp::test::gate opened;
        rp::test::gate left;
    };

    held first;
    held second;
    const rp::test::owned_engine e(engine::create("shared-fifo"));
    e->set_maximum(1);
    const rp::test::attached_tracer attached;
    e->place(first, origin::external);
    REQUIRE(first.entered.wait(1));
    e->place(second, origin::external);
    CHECK(second.placed_at == 0);
    first.opened.count();
    second.opened.count();
    CHECK(second.left.wait(1));

    flight::settings s;
    s.threshold_ns = 1;
    s.file = "/dev/full"; // nothing is left behind
    REQUIRE(flight::start(s, 64) == flight::start_result::started);
    const uint64_t before = flight::crossings();
    flight::callback_ran(&first, 0);
    flight::item_waited(second);
    CHECK(flight::crossings() == before);
    CHECK(flight::stop());
}
