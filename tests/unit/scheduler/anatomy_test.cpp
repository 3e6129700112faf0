// SPDX-License-Identifier: Apache-2.0
// What is derived from lists of events, on lists whose answers are known.
#include "scheduler/item.hpp"
#include "scheduler/sight/anatomy.hpp"

#include <doctest/doctest.h>

using namespace rp;
using namespace rp::sched;
using namespace rp::sched::sight;

namespace {

constexpr uint64_t object_a = 0xA000;
constexpr uint64_t object_b = 0xB000;
constexpr uint32_t foreign = 9;

event at(uint64_t ticks, event_kind kind, uint32_t thread, uint64_t object = 0, uint64_t d = 0) {
    event e;
    e.ticks = ticks;
    e.kind = kind;
    e.thread = thread;
    e.object = object;
    e.detail = d;
    e.pool = 1;
    return e;
}

event of_core(uint64_t ticks, event_kind kind, int32_t core) {
    event e = at(ticks, kind, 1);
    e.core = core;
    return e;
}

event placed(uint64_t ticks, uint64_t object, origin from = origin::spawn) {
    return at(ticks, event_kind::placed, foreign, object, static_cast<uint64_t>(from));
}

event taken(uint64_t ticks, uint32_t thread, uint64_t object) {
    return at(ticks, event_kind::taken, thread, object);
}

event begins(uint64_t ticks, uint32_t thread, uint64_t object) {
    return at(ticks, event_kind::callback_begins, thread, object);
}

event ends(uint64_t ticks, uint32_t thread, uint64_t object) {
    return at(ticks, event_kind::callback_ends, thread, object);
}

} // namespace

TEST_CASE("anatomy: wait and run of one call") {
    const auto calls = calls_of({placed(100, object_a),
                                 taken(130, 1, object_a),
                                 begins(140, 1, object_a),
                                 ends(200, 1, object_a)});
    REQUIRE(calls.size() == 1);
    CHECK(calls[0].submitted == 0);
    CHECK(calls[0].begins == 2);
    CHECK(calls[0].ends == 3);
    CHECK(calls[0].wait == 40);
    CHECK(calls[0].run == 60);
    CHECK(calls[0].blocked == 0);
    CHECK_FALSE(calls[0].was_woken_for);
}

TEST_CASE("anatomy: calls of one object belong to its submissions in order, whoever runs them") {
    const auto calls = calls_of({
        placed(100, object_a),
        at(110, event_kind::submitted, foreign, object_a),
        placed(120, object_b),
        at(125, event_kind::submitted, foreign, object_a),
        taken(130, 1, object_a),
        placed(131, object_a, origin::requeue), // no submission of its own
        begins(140, 1, object_a),
        begins(150, 2, object_a),
        ends(160, 2, object_a),
        ends(170, 1, object_a),
        begins(180, 2, object_b),
        begins(190, 1, object_a),
    });
    REQUIRE(calls.size() == 4);
    CHECK(calls[0].wait == 40);
    CHECK(calls[0].run == 30);
    CHECK(calls[1].wait == 40);
    CHECK(calls[1].run == 10);
    CHECK(calls[2].wait == 60);
    CHECK(calls[2].ends == no_event);
    CHECK(calls[3].wait == 65);
}

TEST_CASE("anatomy: a cancelled submission has no call, and the next one is not taken for it") {
    const auto calls = calls_of({
        placed(100, object_a),
        at(110, event_kind::submitted, foreign, object_a),
        at(120, event_kind::cancelled, foreign, object_a, 2),
        placed(300, object_a),
        begins(310, 1, object_a),
    });
    REQUIRE(calls.size() == 1);
    CHECK(calls[0].wait == 10);
}

TEST_CASE("anatomy: a call whose submission is noted late has no wait, nor has the note a call") {
    const auto calls = calls_of({
        begins(100, 1, object_a),
        at(101, event_kind::submitted, foreign, object_a),
        ends(110, 1, object_a),
        placed(200, object_a),
        begins(205, 1, object_a),
    });
    REQUIRE(calls.size() == 2);
    CHECK(calls[0].submitted == no_event);
    CHECK(calls[1].wait == 5);
}

TEST_CASE("anatomy: a completion waits under the name of its packet") {
    const auto calls = calls_of({
        placed(100, object_b, origin::io),
        taken(130, 1, object_b),
        begins(140, 1, object_a),
        ends(150, 1, object_a),
        begins(160, 1, object_a), // run by whoever reaped it: it never waited
    });
    REQUIRE(calls.size() == 2);
    CHECK(calls[0].wait == 40);
    CHECK(calls[1].submitted == no_event);
}

TEST_CASE("anatomy: the wake-up is part of the first call's wait, and of no other") {
    const auto calls = calls_of({
        placed(100, object_a),
        at(105, event_kind::wakes, foreign, 1),
        at(145, event_kind::unparks, 1),
        taken(150, 1, object_a),
        begins(160, 1, object_a),
        ends(170, 1, object_a),
        placed(175, object_b),
        begins(180, 1, object_b),
    });
    REQUIRE(calls.size() == 2);
    CHECK(calls[0].was_woken_for);
    CHECK(calls[0].wake_up == 40);
    CHECK(calls[0].wait == 60);
    CHECK_FALSE(calls[1].was_woken_for);
}

