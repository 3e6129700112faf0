// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/record.hpp"

#include "bench/peers/goals.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace rp::peers {

namespace {

using json = nlohmann::ordered_json;

const char* name_of(role part) {
    switch (part) {
    case role::ours:
        return "ringpool";
    case role::peer:
        return "peer";
    case role::limit:
        return "limit";
    }
    return "?";
}

json optional_json(const std::optional<double>& value) {
    return value ? json(*value) : json(nullptr);
}

json series_json(const series& from) {
    json out;
    out["engine"] = from.engine;
    out["role"] = name_of(from.part);
    out["values"] = json::array();
    for (const auto& value : from.values) {
        out["values"].push_back(optional_json(value));
    }
    const auto found = spread_of(from);
    out["median"] = found ? json(found->median) : json(nullptr);
    out["lowest"] = found ? json(found->low) : json(nullptr);
    out["highest"] = found ? json(found->high) : json(nullptr);
    if (!from.fault.empty()) {
        out["fault"] = from.fault;
    }
    if (!from.missed.empty()) {
        out["missed"] = from.missed;
    }
    if (!from.absent.empty()) {
        out["absent"] = from.absent;
    }
    return out;
}

json row_json(const row_result& row) {
    json out;
    out["shape"] = row.shape;
    out["workers"] = row.workers;
    out["unit"] = row.unit;
    out["better"] = row.sense == better::less ? "less" : "more";
    out["skipped"] = row.skipped.empty() ? json(nullptr) : json(row.skipped);
    const series* const peer = best_of(row, role::peer);
    const series* const limit = best_of(row, role::limit);
    out["best_peer"] = peer == nullptr ? json(nullptr) : json(peer->engine);
    out["times_better_than_best_peer"] =
        optional_json(peer == nullptr ? std::nullopt : times_better(row, *peer));
    out["limit"] = limit == nullptr ? json(nullptr) : json(limit->engine);
    out["over_limit"] = optional_json(limit == nullptr ? std::nullopt : over_limit(row, *limit));
    out["goals"] = json::array();
    for (const judged_goal& one : judge(row)) {
        out["goals"].push_back({{"goal", text_of(row, *one.which)},
                                {"ratio", optional_json(one.ratio)},
                                {"verdict", name_of(one.outcome)}});
    }
    out["engines"] = json::array();
    for (const series& one : row.engines) {
        out["engines"].push_back(series_json(one));
    }
    return out;
}

} // namespace

std::string bench_json(const comparison& of) {
    json out;
    out["schema"] = 1;
    out["kind"] = "bench";
    out["complete"] = !of.finished_utc.empty() && of.interrupted.empty();
    out["started_utc"] = of.started_utc;
    out["finished_utc"] = of.finished_utc.empty() ? json(nullptr) : json(of.finished_utc);
    out["interrupted"] = of.interrupted.empty() ? json(nullptr) : json(of.interrupted);
    out["command"] = of.command;
    out["repetitions"] = of.repetitions;
    out["seed"] = of.seed;
    out["quick"] = of.quick;
    out["peers"] = of.peers;
    out["planned_rows"] = of.planned_rows;
    out["rows"] = json::array();
    for (const row_result& row : of.rows) {
        out["rows"].push_back(row_json(row));
    }
    out["environment"] = of.environment.empty() ? json(nullptr) : json::parse(of.environment);
    // Arguments need not be UTF-8; JSON must be.
    return out.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string bench_csv(const comparison& of) {
    std::string text = "shape,workers,engine,repetition,value,unit\n";
    for (const row_result& row : of.rows) {
        for (const series& one : row.engines) {
            for (std::size_t i = 0; i < one.values.size(); ++i) {
                if (one.values[i]) {
                    text += fmt::format("{},{},{},{},{},{}\n",
                                        row.shape,
                                        row.workers,
                                        one.engine,
                                        i,
                                        *one.values[i],
                                        row.unit);
                }
            }
        }
    }
    return text;
}

} // namespace rp::peers
