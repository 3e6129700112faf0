// SPDX-License-Identifier: Apache-2.0
// Every controller in a closed loop with a pool whose best number of tokens is known analytically
// (the method of Hellerstein et al., FeBID 2008). Time is simulated; nothing is random.
#include "tests/unit/scheduler/controller_plant.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace rp::sched;
using rp::test::closed_loop;
using rp::test::plant;
using rp::test::settled;

namespace {

constexpr plant computing{.cpus = 8, .compute_s = 0.001};
constexpr plant waiting{.cpus = 4, .compute_s = 0.000'001, .wait_s = 0.01, .maximum = 48};
constexpr plant mixed{.cpus = 4, .compute_s = 0.001, .wait_s = 0.003}; // best: 16

pool_sample limits_of(uint32_t minimum, uint32_t maximum, uint32_t cpus) {
    pool_sample s;
    s.hard_minimum = minimum;
    s.hard_maximum = maximum;
    s.tokens_limit = 64;
    s.cpus = cpus;
    return s;
}

/// A sample of `ns` in which items wait and nothing is taken.
pool_sample stalled(int64_t ns, uint32_t tokens, uint32_t running) {
    pool_sample s = limits_of(0, 500, 4);
    s.dt_ns = ns;
    s.queued = 10;
    s.oldest_age_ns = ns;
    s.tokens = tokens;
    s.running = running;
    s.busy_ns = ns * tokens;
    s.wait_ns = ns * 10;
    return s;
}

} // namespace

TEST_CASE("controllers: names differ, the default comes first, an unknown one is not made") {
    const char* const* names = controller_names();
    REQUIRE(names[0] != nullptr);
    CHECK(std::string(names[0]) == "iocp");
    int count = 0;
    for (; names[count] != nullptr; ++count) {
        const auto made = make_controller(names[count]);
        REQUIRE(made != nullptr);
        CHECK(std::string(made->traits().name) == names[count]);
        for (int other = 0; other < count; ++other) {
            CHECK(std::string(names[other]) != names[count]);
        }
    }
    CHECK(count == 8);
    CHECK(make_controller("nonsense") == nullptr);
    CHECK_FALSE(is_controller(""));
}

TEST_CASE("controllers: every reason has a name of its own") {
    for (int r = 0; r < static_cast<int>(reason::count); ++r) {
        const std::string name = reason_name(static_cast<reason>(r));
        CHECK_FALSE(name.empty());
        for (int other = 0; other < r; ++other) {
            CHECK(name != reason_name(static_cast<reason>(other)));
        }
    }
}

TEST_CASE("controllers: limits alone are answered inside them, again and again, by every one") {
    for (const char* const* name = controller_names(); *name != nullptr; ++name) {
        CAPTURE(std::string(*name));
        const auto c = make_controller(*name);
        for (const auto& [minimum, maximum] : {std::pair{0U, 500U}, {3U, 5U}, {0U, 1U}, {2U, 2U}}) {
            const decision first = c->sample(limits_of(minimum, maximum, 4));
            CHECK(first.tokens >= 1);
            CHECK(first.tokens <= maximum);
            const decision again = c->sample(limits_of(minimum, maximum, 4));
            CHECK(again.tokens == first.tokens);
        }
    }
}

TEST_CASE("controllers: tokens stay inside the limits while these and the load change at random") {
    for (const char* const* name = controller_names(); *name != nullptr; ++name) {
        CAPTURE(std::string(*name));
        const auto c = make_controller(*name);
        uint32_t state = 12345;
        const auto random = [&state](uint32_t below) {
            state = state * 1664525U + 1013904223U;
            return (state >> 8U) % below;
        };
        uint32_t tokens = c->sample(limits_of(0, 500, 4)).tokens;
        for (int i = 0; i < 3000; ++i) {
            const uint32_t maximum = 1 + random(80);
            pool_sample s = limits_of(random(maximum + 1), maximum, 1 + random(16));
            s.dt_ns = random(10) == 0 ? 0 : 1'000'000 + random(200'000'000);
            s.completions = s.starts = s.serviced = random(3) == 0 ? 0 : random(10'000);
            s.arrivals = random(10'000);
            s.service_ns = s.serviced * random(5'000'000);
            s.queued = random(2) == 0 ? 0 : random(1000);
            s.wait_ns = s.dt_ns * static_cast<int64_t>(s.queued);
            s.oldest_age_ns = s.queued == 0 ? 0 : random(2'000'000'000);
            s.tokens = tokens;
            s.busy_ns = s.dt_ns * (1 + random(tokens));
            s.running = random(tokens + 1);
            s.cpu_use = random(1001) / 1000.0;
            s.random = random(1U << 24U);
            (void)c->blocked(compensation::announced, random(3));
            (void)c->unblocked(random(3));
            const decision d = c->sample(s);
            REQUIRE(d.tokens >= 1);
            REQUIRE(d.tokens <= s.most_tokens());
            REQUIRE(d.soft_maximum >= d.soft_minimum);
            REQUIRE(d.next_sample_in_ns > 0);
            tokens = d.tokens;
        }
    }
}

TEST_CASE("iocp: as many tokens as CPUs, within the maximum, without samples") {
    const auto c = make_controller("iocp");
    CHECK_FALSE(c->traits().wants_samples);
    CHECK(c->traits().compensates == compensation::detected);
    CHECK(c->sample(limits_of(0, 500, 8)).tokens == 8);
    CHECK(c->sample(limits_of(0, 3, 8)).tokens == 3);
    CHECK(c->sample(limits_of(0, 500, 8)).next_sample_in_ns == decision::never);
    CHECK(c->sample(limits_of(5, 500, 8)).soft_minimum == 0);
}

TEST_CASE("fixed: the hard minimum in threads and tokens, and no compensation") {
    const auto c = make_controller("fixed");
    CHECK(c->traits().compensates == compensation::none);
    const decision d = c->sample(limits_of(12, 500, 8));
    CHECK(d.tokens == 12);
    CHECK(d.soft_minimum == 12);
    CHECK(d.soft_maximum == 12);
    CHECK(c->sample(limits_of(0, 500, 8)).tokens == 8);
    CHECK(c->sample(limits_of(0, 2, 8)).tokens == 2);
}

TEST_CASE("hillclimb: computing alone stays at the CPUs") {
    closed_loop loop("hillclimb", computing);
    const double tokens = settled(loop.run(60), 20'000);
    CHECK(tokens > 6.0);
    CHECK(tokens < 10.0);
}

TEST_CASE("hillclimb: waiting alone climbs to the maximum") {
    closed_loop loop("hillclimb", waiting);
    CHECK(settled(loop.run(60), 10'000) > 44.0);
}

TEST_CASE("hillclimb: a mix settles at CPUs x (1 + wait / compute), and follows the load") {
    closed_loop loop("hillclimb", mixed);
    CHECK(settled(loop.run(60), 20'000) == doctest::Approx(16).epsilon(0.2));
    loop.of().wait_s = 0.007;
    CHECK(settled(loop.run(120), 20'000) == doctest::Approx(32).epsilon(0.2));
    loop.of().wait_s = 0;
    // Down is slow by design: the bias of 0.15 on a flat throughput is 0.09 threads a second.
    CHECK(settled(loop.run(400), 20'000) < 8.0);
}

TEST_CASE("starvation: computing alone is left at the CPUs") {
    closed_loop loop("starvation", computing);
    CHECK(settled(loop.run(30), 1000) == 8.0);
}

TEST_CASE("starvation: waiting alone goes up to the maximum, CPUs a second") {
    closed_loop loop("starvation", waiting);
    CHECK(loop.run(5.5).back() == 4 + 5 * 4);
    CHECK(loop.run(10).back() == 48);
}

TEST_CASE("starvation: a mix stops at twice the CPUs, and what is not needed goes") {
    closed_loop loop("starvation", mixed);
    CHECK(loop.run(20).back() == 8);
    CHECK(loop.why() == reason::stable);
    loop.of().arrivals_per_s = 10;
    CHECK(loop.run(20).back() == 4);
}

TEST_CASE("starvation: half a second without a dequeue adds one, a second each on busy CPUs") {
    const auto c = make_controller("starvation");
    REQUIRE(c->sample(limits_of(0, 500, 4)).tokens == 4);
    CHECK(c->sample(stalled(400'000'000, 4, 4)).tokens == 4);
    const decision d = c->sample(stalled(100'000'000, 4, 4));
    CHECK(d.tokens == 5);
    CHECK(d.why == reason::starvation);
    pool_sample busy = stalled(4'900'000'000, 5, 5);
    busy.cpu_use = 0.9;
    CHECK(c->sample(busy).tokens == 5);
    busy.dt_ns = 100'000'000;
    CHECK(c->sample(busy).tokens == 6);
}

TEST_CASE("starvation: announced blocks add at once up to the CPUs, later ones ever more slowly") {
    const auto c = make_controller("starvation");
    REQUIRE(c->sample(limits_of(0, 500, 4)).tokens == 4);
    CHECK_FALSE(c->blocked(compensation::detected, 1));
    CHECK(c->blocked(compensation::announced, 6));
    pool_sample s = stalled(1'000'000, 4, 4);
    s.starts = 1;
    CHECK(c->sample(s).tokens == 8);
    CHECK(c->sample(s).tokens == 8); // 25 ms for the next
    s.dt_ns = 25'000'000;
    const decision d = c->sample(s);
    CHECK(d.tokens == 10);
    CHECK(d.why == reason::announced);
    c->unblocked(6);
    s.queued = 0;
    s.dt_ns = 500'000'000;
    CHECK(c->sample(s).tokens == 9);
}

TEST_CASE("qdelay: a load of k cores gets k or one more, an overload gets the CPUs") {
    plant half = computing;
    half.arrivals_per_s = 3'900; // 3.9 cores
    closed_loop loop("qdelay", half);
    const double tokens = settled(loop.run(5), 2000);
    CHECK(tokens >= 4.0);
    CHECK(tokens <= 5.0);
    loop.of().arrivals_per_s = 20'000;
    CHECK(loop.run(1).back() == 8);
    CHECK(loop.why() == reason::cpu_saturated);
}

TEST_CASE(
    "qdelay: from one core to eight within ten milliseconds, and back when the load has gone") {
    plant endless = computing;
    endless.arrivals_per_s = 20'000;
    closed_loop loop("qdelay", endless);
    CHECK(loop.run(0.01).back() == 8);
    loop.of().arrivals_per_s = 100;
    CHECK(loop.run(5).back() <= 2);
}

TEST_CASE("qdelay: waiting is made up for by the engine, so it asks for what computes") {
    plant open = mixed;
    open.arrivals_per_s = 1'900; // 1.9 cores of computing, 7.6 threads
    closed_loop loop("qdelay", open);
    const double tokens = settled(loop.run(5), 2000);
    CHECK(tokens >= 2.0);
    CHECK(tokens <= 3.0);
}

TEST_CASE("loadfactor: goes up one core a look to the CPUs, and down only below the load it knew") {
    plant endless = computing;
    endless.arrivals_per_s = 20'000;
    closed_loop loop("loadfactor", endless);
    CHECK(loop.run(0.3).back() == 7);
    CHECK(loop.run(0.06).back() == 8);
    loop.of().arrivals_per_s = 4'500;
    const double tokens = settled(loop.run(20), 5000);
    CHECK(tokens >= 5.0);
    CHECK(tokens <= 6.0);
    loop.of().arrivals_per_s = 100;
    CHECK(loop.run(5).back() == 1);
}

TEST_CASE("loadfactor: a load between two thresholds does not swing") {
    plant between = computing;
    between.arrivals_per_s = 4'200; // four cores are too few, and five have 0.8 to spare
    closed_loop loop("loadfactor", between);
    (void)loop.run(10);
    const auto tokens = loop.run(10);
    for (const uint32_t t : tokens) {
        REQUIRE(t == tokens.front());
    }
}

TEST_CASE("gradient: computing alone settles a little above the CPUs") {
    closed_loop loop("gradient", computing);
    const auto tokens = loop.run(60);
    CHECK(settled(tokens, 20'000) > 7.5);
    CHECK(settled(tokens, 20'000) < 8 * 1.1 + 2);
}

TEST_CASE("gradient: waiting alone climbs to the maximum") {
    closed_loop loop("gradient", waiting);
    CHECK(settled(loop.run(30), 5'000) > 44);
}

TEST_CASE("gradient: a mix settles a little above CPUs x (1 + wait / compute)") {
    closed_loop loop("gradient", mixed);
    const double tokens = settled(loop.run(60), 20'000);
    CHECK(tokens > 15.0);
    CHECK(tokens < 16 * 1.1 + 2);
}

TEST_CASE("gradient: callbacks that have become longer are believed after the next probe") {
    closed_loop loop("gradient", mixed);
    (void)loop.run(20);
    loop.of().compute_s = 0.002; // as seen from outside: contention, and best is now 10
    loop.of().wait_s = 0.006;
    const double tokens = settled(loop.run(60), 20'000);
    CHECK(tokens > 15.0);
    CHECK(tokens < 16 * 1.1 + 2);
}

TEST_CASE("gradient: a limit that the load does not use does not grow") {
    plant light = waiting;
    light.arrivals_per_s = 200; // 2 workers
    closed_loop loop("gradient", light);
    CHECK(loop.run(20).back() == 4);
    const auto c = make_controller("gradient");
    const uint32_t tokens = c->sample(limits_of(0, 500, 4)).tokens;
    pool_sample s = stalled(20'000'000, tokens, 1);
    s.serviced = 100;
    s.service_ns = 100'000'000;
    s.busy_ns = s.dt_ns; // one of four, although something waits at this moment
    for (int i = 0; i < 50; ++i) {
        CHECK(c->sample(s).tokens == tokens);
    }
    s.busy_ns = s.dt_ns * tokens;
    for (int i = 0; i < 10; ++i) {
        (void)c->sample(s);
    }
    CHECK(c->sample(s).tokens > tokens);
}

TEST_CASE("little: a backlog without arrivals is to be gone within a tenth of a second") {
    const auto c = make_controller("little");
    REQUIRE(c->sample(limits_of(0, 500, 4)).tokens == 4);
    pool_sample s = stalled(20'000'000, 4, 0);
    s.serviced = 10;
    s.service_ns = 100'000'000; // 10 ms each
    s.queued = 100;             // 1000 a second, 10 at once, and ten per cent
    CHECK(c->sample(s).tokens == 11);
}

TEST_CASE("little: computing alone stays at the CPUs") {
    closed_loop loop("little", computing);
    CHECK(settled(loop.run(10), 1000) == 8.0);
}

TEST_CASE("little: a rate needs rate x time, and ten per cent, whatever waits inside") {
    plant open = waiting;
    open.arrivals_per_s = 2'000; // x 10 ms = 20
    closed_loop loop("little", open);
    CHECK(settled(loop.run(10), 1000) == doctest::Approx(22).epsilon(0.1));
    loop.of().arrivals_per_s = 500;
    CHECK(settled(loop.run(10), 1000) == doctest::Approx(6).epsilon(0.1));
}

TEST_CASE("little: an unlimited load that waits gets the maximum in a tenth of a second") {
    plant endless = waiting;
    endless.arrivals_per_s = 20'000;
    closed_loop loop("little", endless);
    CHECK(loop.run(0.1).back() == 48);
}

TEST_CASE("little: a mix that saturates the CPUs gets CPUs x (1 + wait / compute)") {
    plant open = mixed;
    open.arrivals_per_s = 8'000; // twice what four CPUs can do
    closed_loop loop("little", open);
    CHECK(settled(loop.run(10), 1000) == doctest::Approx(16).epsilon(0.1));
}
