// SPDX-License-Identifier: Apache-2.0
// The rules that tell the shipped policies apart, against numbers. policy_test.cpp has those of the
// first three.
#include "scheduler/policies/bwos/policy.hpp"
#include "scheduler/policies/darc/policy.hpp"
#include "scheduler/policies/edf/policy.hpp"
#include "scheduler/policies/jbsq/policy.hpp"
#include "scheduler/policies/lifo_slot/policy.hpp"
#include "scheduler/policies/prio/policy.hpp"
#include "scheduler/policies/ps/policy.hpp"
#include "scheduler/policies/registry.hpp"
#include "scheduler/policies/sjf_est/policy.hpp"
#include "scheduler/policies/tail_control/policy.hpp"
#include "scheduler/policies/ws_2choice/policy.hpp"
#include "scheduler/policies/ws_half/policy.hpp"
#include "scheduler/policies/ws_llc/policy.hpp"
#include "tests/unit/scheduler/fake_context.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace rp::sched;
using rp::test::code;
using rp::test::fake_context;
using rp::test::round_of;

namespace {

constexpr task_info normal(origin from = origin::external, uint8_t cls = 0, uint16_t request = 0) {
    return {nullptr, priority_normal, from, cls, request};
}

/// A fruitless search must have come by everything in `queues`.
template <class Policy>
void check_round(const Policy& policy, std::initializer_list<int> queues) {
    for (uint64_t turn = 0; turn < 200; ++turn) {
        fake_context c;
        const auto seen = round_of(policy, c, turn);
        CAPTURE(turn);
        for (const int each : queues) {
            CAPTURE(each);
            CHECK(seen.count(each) >= 1);
        }
    }
}

constexpr int high = code(action::kind::take_shared, priority_high);
constexpr int shared_normal = code(action::kind::take_shared, priority_normal);
constexpr int low = code(action::kind::take_shared, priority_low);
constexpr int io = code(action::kind::poll);

} // namespace

TEST_CASE("every policy: a fruitless search looks at every queue the policy places into") {
    const int stealing[] = {
        code(action::kind::steal, 0), code(action::kind::steal, 2), code(action::kind::steal, 3)};
    const auto check_stealing = [&](const auto& policy) {
        check_round(policy,
                    {code(action::kind::take_newest),
                     code(action::kind::take_line),
                     code(action::kind::take_arrivals),
                     shared_normal,
                     low,
                     io,
                     stealing[0],
                     stealing[1],
                     stealing[2]});
    };
    check_stealing(policies::ws_2choice());
    check_stealing(policies::ws_llc());
    check_stealing(policies::ws_half());
    check_stealing(policies::lifo_slot());
    check_stealing(policies::tail_control());
    check_round(
        policies::jbsq(),
        {code(action::kind::take_line), code(action::kind::take_inbox, 1), shared_normal, low, io});
    const int sorted = code(action::kind::take_sorted);
    check_round(policies::prio(), {sorted, high, shared_normal, low, io});
    check_round(policies::edf(), {sorted, high, shared_normal, low, io});
    check_round(policies::sjf_est(), {sorted, high, shared_normal, low, io});
    check_round(policies::ps(), {high, shared_normal, low, io});
    check_round(policies::darc(), {high, shared_normal, low, io});
}

TEST_CASE("ws-2choice: of two random cores the shorter gets an item, the longer is robbed") {
    const policies::ws_2choice policy;
    fake_context c;
    c.core_lengths = {9, 0, 9, 9};
    std::map<int32_t, int> placed;
    std::map<int32_t, int> robbed;
    for (int i = 0; i < 4000; ++i) {
        ++placed[policy.place(c, normal(), no_core).to.index];
        ++robbed[policy.next(c, 0, step{7, 0, 0}).argument];
    }
    // Core 1 is among two draws of four with probability 7/16, alone with 1/16.
    CHECK(placed[1] > 4000 * 5 / 16);
    CHECK(robbed[1] < 4000 * 2 / 16);
}

TEST_CASE("ws-half: a thief asks for half of everything; ws-llc: the nearest core first") {
    fake_context c;
    CHECK(policies::ws_half().next(c, 0, step{7, 0, 0}).how_much == action::amount::most);
    const policies::ws_llc near;
    for (uint32_t k = 0; k < 3; ++k) {
        CHECK(near.next(c, 1, step{7 + k, 0, 0}).argument == c.near(1, k));
    }
}

