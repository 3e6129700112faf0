// SPDX-License-Identifier: Apache-2.0
#include "scheduler/item.hpp"
#include "scheduler/timers.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <vector>

using namespace rp::sched;
using rp::test::random_source;

namespace {

constexpr int64_t ms = 1'000'000;

struct alarm_clock : timer_entry {
    item runnable;
    int64_t period_ns = 0;
    timers* home = nullptr;
    std::vector<int64_t> fired_at;

    explicit alarm_clock(timers& t) : home(&t) {
        expire = [](timer_entry& e, int64_t now) noexcept -> item* {
            auto& self = static_cast<alarm_clock&>(e);
            self.fired_at.push_back(now);
            if (self.period_ns != 0) {
                (void)self.home->arm(self, self.due_ns + self.period_ns, now);
            }
            return &self.runnable;
        };
    }
};

/// Everything that is due at `now`, as a worker would do it.
unsigned expire_all(timers& t, int64_t now, int64_t wall_offset = 0) {
    item* out[16];
    unsigned total = 0;
    for (unsigned found = 16; found == 16;) {
        const std::scoped_lock guard(t.lock());
        found = t.expire(now, wall_offset, out, 16);
        total += found;
    }
    return total;
}

} // namespace

TEST_CASE("timers: one fires at its deadline, not before, and once") {
    for (const int64_t due : std::initializer_list<int64_t>{1,
                                                            3 * ms + 7,
                                                            255 * ms,
                                                            256 * ms,
                                                            65'536 * ms + 1,
                                                            3'600'000 * ms,
                                                            100 * 86'400'000LL * ms}) {
        CAPTURE(due);
        auto t = std::make_unique<timers>();
        alarm_clock a(*t);
        const int64_t start = 5'000'123'456;
        CHECK(t->arm(a, start + due, start));
        CHECK(expire_all(*t, start + due - 1) == 0);
        CHECK(expire_all(*t, start + due) == 1);
        CHECK_FALSE(a.is_armed());
        CHECK(t->count() == 0);
        CHECK(expire_all(*t, start + 2 * due) == 0);
        CHECK(t->next_look_ns() == timers::never);
    }
}

