// SPDX-License-Identifier: Apache-2.0
// results.json and summary.csv.
#include "bench/lab/quantity.hpp"
#include "bench/lab/results.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace rp::lab {

namespace {

using json = nlohmann::ordered_json;

json number_or_null(const std::optional<double>& value) {
    return value ? json(*value) : json(nullptr);
}

json distribution_json(const distribution& from) {
    json out;
    out["count"] = from.count();
    out["min"] = from.exact().min;
    for (const named_quantile& quantile : reported_quantiles) {
        out[quantile.name] = number_or_null(from.percentile(quantile.q));
    }
    out["max"] = from.exact().max;
    out["mean"] = from.mean();
    out["sum"] = from.exact().sum;
    out["clipped"] = from.exact().clipped;
    json buckets = json::array();
    for (const auto& [index, count] : from.buckets()) {
        buckets.push_back({index, count});
    }
    out["buckets"] = std::move(buckets);
    return out;
}

json cell_json(const cell& from) {
    json out;
    out["id"] = from.id;
    out["block"] = from.block;
    out["section"] = name_of(from.kind);
    out["engine"] = from.engine;
    out["label"] = from.label;
    out["aa_twin"] = from.twin;
    out["workers"] = from.workers;
    if (from.kind == section_kind::submit) {
        out["service"] = from.service.label;
        out["service_mean_ns"] = from.service.mean();
        out["load"] = from.load;
    } else {
        out[from.kind == section_kind::read ? "depth" : "connections"] = from.depth;
    }
    if (from.kind == section_kind::read) {
        out["direct"] = from.direct;
    }
    return out;
}

json gates_json(const std::vector<gate>& gates) {
    json out = json::array();
    for (const gate& one : gates) {
        out.push_back({{"name", one.name},
                       {"value", one.value},
                       {"limit", one.limit},
                       {"passed", one.passed},
                       {"reason", one.reason}});
    }
    return out;
}

json repetition_json(const run_results& results, const repetition& from) {
    json out;
    out["cell"] = results.what.cells[from.cell].id;
    out["repetition"] = from.index;
    out["seed"] = from.seed;
    out["started_s"] = from.started_seconds;
    out["verdict"] = name_of(from.outcome);
    out["reason"] = from.reason;
    out["note"] = from.note;
    out["operations"] = from.operations;
    out["per_second"] = from.per_second;
    out["cpu_ns_per_operation"] = from.cpu_ns_per_operation;
    out["measured_s"] = from.seen.measured_seconds;
    out["gates"] = gates_json(from.gates);
    out["counters"] = from.counters;
    out["latency_ns"] = distribution_json(from.latency);
    if (from.seen.open_loop) {
        out["planned"] = from.seen.planned;
        out["submitted"] = from.seen.submitted;
        out["completed"] = from.seen.completed;
        out["drain_s"] = from.seen.drain_seconds;
        out["service_ratio"] = from.seen.service_ratio;
        out["slice_medians_ns"] = from.seen.slice_medians_ns;
        out["ideal_ns"] = from.ideal_ns;
        out["lateness_ns"] = distribution_json(from.lateness);
        out["stalls_ns"] = distribution_json(from.stalls);
        out["queueing_ns"] = distribution_json(from.queueing);
    }
    return out;
}

json summary_json(const run_results& results, const cell_summary& from) {
    json out;
    out["cell"] = results.what.cells[from.cell].id;
    out["repetitions"] = from.done;
    out["valid"] = from.valid;
    out["verdict"] = from.done == 0 ? "missing" : name_of(from.outcome);
    out["reason"] = from.reason;
    json latency = json::object();
    for (const auto& [name, value] : from.latency_ns) {
        latency[name] = figure_json(value);
    }
    out["latency_ns"] = std::move(latency);
    out["per_second"] = figure_json(from.per_second);
    out["cpu_ns_per_operation"] = figure_json(from.cpu_ns_per_operation);
    out["limit_ratio"] = figure_json(from.limit_ratio);
    out["aa_p99_ratio"] = figure_json(from.noise_ratio);
    return out;
}

json calibration_json(const calibration& cost) {
    json out;
    out["ns_per_iteration"] = cost.ns_per_iteration;
    out["ns_per_iteration_fastest"] = cost.fastest;
    out["ns_per_iteration_slowest"] = cost.slowest;
    out["clock_ns"] = cost.clock_ns;
    json list = json::array();
    for (const capacity& one : cost.capacities) {
        list.push_back({{"service", one.service.label},
                        {"workers", one.workers},
                        {"per_second", one.per_second},
                        {"spread", one.spread},
                        {"stretch", one.stretch()}});
    }
    out["capacities"] = std::move(list);
    return out;
}

json plan_json(const run_results& results) {
    json out;
    out["estimated_s"] = results.what.estimated_seconds;
    out["measurements"] = results.what.steps.size();
    json cells = json::array();
    for (const cell& one : results.what.cells) {
        cells.push_back(cell_json(one));
    }
    out["cells"] = std::move(cells);
    json order = json::array();
    for (const step& one : results.what.steps) {
        order.push_back({one.cell, one.repetition});
    }
    out["order"] = std::move(order); // [index into cells, repetition]
    return out;
}

json missing_json(const run_results& results) {
    json out = json::array();
    for (std::size_t i = results.repetitions.size(); i < results.what.steps.size(); ++i) {
        const step& one = results.what.steps[i];
        out.push_back({results.what.cells[one.cell].id, one.repetition});
    }
    return out;
}

// One field of a CSV line (RFC 4180).
std::string quoted(const std::string& text) {
    if (text.find_first_of(",\"\n\r") == std::string::npos) {
        return text;
    }
    std::string out = "\"";
    for (const char c : text) {
        out += c;
        if (c == '"') {
            out += c;
        }
    }
    return out + "\"";
}

void csv_rows(const run_results& results, const repetition& from, std::string& out) {
    const cell& which = results.what.cells[from.cell];
    const std::string head = fmt::format("{},{},{},{},{},{},{}",
                                         quoted(which.id),
                                         name_of(which.kind),
                                         quoted(which.block),
                                         quoted(which.label),
                                         from.index,
                                         name_of(from.outcome),
                                         quoted(from.reason));
    const auto row = [&](const std::string& metric, const std::string& unit, double value) {
        out += fmt::format("{},{},{},{:.10g}\n", head, metric, unit, value);
    };
    // A repetition that is not a result has its row, with the reason, and no figures.
    if (from.outcome != verdict::valid) {
        out += head + ",verdict,,\n";
        return;
    }
    for (const named_quantile& quantile : reported_quantiles) {
        if (const auto value = from.percentile(quantile.q, results.wanted.gates)) {
            row(fmt::format("latency_{}", quantile.name), "ns", *value);
        }
    }
    row("latency_min", "ns", static_cast<double>(from.latency.exact().min));
    row("latency_max", "ns", static_cast<double>(from.latency.exact().max));
    row("latency_mean", "ns", from.latency.mean());
    row("samples", "", static_cast<double>(from.latency.count()));
    row("throughput", "1/s", from.per_second);
    row("cpu_per_operation", "ns", from.cpu_ns_per_operation);
    for (const auto& [name, value] : from.ideal_ns) {
        row("ideal_" + name, "ns", value);
    }
    for (const auto& [name, value] : from.counters) {
        row("counter_" + name, "", value);
    }
    for (const gate& one : from.gates) {
        row("gate_" + one.name, "", one.value);
    }
}

} // namespace