TEST_CASE("anatomy: a call that came after the wake-up began waited no longer than it waited") {
    const auto calls = calls_of({
        at(100, event_kind::wakes, foreign, 1),
        placed(140, object_a),
        at(150, event_kind::unparks, 1),
        begins(160, 1, object_a),
    });
    REQUIRE(calls.size() == 1);
    CHECK(calls[0].wait == 20);
    CHECK(calls[0].wake_up == 20);
}

TEST_CASE("anatomy: announced waits add up, and count inside callbacks only") {
    const auto calls = calls_of({
        at(50, event_kind::blocking_begins, 1),
        at(90, event_kind::blocking_ends, 1),
        begins(100, 1, object_a),
        at(110, event_kind::blocking_begins, 1),
        at(130, event_kind::blocking_ends, 1),
        at(140, event_kind::blocking_begins, 1),
        at(145, event_kind::blocking_ends, 1),
        ends(200, 1, object_a),
    });
    REQUIRE(calls.size() == 1);
    CHECK(calls[0].blocked == 25);
    CHECK(calls[0].run == 100);
}

TEST_CASE(
    "anatomy: what a thread was switched off belongs to the call it was in, and to no other") {
    using kernel::switch_records;
    constexpr auto whole = static_cast<uint64_t>(switch_records::extent::whole);
    constexpr auto at_least = static_cast<uint64_t>(switch_records::extent::at_least);
    event first_end = ends(200, 1, object_a);
    first_end.detail = whole;
    event third_end = ends(500, 1, object_a);
    third_end.detail = whole;
    event last_end = ends(600, 2, object_b);
    last_end.detail = at_least;
    const auto calls = calls_of({
        at(90, event_kind::switched_off, 1, 1000, 1000), // of a call that began before the list
        begins(100, 1, object_a),
        begins(110, 2, object_b),
        at(199, event_kind::switched_off, 1, 30, 50),
        first_end,
        begins(300, 1, object_a),
        ends(310, 1, object_a),
        begins(400, 1, object_a),
        third_end,
        at(599, event_kind::switched_off, 2, 0, 400),
        last_end,
    });
    REQUIRE(calls.size() == 4);
    CHECK(calls[0].preempted_ns == 30);
    CHECK(calls[0].slept_ns == 50);
    CHECK(calls[0].switches == switch_records::extent::whole);
    CHECK(calls[0].run == 100);
    CHECK(calls[1].preempted_ns == 0);
    CHECK(calls[1].slept_ns == 400);
    CHECK(calls[1].switches == switch_records::extent::at_least);
    CHECK(calls[2].switches == switch_records::extent::unknown);
    CHECK(calls[3].preempted_ns == 0);
    CHECK(calls[3].slept_ns == 0);
    CHECK(calls[3].switches == switch_records::extent::whole);
}

TEST_CASE("anatomy: a core is wasteful only while it is idle and an item waits") {
    const auto cores = idleness_of({
        of_core(100, event_kind::core_held, 0),
        of_core(100, event_kind::core_idle, 1),
        placed(200, object_a), // waits 100 to 260 while core 1 is idle
        of_core(260, event_kind::core_taken, 1),
        placed(270, object_b), // nobody is idle
        taken(300, 1, object_a),
        taken(310, 2, object_b),
        of_core(400, event_kind::core_given_up, 0), // idle, but nothing waits
        of_core(500, event_kind::core_given_up, 1),
        placed(550, object_a),
        of_core(580, event_kind::core_taken, 0),
        taken(600, 1, object_a),
    });
    REQUIRE(cores.size() == 2);
    CHECK(cores[0].core == 0);
    CHECK(cores[0].seen == 500);
    CHECK(cores[0].idle == 180);
    CHECK(cores[0].wasteful == 30);
    CHECK(cores[1].core == 1);
    CHECK(cores[1].idle == 160 + 100);
    CHECK(cores[1].wasteful == 60 + 50);
}

TEST_CASE("anatomy: a core the maximum leaves no room for is not idle") {
    event lowered = at(200, event_kind::maximum_set, foreign, 0, 1);
    const auto cores = idleness_of({
        of_core(100, event_kind::core_held, 0),
        of_core(100, event_kind::core_idle, 1),
        placed(150, object_a),
        lowered,
        of_core(250, event_kind::core_given_up, 1),
        taken(300, 1, object_a),
    });
    REQUIRE(cores.size() == 2);
    CHECK(cores[1].idle == 100);
    CHECK(cores[1].wasteful == 50);
}

TEST_CASE("anatomy: a taking whose placing was not recorded makes no negative queue") {
    const auto cores = idleness_of({
        of_core(100, event_kind::core_idle, 0),
        taken(110, 1, object_a),
        placed(200, object_b),
        taken(230, 1, object_b),
    });
    REQUIRE(cores.size() == 1);
    CHECK(cores[0].wasteful == 30);
}

TEST_CASE("anatomy: an empty list has no calls and no cores") {
    CHECK(calls_of({}).empty());
    CHECK(idleness_of({}).empty());
}

TEST_CASE("anatomy: percentiles are nearest ranks") {
    std::vector<int64_t> hundred;
    for (int64_t i = 100; i > 0; --i) {
        hundred.push_back(i);
    }
    const distribution d = distribution_of(hundred);
    CHECK(d.count == 100);
    CHECK(d.p50_ns == 50);
    CHECK(d.p90_ns == 90);
    CHECK(d.p99_ns == 99);
    CHECK(d.max_ns == 100);
    CHECK(distribution_of({7}).p50_ns == 7);
    CHECK(distribution_of({7}).p99_ns == 7);
    CHECK(distribution_of({}).count == 0);
}
