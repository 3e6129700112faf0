// SPDX-License-Identifier: Apache-2.0
// bench.html. The charts are drawn here and not by a script in the page, so that the page shows the
// same without one.
#include "bench/lab/quantity.hpp"
#include "bench/lab/report/assets.hpp"
#include "bench/peers/goals.hpp"
#include "bench/peers/record.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <nlohmann/json.hpp>

namespace rp::peers {

namespace {

using json = nlohmann::ordered_json;

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        default:
            out += c;
        }
    }
    return out;
}

std::string title_of(const row_result& row) {
    return fmt::format("{}, {} worker{}", row.shape, row.workers, row.workers == 1 ? "" : "s");
}

const char* unit_text(const row_result& row) {
    return row.unit == "ns" ? "nanoseconds, less is better" : "per second, more is better";
}

const char* class_of(role part) {
    return part == role::ours ? "ours" : part == role::peer ? "peer" : "limit";
}

// Horizontal bars from zero, one for each engine.
std::string chart(const row_result& row) {
    constexpr double left = 130;
    constexpr double width = 520;
    constexpr double step = 26;
    double most = 0;
    double lines = 0;
    for (const series& one : row.engines) {
        if (const auto found = spread_of(one); found && one.fault.empty()) {
            most = std::max(most, found->high);
            lines += 1;
        }
    }
    if (most <= 0) {
        return "<p>Nothing of this row could be measured.</p>\n";
    }
    const double height = lines * step + 8;
    std::string out =
        fmt::format("<svg viewBox=\"0 0 780 {0:.0f}\" role=\"img\" aria-label=\"{1}: the figures "
                    "of the table below as bars\">\n<line class=\"axis\" x1=\"{2}\" y1=\"0\" "
                    "x2=\"{2}\" y2=\"{0:.0f}\"/>\n",
                    height,
                    title_of(row),
                    left);
    double y = 4;
    for (const series& one : row.engines) {
        const auto found = spread_of(one);
        if (!found || !one.fault.empty()) {
            continue;
        }
        const auto at = [&](double value) { return left + width * value / most; };
        out += fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"end\">{}</text>"
                           "<rect class=\"{}\" x=\"{:.0f}\" y=\"{:.0f}\" width=\"{:.1f}\" "
                           "height=\"18\"/>",
                           left - 8,
                           y + 13,
                           escaped(one.engine),
                           class_of(one.part),
                           left,
                           y,
                           std::max(1.0, at(found->median) - left));
        out += fmt::format("<line class=\"reach\" x1=\"{:.1f}\" y1=\"{:.0f}\" x2=\"{:.1f}\" "
                           "y2=\"{:.0f}\"/><text class=\"value\" x=\"{:.1f}\" y=\"{:.0f}\">{}"
                           "</text>\n",
                           at(found->low),
                           y + 9,
                           at(found->high),
                           y + 9,
                           at(found->high) + 8,
                           y + 13,
                           show_value(found->median, row.unit));
        y += step;
    }
    return out + "</svg>\n";
}

std::string ratio_cell(const std::optional<double>& ratio) {
    return ratio ? fmt::format("{:.2f}", *ratio) : "-";
}

std::string engine_line(const row_result& row, const series& one) {
    const auto found = spread_of(one);
    if (!found || !one.fault.empty()) {
        const std::string why = !one.fault.empty()    ? "wrong answer: " + one.fault
                                : !one.absent.empty() ? one.absent
                                : !one.missed.empty() ? one.missed
                                                      : "not measured";
        return fmt::format("<tr><th scope=\"row\">{}</th><td class=\"wide\" colspan=\"5\">{}</td>"
                           "</tr>\n",
                           escaped(one.engine),
                           escaped(why));
    }
    std::string ratio = "-";
    if (one.part == role::peer) {
        ratio = ratio_cell(times_better(row, one));
    } else if (one.part == role::limit) {
        ratio = ratio_cell(over_limit(row, one));
    }
    return fmt::format("<tr><th scope=\"row\">{}</th><td class=\"text\">{}</td><td>{}</td>"
                       "<td>{} .. {}</td><td>{}</td><td>{}</td></tr>\n",
                       escaped(one.engine),
                       class_of(one.part),
                       show_value(found->median, row.unit),
                       show_value(found->low, row.unit),
                       show_value(found->high, row.unit),
                       found->count,
                       ratio);
}

