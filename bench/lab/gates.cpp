// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/gates.hpp"

#include "bench/lab/quantity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rp::lab {

namespace {

// An engine that carries the load is at most a short queue behind when the arrivals end. A backlog
// worth more than this share of the window means that the queue was growing.
constexpr double drain_share_max = 0.05;

// Halves of the window differ when every slice of one half lies above every slice of the other
// (Mann-Whitney U = 0 or 25 of 25; p < 0.01 for five against five) and by more than this factor.
constexpr double half_ratio_max = 1.3;

// A 2 us read leaves a third of the window to the code between two reads; a stall leaves nearly
// all.
constexpr double unexplained_max = 0.7;

// The share of a latency percentile that the generator's own delay may make up.
constexpr double stall_share_max = 0.1;

gate at_most(std::string name, double value, double limit, const std::string& reason) {
    gate result;
    result.name = std::move(name);
    result.value = value;
    result.limit = limit;
    result.passed = value <= limit;
    result.reason = result.passed ? std::string() : reason;
    return result;
}

double median_of(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[values.size() / 2];
}

// How far apart the halves are; 1 when their slices overlap.
double separation(const std::vector<double>& slices) {
    const std::size_t half = slices.size() / 2;
    if (half < 5) {
        return 1;
    }
    const auto middle = slices.begin() + static_cast<std::ptrdiff_t>(half);
    const auto [low_a, high_a] = std::minmax_element(slices.begin(), middle);
    const auto [low_b, high_b] = std::minmax_element(middle, slices.end());
    if (!(*high_a < *low_b || *high_b < *low_a)) {
        return 1;
    }
    const double a = median_of({slices.begin(), middle});
    const double b = median_of({middle, slices.end()});
    return std::max(a, b) / std::max(1.0, std::min(a, b));
}

void open_loop_gates(const observation& seen, const gate_limits& limits, std::vector<gate>& out) {
    const double allowed = std::max(limits.stalls_ns, stall_share_max * seen.latency_p99_ns);
    out.push_back(at_most("stalls",
                          seen.stalls_p99_ns,
                          allowed,
                          fmt::format("the generator stalled: p99 {} > {}",
                                      show_duration(seen.stalls_p99_ns),
                                      show_duration(allowed))));
    const double planned = static_cast<double>(seen.planned);
    const double sent_share = seen.planned == 0 ? 0 : static_cast<double>(seen.submitted) / planned;
    const double pace = seen.measured_seconds > 0 ? seen.window_seconds / seen.measured_seconds : 0;
    const double missed = std::abs(1 - sent_share * pace);
    out.push_back(at_most("achieved",
                          missed,
                          limits.achieved,
                          fmt::format("achieved load off by {:.1f} % > {:.1f} %",
                                      100 * missed,
                                      100 * limits.achieved)));
    const double inflation = std::abs(seen.service_ratio - 1);
    out.push_back(
        at_most("interference",
                inflation,
                limits.interference,
                fmt::format("work took {:.2f} x its calibrated time", seen.service_ratio)));
    const double lost = static_cast<double>(seen.submitted - seen.completed);
    out.push_back(at_most("lost_events",
                          lost,
                          static_cast<double>(limits.lost_events),
                          fmt::format("{:.0f} callbacks never came", lost)));
    out.push_back(at_most("stable",
                          seen.drain_seconds,
                          drain_share_max * seen.window_seconds,
                          fmt::format("backlog of {} when the arrivals ended",
                                      show_duration(seen.drain_seconds * 1e9))));
    if (limits.stationary) {
        const double apart = separation(seen.slice_medians_ns);
        out.push_back(at_most("stationary",
                              apart,
                              half_ratio_max,
                              fmt::format("halves differ by a factor of {:.1f}", apart)));
    }
}

} // namespace

const char* name_of(verdict value) noexcept {
    switch (value) {
    case verdict::valid:
        return "valid";
    case verdict::invalid:
        return "invalid";
    case verdict::unstable:
        return "unstable";
    case verdict::failed:
        return "failed";
    }
    return "";
}

bool is_trusted(double stall_ns, double latency_ns, const gate_limits& limits) noexcept {
    return stall_ns <= std::max(limits.stalls_ns, stall_share_max * latency_ns);
}

std::vector<gate> evaluate_gates(const observation& seen, const gate_limits& limits) {
    std::vector<gate> gates;
    if (!seen.error.empty()) {
        return gates;
    }
    gates.push_back(at_most("throttled",
                            static_cast<double>(seen.throttled),
                            static_cast<double>(limits.throttled),
                            fmt::format("CPU quota ran out in {} periods", seen.throttled)));
    gates.push_back(
        at_most("other_cpu",
                seen.other_cpu,
                limits.other_cpu,
                fmt::format("other processes took {:.0f} % of the CPUs", 100 * seen.other_cpu)));
    if (seen.open_loop) {
        open_loop_gates(seen, limits, gates);
    } else {
        const double off = std::abs(seen.measured_seconds / seen.window_seconds - 1);
        gates.push_back(at_most("window",
                                off,
                                0.5,
                                fmt::format("measured {:.2f} s instead of {:.2f} s",
                                            seen.measured_seconds,
                                            seen.window_seconds)));
        gates.push_back(
            at_most("explained",
                    1 - seen.explained_share,
                    unexplained_max,
                    fmt::format("the recorded latencies explain {:.0f} % of the window: "
                                "operations stalled",
                                100 * seen.explained_share)));
    }
    return gates;
}

verdict verdict_of(const observation& seen, const std::vector<gate>& gates) {
    if (!seen.error.empty()) {
        return verdict::failed;
    }
    const auto failed = [&](const char* name) {
        return std::any_of(
            gates.begin(), gates.end(), [&](const gate& g) { return !g.passed && g.name == name; });
    };
    // Disturbance first: a worker that lost its CPU to another process also leaves a backlog.
    for (const char* name : {"lost_events",
                             "throttled",
                             "other_cpu",
                             "interference",
                             "stalls",
                             "achieved",
                             "window",
                             "explained"}) {
        if (failed(name)) {
            return verdict::invalid;
        }
    }
    if (failed("stable")) {
        return verdict::unstable;
    }
    return failed("stationary") ? verdict::invalid : verdict::valid;
}

std::string reasons_of(const observation& seen, const std::vector<gate>& gates) {
    if (!seen.error.empty()) {
        return seen.error;
    }
    std::vector<std::string> reasons;
    for (const gate& g : gates) {
        if (!g.passed) {
            reasons.push_back(g.reason);
        }
    }
    return joined(reasons, "; ");
}

} // namespace rp::lab