TEST_CASE("lifo-slot: after slot_runs items from the slot the line is first, once") {
    policies::lifo_slot policy;
    fake_context c;
    CHECK(policy.place(c, normal(origin::spawn), 2).at == placement::spot::slot);
    CHECK(policy.place(c, normal(origin::requeue), 2).at == placement::spot::line);
    int from_slot = 0;
    for (uint64_t turn = 1; turn < 13; ++turn) { // before the first poll
        const action a = policy.next(c, 0, step{0, 0, turn});
        if (a.what == action::kind::take_line) {
            CHECK(from_slot == policy.slot_runs);
            from_slot = 0;
        } else {
            CHECK(a.what == action::kind::take_newest);
            ++from_slot;
        }
    }
    CHECK(policy.next(c, 0, step{0, 0, 61}).what == action::kind::take_arrivals);
}

TEST_CASE("bwos: items wait in blocks, and longer queues are robbed more often") {
    const policies::bwos policy;
    fake_context c;
    CHECK(policy.place(c, normal(origin::spawn), 1).at == placement::spot::blocks);
    for (uint64_t turn = 0; turn < 200; ++turn) {
        const auto seen = round_of(policy, c, turn);
        CHECK(seen.count(code(action::kind::take_blocks)) >= 1);
        CHECK(seen.count(code(action::kind::take_newest)) == 0); // nothing is ever put there
    }
    c.core_lengths = {1, 1, 6, 1};
    std::map<int32_t, int> robbed;
    for (int i = 0; i < 4000; ++i) {
        const action a = policy.next(c, 0, step{7, 0, 0});
        CHECK((a.parts & action::from_blocks) != 0);
        ++robbed[a.argument];
    }
    // In a sample of four it is there with 175/256, and then wins in proportion to its length.
    CHECK(robbed[2] > 4000 * 4 / 10);
    CHECK(robbed[1] > 4000 * 5 / 100);
}

TEST_CASE("jbsq: the core with the fewest items, none with k, and nobody overtakes the centre") {
    policies::jbsq policy;
    policy.k = 2;
    fake_context c;
    c.core_lengths = {1, 0, 1, 1};
    c.held = {true, true, true, true};
    for (int i = 0; i < 50; ++i) {
        CHECK(policy.place(c, normal(), no_core).to.index == 1); // one running, none waiting
    }
    c.core_lengths = {1, 1, 1, 1};
    CHECK(policy.place(c, normal(), no_core).to.of == queue::kind::shared);
    c.held[3] = false; // nobody runs there, one waits
    CHECK(policy.place(c, normal(), no_core).to.index == 3);
    c.lengths[priority_normal] = 1;
    CHECK(policy.place(c, normal(), no_core).to.of == queue::kind::shared);
}

TEST_CASE("prio: a level of priority is worth ageing_ms of waiting, and no more") {
    policies::prio policy;
    policy.ageing_ms = 100;
    fake_context c;
    const task_info low_item{nullptr, priority_low, origin::external};
    const int64_t early_low = policy.place(c, low_item, no_core).key;
    c.time_ns += 99'000'000;
    CHECK(policy.place(c, normal(), no_core).key < early_low);
    c.time_ns += 2'000'000;
    CHECK(policy.place(c, normal(), no_core).key > early_low);
}

TEST_CASE("edf: the earlier deadline is the smaller key, a class without one has the knob's") {
    policies::edf policy;
    fake_context c;
    c.deadlines[3] = 1'000'000;
    CHECK(policy.place(c, normal(origin::external, 3), no_core).key == c.time_ns + 1'000'000);
    CHECK(policy.place(c, normal(), no_core).key == c.time_ns + 10'000'000);
}

TEST_CASE("sjf-est: of two placed together the shorter is first; a long one waits a bounded time") {
    policies::sjf_est policy;
    policy.patience = 10;
    fake_context c;
    c.means[1] = 1'000;
    c.means[2] = 100'000;
    const int64_t longer = policy.place(c, normal(origin::external, 2), no_core).key;
    CHECK(policy.place(c, normal(origin::external, 1), no_core).key < longer);
    c.time_ns += 10 * 100'000;
    CHECK(policy.place(c, normal(origin::external, 1), no_core).key > longer);
    c.means[2] = 10'000'000'000; // interrupted for long, perhaps
    CHECK(policy.place(c, normal(origin::external, 2), no_core).key <= c.time_ns + 100'000'000);
}

