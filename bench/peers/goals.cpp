// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/goals.hpp"

#include <fmt/format.h>

namespace rp::peers {

const std::vector<goal>& all_goals() {
    constexpr bound at_most = bound::at_most;
    constexpr bound at_least = bound::at_least;
    static const std::vector<goal> goals{
        {"submit_one", 0, "limit", at_most, 4},
        {"submit_1000", 0, "limit", at_most, 2.5},
        {"submit_1000", 0, "peers", at_least, 6},
        {"try_submit", 0, "limit", at_most, 8},
        {"fan_out", 0, "limit", at_most, 2},
        {"fork_join", 1, "limit", at_most, 1.25},
        {"fork_join", 2, "limit", at_most, 1.7},
        {"chain", 0, "limit", at_most, 2},
        {"four_producers", 0, "limit", at_most, 4},
        {"idle_wake", 0, "limit", at_most, 1.1},
        {"timer_set", 0, "limit", at_most, 10},
        {"timer_set", 0, "libuv", at_least, 3},
        {"timer_cancel", 0, "limit", at_most, 12},
        {"timer_cancel", 0, "libuv", at_least, 3},
        {"timers_fire", 0, "libuv", at_least, 2},
        {"event_wait", 0, "limit", at_most, 3},
        {"read_cached_qd1", 1, "limit", at_least, 0.85},
        {"read_cached_qd32", 1, "limit", at_least, 0.90},
        {"read_cached_qd32", 2, "limit", at_least, 1.5}, // the loop has one thread
        {"read_direct_qd1", 0, "limit", at_least, 0.95},
        {"read_direct_qd32", 0, "limit", at_least, 0.97},
        {"read_direct_qd256", 0, "limit", at_least, 0.97},
        {"echo_1", 0, "limit", at_least, 0.95},
        {"echo_1", 0, "peers", at_least, 1},
        {"echo_64", 0, "limit", at_least, 0.95},
        {"echo_64", 0, "peers", at_least, 1},
        {"echo_1024", 0, "limit", at_least, 0.95},
        {"echo_1024", 0, "peers", at_least, 1},
        {"win32_submit_one", 0, "wine", at_least, 6},
        {"win32_submit_1000", 0, "wine", at_least, 6},
        {"win32_read_cached_qd1", 0, "wine", at_least, 20},
    };
    return goals;
}

namespace {

std::optional<double> ratio_for(const row_result& row, const goal& which) {
    if (which.against == "limit") {
        const series* const limit = best_of(row, role::limit);
        return limit == nullptr ? std::nullopt : over_limit(row, *limit);
    }
    const series* const peer =
        which.against == "peers" ? best_of(row, role::peer) : row.named(std::string(which.against));
    return peer == nullptr ? std::nullopt : times_better(row, *peer);
}

} // namespace

std::vector<judged_goal> judge(const row_result& row) {
    std::vector<judged_goal> found;
    for (const goal& one : all_goals()) {
        if (one.shape != row.shape || (one.workers != 0 && one.workers != row.workers)) {
            continue;
        }
        judged_goal judged{&one, ratio_for(row, one), verdict::open};
        if (judged.ratio) {
            const bool holds = one.sense == bound::at_most ? *judged.ratio <= one.value
                                                           : *judged.ratio >= one.value;
            judged.outcome = holds ? verdict::met : verdict::missed;
        }
        found.push_back(judged);
    }
    return found;
}

std::string_view name_of(verdict v) {
    switch (v) {
    case verdict::met:
        return "met";
    case verdict::missed:
        return "missed";
    case verdict::open:
        return "open";
    }
    return "?";
}

std::string text_of(const row_result& row, const goal& which) {
    const char* const relation = which.sense == bound::at_most ? "<=" : ">=";
    if (which.against == "limit" && row.sense == better::more) {
        return fmt::format("{} {} of limit", relation, which.value);
    }
    return fmt::format(
        "{} {}x {}", relation, which.value, which.against == "peers" ? "best peer" : which.against);
}

} // namespace rp::peers