TEST_CASE("timers: whoever sleeps until next_look fires everything in time") {
    auto t = std::make_unique<timers>();
    random_source random(rp::test::seed());
    std::vector<std::unique_ptr<alarm_clock>> all;
    int64_t now = 1'000 * ms;
    for (int i = 0; i < 2'000; ++i) {
        all.push_back(std::make_unique<alarm_clock>(*t));
        const int64_t range = int64_t{1} << random.below(45);
        (void)t->arm(*all.back(),
                     now + static_cast<int64_t>(random.below(static_cast<uint64_t>(range))),
                     now);
    }
    unsigned fired = 0;
    int looks = 0;
    while (t->next_look_ns() != timers::never) {
        REQUIRE(++looks < 20'000);
        now = std::max(now, t->next_look_ns());
        fired += expire_all(*t, now);
    }
    CHECK(fired == 2'000);
    int64_t latest = 0;
    for (const auto& a : all) {
        REQUIRE(a->fired_at.size() == 1);
        CHECK(a->fired_at[0] >= a->due_ns);
        latest = std::max(latest, a->fired_at[0] - a->due_ns);
    }
    CHECK(latest <= 500'000); // only when many are due within one tick
}

TEST_CASE("timers: random arming, disarming and time agree with a plain list") {
    auto t = std::make_unique<timers>();
    random_source random(rp::test::seed());
    std::vector<std::unique_ptr<alarm_clock>> all;
    for (int i = 0; i < 300; ++i) {
        all.push_back(std::make_unique<alarm_clock>(*t));
    }
    std::vector<int64_t> expected(all.size(), timers::never);
    int64_t now = 77 * ms + 1;
    for (int round = 0; round < 20'000; ++round) {
        const size_t i = random.below(all.size());
        switch (random.below(4)) {
        case 0:
        case 1:
            CHECK(t->disarm(*all[i]) == (expected[i] != timers::never));
            expected[i] = now + static_cast<int64_t>(random.below(uint64_t{1} << random.below(40)));
            (void)t->arm(*all[i], expected[i], now);
            break;
        case 2:
            CHECK(t->disarm(*all[i]) == (expected[i] != timers::never));
            expected[i] = timers::never;
            break;
        default:
            now += static_cast<int64_t>(random.below(uint64_t{1} << random.below(38)));
            const auto due = static_cast<unsigned>(std::count_if(
                expected.begin(), expected.end(), [now](int64_t e) { return e <= now; }));
            REQUIRE(expire_all(*t, now) == due);
            for (int64_t& e : expected) {
                e = e <= now ? timers::never : e;
            }
        }
        int64_t earliest = timers::never;
        for (const int64_t e : expected) {
            earliest = std::min(earliest, e);
        }
        if (earliest != timers::never) {
            REQUIRE(t->next_look_ns() <= std::max(now, earliest) + 500'000);
        }
    }
}

TEST_CASE("timers: what expires first fires first") {
    auto t = std::make_unique<timers>();
    std::vector<std::unique_ptr<alarm_clock>> all;
    for (int i = 0; i < 50; ++i) {
        all.push_back(std::make_unique<alarm_clock>(*t));
        (void)t->arm(*all.back(), 100 * ms + (i * 37 % 50), 0);
    }
    item* out[50];
    const std::scoped_lock guard(t->lock());
    REQUIRE(t->expire(101 * ms, 0, out, 50) == 50);
    for (int i = 0; i < 50; ++i) {
        const auto* owner = std::find_if(all.data(), all.data() + 50, [&](const auto& a) {
                                return &a->runnable == out[i];
                            })->get();
        CHECK(owner->due_ns == 100 * ms + i);
    }
}

TEST_CASE("R-TIMER-12: setting the wall clock moves absolute deadlines, and only those") {
    auto t = std::make_unique<timers>();
    alarm_clock relative(*t);
    alarm_clock absolute(*t);
    const int64_t hour = 3'600'000 * ms;
    const int64_t offset = 1'000 * hour;
    (void)t->arm(relative, 2 * hour, 0);
    (void)t->arm_absolute(absolute, offset + 2 * hour, 0, offset);
    CHECK(t->next_look_ns() <= timers::wall_clock_look_ns);
    SUBCASE("forward: due at once") {
        CHECK(expire_all(*t, hour, offset) == 0);
        CHECK(expire_all(*t, hour, offset + 90 * 60'000 * ms) == 1);
        CHECK(absolute.fired_at.size() == 1);
        CHECK(expire_all(*t, 2 * hour, offset) == 1);
        CHECK(relative.fired_at.size() == 1);
    }
    SUBCASE("backward: later") {
        CHECK(expire_all(*t, 2 * hour, offset - hour) == 1);
        CHECK(relative.fired_at.size() == 1);
        CHECK(expire_all(*t, 3 * hour - 1, offset - hour) == 0);
        CHECK(expire_all(*t, 3 * hour, offset - hour) == 1);
    }
    SUBCASE("a drift too small to move all entries still fires none early") {
        CHECK(expire_all(*t, 2 * hour, offset - ms / 2) == 1);
        CHECK(absolute.fired_at.empty());
        CHECK(expire_all(*t, 2 * hour + ms / 2, offset - ms / 2) == 1);
    }
}

TEST_CASE("timers: an entry may arm itself again while it expires") {
    auto t = std::make_unique<timers>();
    alarm_clock a(*t);
    a.period_ns = 10 * ms;
    (void)t->arm(a, 10 * ms, 0);
    unsigned fired = 0;
    for (int64_t now = 0; now <= 1'000 * ms; now += ms) {
        fired += expire_all(*t, now);
    }
    CHECK(fired == 100);
    CHECK(t->disarm(a));
}

TEST_CASE("R-TIMER-10: windows bring deadlines together, never before they are due") {
    random_source random(rp::test::seed());
    for (int i = 0; i < 10'000; ++i) {
        const auto due = static_cast<int64_t>(random.below(uint64_t{1} << 50)) + 1;
        const auto window = static_cast<int64_t>(random.below(uint64_t{1} << 40));
        const int64_t moved = coalesced_due_ns(due, window);
        REQUIRE(moved >= due);
        REQUIRE(moved <= due + window);
    }
    CHECK(coalesced_due_ns(100 * ms, 100 * ms) == coalesced_due_ns(127 * ms, 50 * ms));
    CHECK(coalesced_due_ns(100 * ms + 1, 0) == 100 * ms + 1);
}
