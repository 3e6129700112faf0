// SPDX-License-Identifier: Apache-2.0
// The rings of events: what a reader gets while the writers go on.
#include "kernel_iface/linux/thread.hpp"
#include "scheduler/events.hpp"
#include "tests/unit/scheduler/attached_tracer.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>
#include <vector>

using namespace rp;
using namespace rp::sched;

namespace {

struct recording {
    recording() { REQUIRE(events::begin(events::reason::trace, 64)); }

    ~recording() { events::end(events::reason::trace); }

    recording(const recording&) = delete;
    recording& operator=(const recording&) = delete;
};

/// Says so, if events were left out of this build.
bool is_blind() {
    if (!has_sight) {
        test::skip_missing("events (built with -Dsight=false)");
    }
    return !has_sight;
}

uint32_t this_thread() {
    return static_cast<uint32_t>(kernel::thread_id());
}

constexpr uint64_t seal(uint64_t n) {
    return n * 0x9E3779B97F4A7C15ULL ^ 0x5555;
}

void note_numbers(uint64_t from, uint64_t to) {
    for (uint64_t n = from; n < to; ++n) {
        events::note(event_kind::decision, n & 0xFFFFU, static_cast<int32_t>(n & 0xFF), n, seal(n));
    }
}

std::vector<event> of_thread(const events::snapshot& s, uint32_t thread) {
    std::vector<event> own;
    std::copy_if(s.all.begin(), s.all.end(), std::back_inserter(own), [thread](const event& e) {
        return e.thread == thread && e.kind == event_kind::decision;
    });
    return own;
}

/// Whole records, without a gap.
bool are_whole(const std::vector<event>& own) {
    for (size_t i = 0; i < own.size(); ++i) {
        const event& e = own[i];
        if (e.detail != seal(e.object) || e.pool != (e.object & 0xFFFFU) ||
            e.core != static_cast<int32_t>(e.object & 0xFF) ||
            (i != 0 && (e.object != own[i - 1].object + 1 || e.ticks < own[i - 1].ticks))) {
            return false;
        }
    }
    return true;
}

} // namespace

TEST_CASE("events: off until somebody asks, and each asker asks once") {
    if (is_blind()) {
        return;
    }
    CHECK_FALSE(events::is_on());
    {
        const recording on;
        CHECK(events::is_on());
        CHECK_FALSE(events::begin(events::reason::trace, 64));
        CHECK(events::begin(events::reason::flight, 64));
        events::end(events::reason::flight);
        CHECK(events::is_on());
    }
    CHECK_FALSE(events::is_on());
}

TEST_CASE("events: a tracer alone turns notes on and leaves the rings alone") {
    if (is_blind()) {
        return;
    }
    const uint64_t before = kernel::tick_clock::now();
    {
        const test::attached_tracer attached;
        CHECK(events::is_on());
        CHECK_FALSE(events::is_recording());
        note_numbers(0, 10);
        CHECK(of_thread(events::read(before), this_thread()).empty());
        const recording on;
        CHECK(events::is_recording());
    }
    CHECK_FALSE(events::is_on());
}

TEST_CASE("events: an event comes back as it was noted, the largest and smallest fields too") {
    if (is_blind()) {
        return;
    }
    const recording on;
    const uint64_t before = kernel::tick_clock::now();
    events::note(event_kind::placed, 0xFFFF, -1, UINT64_MAX, UINT64_MAX);
    events::note(event_kind::taken, 0, 1023, uint64_t{0}, 0);
    const uint64_t after = kernel::tick_clock::now();
    std::vector<event> own;
    for (const event& e : events::read(before).all) {
        if (e.thread == this_thread()) {
            own.push_back(e);
        }
    }
    REQUIRE(own.size() == 2);
    CHECK(own[0].kind == event_kind::placed);
    CHECK(own[0].pool == 0xFFFF);
    CHECK(own[0].core == -1);
    CHECK(own[0].object == UINT64_MAX);
    CHECK(own[0].detail == UINT64_MAX);
    CHECK(own[1].kind == event_kind::taken);
    CHECK(own[1].core == 1023);
    CHECK(own[1].ticks >= own[0].ticks);
    CHECK(own[1].ticks <= after);
}

TEST_CASE("events: a full ring keeps the newest and counts the rest as lost") {
    if (is_blind()) {
        return;
    }
    const recording on;
    // A worker that an earlier test left behind may note its end at the same time, and lose that.
    bool is_exact = false;
    for (int attempt = 0; attempt < 50 && !is_exact; ++attempt) {
        const uint64_t before = kernel::tick_clock::now();
        uint32_t writer = 0;
        std::thread([&writer] {
            writer = this_thread();
            note_numbers(0, 100'000);
        }).join();
        const events::snapshot s = events::read(before);
        const std::vector<event> own = of_thread(s, writer);
        REQUIRE_FALSE(own.empty());
        REQUIRE(are_whole(own));
        REQUIRE(own.back().object == 99'999);
        REQUIRE(own.size() < 100'000);
        REQUIRE(s.lost >= own.front().object);
        is_exact = s.lost == own.front().object;
    }
    CHECK(is_exact);
}

TEST_CASE("events: what a thread noted stays readable after it, and after its ring's next owner") {
    if (is_blind()) {
        return;
    }
    const recording on;
    const uint64_t before = kernel::tick_clock::now();
    uint32_t writers[2] = {};
    for (uint32_t& writer : writers) {
        std::thread([&writer] {
            writer = this_thread();
            note_numbers(0, 20);
        }).join();
    }
    const events::snapshot s = events::read(before);
    for (const uint32_t writer : writers) {
        CHECK(of_thread(s, writer).size() % 20 == 0); // the two may have had the same thread id
        CHECK_FALSE(of_thread(s, writer).empty());
    }
    event last;
    REQUIRE(events::last_of(writers[1], last));
    CHECK(last.object == 19);
    CHECK_FALSE(events::last_of(0xFFFFFF, last));
}

TEST_CASE("events: a reader never sees half a record while the writer overwrites what it reads") {
    if (is_blind()) {
        return;
    }
    const recording on;
    const uint64_t before = kernel::tick_clock::now();
    std::atomic<uint32_t> writer{0};
    std::atomic<bool> is_over{false};
    std::thread busy([&] {
        // mo: release, pairs test.writer (below).
        writer.store(this_thread(), std::memory_order_release);
        // mo: relaxed, a request to end.
        for (uint64_t n = 0; !is_over.load(std::memory_order_relaxed); n += 50) {
            note_numbers(n, n + 50);
        }
    });
    // Only readings beside which the writer went on count; ten seconds bound a machine that has no
    // time for both.
    unsigned overlapping = 0;
    uint64_t newest = 0;
    bool is_whole = true;
    const int64_t deadline = kernel::now_ns() + 10'000'000'000;
    while (overlapping < 1000 && is_whole && kernel::now_ns() < deadline) {
        const events::snapshot s = events::read(before);
        // mo: acquire, pairs test.writer (above).
        const std::vector<event> own = of_thread(s, writer.load(std::memory_order_acquire));
        is_whole = is_whole && are_whole(own) && (own.empty() || own.back().object >= newest);
        if (!own.empty() && own.back().object != newest) {
            newest = own.back().object;
            ++overlapping;
        }
    }
    // mo: relaxed, the join orders the rest.
    is_over.store(true, std::memory_order_relaxed);
    busy.join();
    CHECK(is_whole);
    CHECK(overlapping > 100);
}