std::string row_section(const row_result& row) {
    std::string out = fmt::format("<section><h2>{}</h2>\n", escaped(title_of(row)));
    if (!row.skipped.empty()) {
        return out + fmt::format("<p>Skipped: {}</p></section>\n", escaped(row.skipped));
    }
    out += fmt::format("<figure>{}<figcaption>{}</figcaption></figure>\n"
                       "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">"
                       "<table><caption>{}</caption><thead><tr><th scope=\"col\">engine</th>"
                       "<th scope=\"col\">role</th><th scope=\"col\">median</th>"
                       "<th scope=\"col\">lowest .. highest</th>"
                       "<th scope=\"col\">repetitions</th>"
                       "<th scope=\"col\">peer: times better than it; limit: times it</th></tr>"
                       "</thead><tbody>\n",
                       chart(row),
                       unit_text(row),
                       title_of(row),
                       title_of(row));
    for (const series& one : row.engines) {
        out += engine_line(row, one);
    }
    return out + "</tbody></table></div></section>\n";
}

std::string goals_table(const comparison& of) {
    std::string lines;
    for (const row_result& row : of.rows) {
        for (const judged_goal& one : judge(row)) {
            lines += fmt::format("<tr><th scope=\"row\">{}</th><td class=\"text\">{}</td><td>{}"
                                 "</td><td class=\"text {}\">{}</td></tr>\n",
                                 title_of(row),
                                 escaped(text_of(row, *one.which)),
                                 ratio_cell(one.ratio),
                                 name_of(one.outcome),
                                 name_of(one.outcome));
        }
    }
    if (lines.empty()) {
        return "<p>No row that was measured has a goal.</p>";
    }
    return "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Goals\"><table>"
           "<thead><tr><th scope=\"col\">row</th><th scope=\"col\">goal</th>"
           "<th scope=\"col\">ratio</th><th scope=\"col\">verdict</th></tr></thead><tbody>\n" +
           lines + "</tbody></table></div>";
}

std::string machine_list(const comparison& of) {
    const json environment = of.environment.empty() ? json() : json::parse(of.environment);
    const auto at = [&](const std::string& path) {
        const json::json_pointer where(path);
        if (!environment.contains(where)) {
            return std::string("-");
        }
        const json& value = environment.at(where);
        return value.is_string() ? value.get<std::string>() : value.dump();
    };
    const std::vector<std::pair<std::string, std::string>> facts{
        {"CPU", at("/cpu/model")},
        {"Kernel", at("/kernel/release")},
        {"Governor", at("/cpu/governor")},
        {"Load average at the start", at("/limits/load_average")},
        {"Completions by", at("/completion_source")},
        {"Allocator", at("/allocator/name") + " " + at("/allocator/version")},
        {"Compiler", at("/build/compiler") + ", " + at("/build/buildtype")},
        {"ringpool", at("/build/version") + ", commit " + at("/build/commit")},
        {"Seed", std::to_string(of.seed)},
    };
    std::string out = "<dl>";
    for (const auto& [name, value] : facts) {
        out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, escaped(value));
    }
    return out + "</dl>";
}

std::string state_of(const comparison& of) {
    std::string text = fmt::format("Started {}, {} of {} rows measured, {} repetition{} each",
                                   of.started_utc,
                                   of.rows.size(),
                                   of.planned_rows,
                                   of.repetitions,
                                   of.repetitions == 1 ? "" : "s");
    if (!of.interrupted.empty()) {
        text += "; ended early: " + of.interrupted;
    } else if (of.finished_utc.empty()) {
        text += "; the run has not finished";
    }
    if (of.quick) {
        text += "; quick: short and few measurements, not for citing";
    }
    return text + ".";
}

// One pass over the page, so that nothing in a value is taken for a mark.
std::string filled(const std::string& page,
                   const std::vector<std::pair<std::string, std::string>>& values) {
    std::string out;
    for (std::size_t i = 0; i < page.size();) {
        const auto found = std::find_if(values.begin(), values.end(), [&](const auto& one) {
            return page.compare(i, one.first.size(), one.first) == 0;
        });
        if (found == values.end()) {
            out += page[i];
            i += 1;
        } else {
            out += found->second;
            i += found->first.size();
        }
    }
    return out;
}

} // namespace

std::string bench_html(const comparison& of) {
    std::string rows;
    for (const row_result& row : of.rows) {
        rows += row_section(row);
    }
    return filled(lab::bench_page,
                  {{"@TITLE@", of.peers ? "ringpool and its peers" : "ringpool and the limits"},
                   {"@STYLE@", std::string(lab::report_style) + lab::bench_style},
                   {"@STATE@", escaped(state_of(of))},
                   {"@MACHINE@", machine_list(of)},
                   {"@COMMAND@", escaped(lab::joined(of.command, " "))},
                   {"@GOALS@", goals_table(of)},
                   {"@ROWS@", rows}});
}

} // namespace rp::peers
