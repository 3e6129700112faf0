// SPDX-License-Identifier: Apache-2.0
// The shipped policies against a context that is nothing but numbers.
#include "scheduler/engine.hpp"
#include "scheduler/policies/partitioned/policy.hpp"
#include "scheduler/policies/shared_fifo/policy.hpp"
#include "scheduler/policies/ws/policy.hpp"
#include "tests/unit/scheduler/fake_context.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace rp::sched;
using rp::test::code;
using rp::test::fake_context;
using rp::test::round_of;

TEST_CASE("ws: a fruitless search looks at every queue that ws says it reads") {
    for (uint64_t turn = 0; turn < 200; ++turn) {
        CAPTURE(turn);
        fake_context c;
        const auto seen = round_of(policies::ws(), c, turn);
        CHECK(seen.count(code(action::kind::take_newest)) >= 1);
        CHECK(seen.count(code(action::kind::take_line)) >= 1);
        CHECK(seen.count(code(action::kind::take_inbox, policies::ws::batch)) >= 1);
        CHECK(seen.count(code(action::kind::take_arrivals)) >= 1);
        CHECK(seen.count(code(action::kind::take_shared, priority_normal)) >= 1);
        CHECK(seen.count(code(action::kind::take_shared, priority_low)) >= 1);
        CHECK(seen.count(code(action::kind::poll)) >= 1);
        for (int victim : {0, 2, 3}) {
            CHECK(seen.count(code(action::kind::steal, victim)) >= 1);
        }
    }
}

TEST_CASE("shared-fifo and partitioned: a fruitless search looks at every queue they read") {
    for (uint64_t turn = 0; turn < 64; ++turn) {
        CAPTURE(turn);
        fake_context c;
        const auto shared = round_of(policies::shared_fifo(), c, turn);
        for (unsigned p = 0; p < priority_count; ++p) {
            CHECK(shared.count(code(action::kind::take_shared, static_cast<int>(p))) >= 1);
        }
        CHECK(shared.count(code(action::kind::poll)) >= 1);
        const auto parts = round_of(policies::partitioned(), c, turn);
        CHECK(parts.count(code(action::kind::take_line)) >= 1);
        CHECK(parts.count(code(action::kind::take_inbox, 1)) >= 1);
        CHECK(parts.count(code(action::kind::take_shared, priority_low)) >= 1);
        CHECK(parts.count(code(action::kind::poll)) >= 1);
        CHECK(parts.lower_bound(code(action::kind::steal)) ==
              parts.upper_bound(code(action::kind::steal, 99)));
    }
}

TEST_CASE("ws: each first-in-first-out source comes first at least once in 80 turns") {
    policies::ws policy;
    fake_context c;
    std::set<action::kind> firsts;
    for (uint64_t turn = 0; turn < 80; ++turn) {
        firsts.insert(policy.next(c, 0, step{0, 0, turn}).what);
    }
    for (const action::kind k : {action::kind::take_oldest,
                                 action::kind::take_line,
                                 action::kind::take_inbox,
                                 action::kind::take_arrivals,
                                 action::kind::take_shared}) {
        CHECK(firsts.count(k) == 1);
    }
}

TEST_CASE("R-ENV-6: a waiting high-priority item is the next thing every policy takes") {
    fake_context c;
    c.lengths[priority_high] = 1;
    for (uint64_t turn = 0; turn < 40; ++turn) {
        const step s{0, 0, turn};
        CHECK(policies::ws{}.next(c, 0, s).argument == priority_high);
        CHECK(policies::partitioned{}.next(c, 0, s).argument == priority_high);
    }
    CHECK(policies::shared_fifo{}.next(c, 0, step{0, 0, 0}).argument == priority_high);
}

TEST_CASE("ws: fresh work of a callback goes to the newest end, a requeued object waits in line") {
    fake_context c;
    c.core_length = 1;
    policies::ws policy;
    CHECK(policy.place(c, {nullptr, priority_normal, origin::spawn}, 2).at ==
          placement::spot::newest);
    CHECK(policy.place(c, {nullptr, priority_normal, origin::requeue}, 2).at ==
          placement::spot::line);
    c.core_length = 0; // it would be the line's only item, and the deque's
    CHECK(policy.place(c, {nullptr, priority_normal, origin::requeue}, 2).at ==
          placement::spot::newest);
    CHECK(policy.place(c, {nullptr, priority_normal, origin::external}, no_core).to.of ==
          queue::kind::arrivals);
    CHECK(policy.place(c, {nullptr, priority_low, origin::spawn}, 2).to.of == queue::kind::shared);
}

TEST_CASE("policy names: the default comes first, unknown names make no engine") {
    REQUIRE(policy_names()[0] != nullptr);
    CHECK(std::string(policy_names()[0]) == "ws");
    CHECK(policy_problem("shared-fifo") == "");
    CHECK(policy_problem("partitioned") == "");
    CHECK(policy_problem("nonsense").find("unknown policy 'nonsense'; known: ws ") == 0);
    CHECK(engine::create("nonsense") == nullptr);
}
