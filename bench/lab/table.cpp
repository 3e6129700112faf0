// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/quantity.hpp"
#include "bench/lab/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace rp::lab {

namespace {

constexpr std::size_t columns = 9;
using row = std::array<std::string, columns>;

std::string padded(const std::string& text, std::size_t width) {
    return text + std::string(width - std::min(width, text.size()), ' ');
}

std::string right(const std::string& text, std::size_t width) {
    return std::string(width - std::min(width, text.size()), ' ') + text;
}

std::string show_latency(const cell_summary& summary, const char* name) {
    const auto found = summary.latency_ns.find(name);
    if (found == summary.latency_ns.end()) {
        return "-";
    }
    return show_duration(found->second.median);
}

std::string show_range(const cell_summary& summary, const char* name) {
    const auto found = summary.latency_ns.find(name);
    if (found == summary.latency_ns.end() || summary.valid < 2) {
        return "";
    }
    return fmt::format(
        "{} .. {}", show_duration(found->second.low), show_duration(found->second.high));
}

row figures_of(const cell& which, const cell_summary& summary) {
    row out;
    out[0] = which.label;
    out[1] = show_latency(summary, "p50");
    out[2] = show_latency(summary, "p99");
    out[3] = show_latency(summary, "p99.9");
    out[4] = show_range(summary, "p99");
    out[5] = summary.per_second ? show_count(summary.per_second->median) : "-";
    out[6] =
        summary.cpu_ns_per_operation ? show_duration(summary.cpu_ns_per_operation->median) : "-";
    out[7] = summary.limit_ratio ? fmt::format("{:.2f}", summary.limit_ratio->median) : "-";
    out[8] = summary.valid == summary.done
                 ? "valid"
                 : fmt::format("valid ({} of {})", summary.valid, summary.done);
    if (summary.noise_ratio) {
        out[8] += fmt::format(", A/A {:.2f}", summary.noise_ratio->median);
    }
    return out;
}

std::string format_block(const run_results& results,
                         const std::vector<cell_summary>& all,
                         const row& head,
                         const std::string& block) {
    std::vector<std::pair<row, std::string>> lines; // the second part replaces the figures
    for (const cell_summary& summary : all) {
        const cell& which = results.what.cells[summary.cell];
        if (which.block != block) {
            continue;
        }
        if (summary.outcome == verdict::valid && summary.done > 0) {
            lines.emplace_back(figures_of(which, summary), "");
        } else {
            row name_only;
            name_only[0] = which.label;
            lines.emplace_back(name_only,
                               fmt::format("{}: {}",
                                           summary.done == 0 ? "missing" : name_of(summary.outcome),
                                           summary.reason));
        }
    }
    std::array<std::size_t, columns> width{};
    for (std::size_t c = 0; c < columns; ++c) {
        width[c] = head[c].size();
        for (const auto& [line, text] : lines) {
            width[c] = std::max(width[c], line[c].size());
        }
    }
    const auto render = [&](const row& line) {
        std::string text = "  " + padded(line[0], width[0]);
        for (std::size_t c = 1; c + 1 < columns; ++c) {
            text += "  " + right(line[c], width[c]);
        }
        return text + "  " + line[columns - 1] + "\n";
    };
    std::string out = "\n" + block + "\n" + render(head);
    for (const auto& [line, text] : lines) {
        out += text.empty() ? render(line) : "  " + padded(line[0], width[0]) + "  " + text + "\n";
    }
    return out;
}

std::string section_head(const run_results& results, section_kind kind) {
    const unsigned generator =
        results.usable_cpus - std::min(results.usable_cpus, results.worker_cpus);
    if (kind == section_kind::submit) {
        return fmt::format(
            "\n== submit: open loop, Poisson arrivals, latency from the intended arrival ==\n"
            "   {} usable CPU{}: the generator {}, the workers have {}.\n"
            "   p99/ideal: over the same arrivals replayed on a central queue that costs "
            "nothing.\n",
            results.usable_cpus,
            results.usable_cpus == 1 ? "" : "s",
            generator == 0 ? "shares the workers' CPU (expect invalid cells)" : "spins on its own",
            results.worker_cpus);
    }
    const std::string tail =
        "   x limit: throughput over that of the raw engine (plain io_uring) in the same round.\n";
    if (kind == section_kind::read) {
        return "\n== read: closed loop, 4 KiB random reads, latency from issue to callback ==\n" +
               tail;
    }
    return "\n== echo: closed loop, 64-byte messages over loopback TCP, client in its own process "
           "==\n   CPU/op is the server's alone.\n" +
           tail;
}

// How many cells are results, and the first thing to try when few are.
std::string tally_of(const std::vector<cell_summary>& all) {
    std::map<std::string, unsigned> tally;
    bool crowded = false;
    for (const cell_summary& summary : all) {
        tally[summary.done == 0 ? "missing" : name_of(summary.outcome)] += 1;
        crowded = crowded || (summary.outcome == verdict::invalid &&
                              summary.reason.find("other processes") != std::string::npos);
    }
    std::string out = "Cells:";
    for (const auto& [name, count] : tally) {
        out += fmt::format(" {} {},", count, name);
    }
    out.back() = '.';
    if (crowded) {
        out += " Other programs used the CPUs meanwhile: repeat on a quiet machine.";
    }
    return out + "\n";
}

} // namespace

std::string result_tables(const run_results& results) {
    const std::vector<cell_summary> all = summarize(results);
    std::string out;
    const std::string* last_section = nullptr;
    std::string current;
    for (const std::string& block : results.what.blocks) {
        const auto member = std::find_if(results.what.cells.begin(),
                                         results.what.cells.end(),
                                         [&](const cell& one) { return one.block == block; });
        const std::string section = name_of(member->kind);
        if (last_section == nullptr || current != section) {
            current = section;
            last_section = &current;
            out += section_head(results, member->kind);
        }
        const bool open = member->kind == section_kind::submit;
        const row head{open ? "policy" : "engine",
                       "p50",
                       "p99",
                       "p99.9",
                       "p99 of the repetitions",
                       "ops/s",
                       "CPU/op",
                       open ? "p99/ideal" : "x limit",
                       "verdict"};
        out += format_block(results, all, head, block);
    }
    out +=
        "\nMedian of the repetitions' percentiles; \"-\" where fewer than ten samples lie above, "
        "or where\nthe generator's own delays reach a tenth of the figure.\n";
    out += tally_of(all);
    return out;
}

} // namespace rp::lab