nlohmann::ordered_json figure_json(const std::optional<figure>& from) {
    if (!from) {
        return nullptr;
    }
    return {{"median", from->median}, {"low", from->low}, {"high", from->high}};
}

json results_json(const run_results& results, const json& environment) {
    json out;
    out["schema"] = 1;
    out["tool"] = "ringpool lab";
    out["command"] = results.command;
    out["started_utc"] = results.started_utc;
    out["finished_utc"] = results.finished_utc.empty() ? json(nullptr) : json(results.finished_utc);
    out["complete"] = missing_count(results) == 0;
    out["interrupted"] = results.interrupted;
    out["seed"] = results.wanted.seed;
    out["filter"] = results.filter;
    out["manifest"] = {{"file", results.wanted.file},
                       {"name", results.wanted.name},
                       {"claim", results.wanted.claim},
                       {"quick", results.wanted.quick},
                       {"repetitions", results.wanted.repetitions},
                       {"text", results.wanted.text}};
    out["cpus"] = {{"usable", results.usable_cpus}, {"workers", results.worker_cpus}};
    out["environment"] = environment;
    out["calibration"] = calibration_json(results.cost);
    out["plan"] = plan_json(results);
    json summaries = json::array();
    for (const cell_summary& one : summarize(results)) {
        summaries.push_back(summary_json(results, one));
    }
    out["summary"] = std::move(summaries);
    json runs = json::array();
    for (const repetition& one : results.repetitions) {
        runs.push_back(repetition_json(results, one));
    }
    out["runs"] = std::move(runs);
    out["missing"] = missing_json(results);
    return out;
}

std::string summary_csv(const run_results& results) {
    std::string out = "cell,section,block,engine,repetition,verdict,reason,metric,unit,value\n";
    for (const repetition& one : results.repetitions) {
        csv_rows(results, one, out);
    }
    return out;
}

} // namespace rp::lab