TEST_CASE("ps: asks for the core back after a quantum, and only if somebody waits") {
    policies::ps policy;
    policy.quantum_us = 50;
    fake_context c;
    CHECK_FALSE(policy.should_yield(c, 0, 60'000));
    c.lengths[priority_normal] = 1;
    CHECK(policy.should_yield(c, 0, 50'000));
    CHECK_FALSE(policy.should_yield(c, 0, 49'999));
}

TEST_CASE("darc: short classes keep a core, long ones keep out of it, all are served somewhere") {
    policies::darc policy;
    fake_context c;
    c.core_count = 4;
    // Until there is a profile everything is first come, first served.
    CHECK(policy.place(c, normal(origin::external, 1), no_core).to.of == queue::kind::shared);
    c.seen_counts[1] = 9'950; // short: half of the work
    c.means[1] = 1'000;
    c.seen_counts[2] = 50; // long: the other half
    c.means[2] = 199'000;
    policy.tick(c);
    CHECK(policy.place(c, normal(origin::external, 1), no_core).to.of == queue::kind::of_class);
    const queue shorts = queue::of_class(1);
    const queue longs = queue::of_class(2);
    CHECK(policy.reads(c, 0, shorts));
    CHECK_FALSE(policy.reads(c, 0, longs));
    CHECK_FALSE(policy.reads(c, 1, longs));
    CHECK(policy.reads(c, 2, longs));
    for (core_id core = 0; core < 4; ++core) {
        CHECK(policy.reads(c, core, shorts)); // short ones may borrow the cores of long ones
    }
    c.class_lengths[1] = 1;
    c.class_lengths[2] = 1;
    CHECK(policy.next(c, 3, step{2, 0, 0}).argument == 1);
    c.class_lengths[1] = 0;
    CHECK(policy.next(c, 3, step{2, 0, 0}).argument == 2);
    CHECK(policy.next(c, 0, step{2, 0, 0}).what != action::kind::take_class);
}

TEST_CASE("tail-control: a large request spawns into the line, where nobody steals, under load") {
    policies::tail_control policy;
    policy.large_us = 1000;
    fake_context c;
    c.core_count = 2;
    c.requests = 4;
    c.request_work_ns = 600'000; // above 1000 us x 2 cores / 4 requests
    CHECK(policy.place(c, normal(origin::spawn, 0, 7), 1).at == placement::spot::line);
    c.request_work_ns = 400'000;
    CHECK(policy.place(c, normal(origin::spawn, 0, 7), 1).at == placement::spot::newest);
    c.request_work_ns = 60'000'000;
    c.requests = 2; // a core for each
    CHECK(policy.place(c, normal(origin::spawn, 0, 7), 1).at == placement::spot::newest);
    const action a = policy.next(c, 0, step{4, 0, 0});
    CHECK(a.what == action::kind::steal);
    CHECK((a.parts & action::from_line) == 0);
}

TEST_CASE("settings: each is checked against its range, and the name comes back with them") {
    CHECK(policy_problem("jbsq:k=3") == "");
    CHECK(policy_problem("jbsq:k=3,spin_ns=0") == "");
    CHECK(policy_problem("jbsq:") == "");
    CHECK(policy_problem("jbsq:k=0").find("takes a whole number from 1 to 1024, not '0'") !=
          std::string::npos);
    CHECK(policy_problem("jbsq:k=").find("not ''") != std::string::npos);
    CHECK(policy_problem("jbsq:k").find("not ''") != std::string::npos);
    CHECK(policy_problem("jbsq:k=2x").find("not '2x'") != std::string::npos);
    CHECK(policy_problem("jbsq:q=2").find("unknown setting 'q'; known: k ") != std::string::npos);
    CHECK(engine::create("jbsq:k=0") == nullptr);
    engine* e = engine::create("jbsq:k=3");
    REQUIRE(e != nullptr);
    CHECK(std::string(e->policy_name()) == "jbsq:k=3");
    e->shut_down();
    e->release();
}

TEST_CASE("aliases: cfcfs and windows are shared-fifo, dfcfs is partitioned") {
    for (const auto& [alias, name] : {std::pair{"cfcfs", "shared-fifo"},
                                      std::pair{"windows", "shared-fifo"},
                                      std::pair{"dfcfs", "partitioned"}}) {
        const policy_entry* e = find_policy(alias);
        REQUIRE(e != nullptr);
        CHECK(e->name == name);
    }
}
