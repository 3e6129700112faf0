// SPDX-License-Identifier: Apache-2.0
// report.html: one file with its data, style and script inside.
#include "bench/lab/output.hpp"
#include "bench/lab/quantity.hpp"
#include "bench/lab/report/assets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

namespace rp::lab {

namespace {

using json = nlohmann::ordered_json;

// Points evenly spaced in log10(1 / (1 - q)): median, lowest and highest of the repetitions, as far
// out as every repetition has ten samples above.
json curve_of(const run_results& results, std::size_t cell) {
    constexpr int points_per_decade = 8;
    json curve = json::array();
    for (int k = 0; k <= 5 * points_per_decade; ++k) {
        const double x = static_cast<double>(k) / points_per_decade;
        const double q = k == 0 ? 0.0 : 1 - std::pow(10.0, -x);
        std::vector<double> values;
        bool all = true;
        for (const repetition& one : results.repetitions) {
            if (one.cell != cell || one.outcome != verdict::valid) {
                continue;
            }
            const auto value = one.percentile(q, results.wanted.gates);
            all = all && value.has_value();
            values.push_back(value.value_or(0));
        }
        const auto found = figure_of(std::move(values));
        if (!all || !found) {
            break;
        }
        curve.push_back({x, std::max(1.0, found->median), found->low, found->high});
    }
    return curve;
}

json cell_view(const run_results& results, const cell_summary& from) {
    const cell& which = results.what.cells[from.cell];
    json out;
    out["label"] = which.label;
    out["verdict"] = from.done == 0 ? "missing" : name_of(from.outcome);
    out["reason"] = from.reason;
    out["done"] = from.done;
    out["valid"] = from.valid;
    json latency = json::object();
    for (const auto& [name, value] : from.latency_ns) {
        latency[name] = figure_json(value);
    }
    out["latency"] = std::move(latency);
    out["per_second"] = figure_json(from.per_second);
    out["cpu"] = figure_json(from.cpu_ns_per_operation);
    out["limit"] = figure_json(from.limit_ratio);
    out["noise"] = figure_json(from.noise_ratio);
    out["curve"] = from.outcome == verdict::valid ? curve_of(results, from.cell) : json::array();
    return out;
}

// The replay depends on the schedule only, so any repetition of the block will do.
json ideal_p99(const run_results& results, const std::string& block) {
    std::map<unsigned, double> by_repetition;
    for (const repetition& one : results.repetitions) {
        const auto found = one.ideal_ns.find("p99");
        if (results.what.cells[one.cell].block == block && found != one.ideal_ns.end()) {
            by_repetition[one.index] = found->second;
        }
    }
    std::vector<double> values;
    for (const auto& [index, value] : by_repetition) {
        values.push_back(value);
    }
    return figure_json(figure_of(std::move(values)));
}

json blocks_view(const run_results& results) {
    const std::vector<cell_summary> all = summarize(results);
    json blocks = json::array();
    for (const std::string& id : results.what.blocks) {
        json block;
        json cells = json::array();
        for (const cell_summary& summary : all) {
            const cell& which = results.what.cells[summary.cell];
            if (which.block != id) {
                continue;
            }
            if (cells.empty()) {
                block["id"] = id;
                block["section"] = name_of(which.kind);
                block["workers"] = which.workers;
                block["load"] = which.load;
                block["service"] = which.service.label;
            }
            cells.push_back(cell_view(results, summary));
        }
        block["ideal_p99"] = ideal_p99(results, id);
        block["cells"] = std::move(cells);
        blocks.push_back(std::move(block));
    }
    return blocks;
}

std::string text_at(const json& from, const char* outer, const char* inner) {
    const auto found = from.find(outer);
    if (found == from.end() || !found->contains(inner)) {
        return {};
    }
    const json& value = (*found)[inner];
    return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

json machine_view(const run_results& results, const json& environment) {
    const auto at = [&](const char* outer, const char* inner) {
        return text_at(environment, outer, inner);
    };
    json rows = json::array();
    rows.push_back({"CPU", at("cpu", "model")});
    rows.push_back({"Usable CPUs",
                    fmt::format("{}; {} for the workers when a generator or client has its own",
                                results.usable_cpus,
                                results.worker_cpus)});
    rows.push_back({"Kernel", at("kernel", "release")});
    rows.push_back({"Governor", at("cpu", "governor")});
    rows.push_back({"CPU quota (cgroup)", at("limits", "cgroup_cpu_quota")});
    rows.push_back({"Load average at the start", at("limits", "load_average")});
    rows.push_back({"Completions by", environment.value("completion_source", "")});
    rows.push_back({"Allocator",
                    at("allocator", "name") + " " + at("allocator", "version") + " " +
                        at("allocator", "malloc_conf")});
    rows.push_back({"Compiler", at("build", "compiler") + ", " + at("build", "buildtype")});
    rows.push_back({"ringpool",
                    fmt::format("{}, commit {}, build {}",
                                at("build", "version"),
                                at("build", "commit"),
                                at("build", "build_id"))});
    rows.push_back({"Calibration",
                    fmt::format("{:.3f} ns per iteration ({:.3f} .. {:.3f}), clock {:.1f} ns",
                                results.cost.ns_per_iteration,
                                results.cost.fastest,
                                results.cost.slowest,
                                results.cost.clock_ns)});
    rows.push_back({"Seed", std::to_string(results.wanted.seed)});
    return rows;
}

std::string state_of(const run_results& results) {
    const std::size_t missing = missing_count(results);
    std::string text = fmt::format("Started {}, {} of {} measurements taken",
                                   results.started_utc,
                                   results.repetitions.size(),
                                   results.what.steps.size());
    if (!results.interrupted.empty()) {
        text += "; ended early: " + results.interrupted;
    } else if (missing > 0) {
        text += "; the run has not finished";
    }
    return text + ".";
}

std::string replaced(std::string text, const std::string& mark, const std::string& by) {
    for (std::size_t at = text.find(mark); at != std::string::npos;
         at = text.find(mark, at + by.size())) {
        text.replace(at, mark.size(), by);
    }
    return text;
}

} // namespace

std::string report_html(const run_results& results, const json& environment) {
    json data;
    data["claim"] = results.wanted.claim;
    data["command"] = joined(results.command, " ");
    data["state"] = state_of(results);
    data["incomplete"] = missing_count(results) > 0;
    data["titles"] = {{"submit", "Submit: open loop, latency from the intended arrival"},
                      {"read", "Read: closed loop, 4 KiB random reads"},
                      {"echo", "Echo: closed loop over loopback TCP"}};
    data["how"] = {
        "Each figure is the median of the repetitions' own percentiles; ranges show the lowest and "
        "the highest repetition. Percentiles are never averaged.",
        "A percentile is shown only where at least ten samples lie above it and the load "
        "generator's "
        "own delays stay below a tenth of it.",
        "A cell whose gates failed says so instead of showing figures. Unstable: more was offered "
        "than carried.",
        "p99/ideal: over the same arrivals and the same work replayed on a central queue that "
        "costs "
        "nothing. x limit: throughput over the raw engine's in the same round.",
        "A/A: the same engine measured twice in each round; differences of that size are noise."};
    data["machine"] = machine_view(results, environment);
    data["blocks"] = blocks_view(results);
    // "</script>" or "<!--" inside the data would end it; in JSON "<" occurs in strings only.
    const std::string text =
        replaced(data.dump(-1, ' ', true, json::error_handler_t::replace), "<", "\\u003c");
    std::string page = replaced(report_page, "@TITLE@", results.wanted.name);
    page = replaced(page, "@STYLE@", report_style);
    page = replaced(page, "@SCRIPT@", report_script);
    return replaced(page, "@DATA@", text);
}

} // namespace rp::lab
