// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/quantity.hpp"
#include "bench/peers/goals.hpp"
#include "bench/peers/record.hpp"

#include <fmt/format.h>

namespace rp::peers {

namespace {

constexpr const char* columns =
    "{:<22} {:>2} {:>11} {:>25}  {:<14} {:>9} {:>8}  {:<7} {:>9} {:>7}  "
    "{}\n";

std::string goals_text(const row_result& row) {
    std::string text;
    for (const judged_goal& one : judge(row)) {
        text += fmt::format(
            "{}{} {}", text.empty() ? "" : ", ", name_of(one.outcome), text_of(row, *one.which));
    }
    return text.empty() ? "-" : text;
}

// What stands beside a row that could not be compared with everything it should be.
std::string remarks(const row_result& row) {
    std::string text;
    for (const series& one : row.engines) {
        if (!one.fault.empty()) {
            text += fmt::format("    {}: WRONG: {}\n", one.engine, one.fault);
        } else if (!one.absent.empty()) {
            text += fmt::format("    {}: {}\n", one.engine, one.absent);
        } else if (!one.missed.empty()) {
            text += fmt::format("    {}: a repetition has no value: {}\n", one.engine, one.missed);
        }
    }
    return text;
}

std::string ratio_text(const std::optional<double>& ratio) {
    return ratio ? fmt::format("{:.2f}x", *ratio) : "-";
}

} // namespace

std::string show_value(double value, const std::string& unit) {
    if (unit == "ns") {
        return value < 1000 ? fmt::format("{:.1f} ns", value) : lab::show_duration(value);
    }
    return lab::show_count(value) + "/s";
}

std::string table_head() {
    return fmt::format(fmt::runtime(columns),
                       "shape",
                       "w",
                       "ringpool",
                       "lowest .. highest",
                       "best peer",
                       "its",
                       "better",
                       "limit",
                       "its",
                       "/limit",
                       "goal");
}

std::string table_line(const row_result& row) {
    const auto name = [&](const series* one) { return one == nullptr ? "-" : one->engine; };
    const auto value = [&](const series* one) {
        const auto found = one == nullptr ? std::nullopt : spread_of(*one);
        return found ? show_value(found->median, row.unit) : "-";
    };
    if (!row.skipped.empty()) {
        return fmt::format("{:<22} {:>2} skipped: {}\n", row.shape, row.workers, row.skipped);
    }
    const series* const ours = ours_in(row);
    const series* const peer = best_of(row, role::peer);
    const series* const limit = best_of(row, role::limit);
    const auto range = ours == nullptr ? std::nullopt : spread_of(*ours);
    return fmt::format(fmt::runtime(columns),
                       row.shape,
                       row.workers,
                       value(ours),
                       range ? fmt::format("{} .. {}",
                                           show_value(range->low, row.unit),
                                           show_value(range->high, row.unit))
                             : "-",
                       name(peer),
                       value(peer),
                       ratio_text(peer == nullptr ? std::nullopt : times_better(row, *peer)),
                       name(limit),
                       value(limit),
                       ratio_text(limit == nullptr ? std::nullopt : over_limit(row, *limit)),
                       goals_text(row)) +
           remarks(row);
}

std::string table_foot(const comparison& of) {
    std::string text =
        "\nMedian of the repetitions. better: how many times better than the best peer; /limit: "
        "times the limit's\ntime, or the share of its throughput. Both are medians of the ratios "
        "within each repetition.\nw: workers. What each shape and each limit is: "
        "docs/benchmarks.md.\n";
    if (!of.peers) {
        text += "Only ringpool and the limits were measured; --peers adds the other libraries.\n";
    }
    if (of.quick) {
        text += "--quick: short and few measurements; not for citing.\n";
    }
    return text;
}

std::vector<std::string> faults_of(const comparison& of) {
    std::vector<std::string> found;
    for (const row_result& row : of.rows) {
        for (const series& one : row.engines) {
            if (!one.fault.empty()) {
                found.push_back(fmt::format("{}, {} worker{}: {}: {}",
                                            row.shape,
                                            row.workers,
                                            row.workers == 1 ? "" : "s",
                                            one.engine,
                                            one.fault));
            }
        }
    }
    return found;
}

} // namespace rp::peers
