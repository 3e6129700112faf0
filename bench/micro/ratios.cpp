// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/ratios.hpp"

#include "bench/micro/shapes.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>

namespace rp::micro {

namespace {

struct series {
    std::string engine;
    bool is_limit = false;
    std::vector<double> ns; // per operation, one per repetition
};

struct row {
    std::string shape;
    unsigned workers = 0;
    std::vector<series> engines;
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// The median of the ratios within each repetition: what hits a whole repetition cancels out.
double paired_ratio(const series& above, const series& below) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < above.ns.size(); ++i) {
        ratios.push_back(above.ns[i] / below.ns[i]);
    }
    return median(ratios);
}

// A fresh engine for every figure: no idle threads of one engine beside another's measurement. The
// first batch brings its threads and memory into being and is not counted.
double measure(const engine_kind& kind, unsigned workers, shape s, std::uint64_t n) {
    const std::unique_ptr<engine> fresh = kind.make(workers);
    fresh->run(s, n / 4 + 1);
    const auto begin = std::chrono::steady_clock::now();
    fresh->run(s, n);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    return took.count() / static_cast<double>(n);
}

row measure_row(const ratio_options& options, shape s, unsigned workers, std::mt19937_64& random) {
    row result;
    result.shape = name_of(s);
    result.workers = workers;
    const auto& kinds = all_engines();
    std::vector<std::size_t> order(kinds.size());
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        result.engines.push_back({kinds[i].name, kinds[i].is_limit, {}});
        order[i] = i;
    }
    for (unsigned repetition = 0; repetition < options.repetitions; ++repetition) {
        std::shuffle(order.begin(), order.end(), random);
        for (const std::size_t i : order) {
            result.engines[i].ns.push_back(measure(kinds[i], workers, s, options.batch));
        }
    }
    return result;
}

const series& best_peer(const row& of) {
    const series* best = nullptr;
    for (const auto& one : of.engines) {
        if (!one.is_limit && one.engine != "ringpool" &&
            (best == nullptr || median(one.ns) < median(best->ns))) {
            best = &one;
        }
    }
    return *best;
}

const series& named(const row& of, const std::string& name) {
    return *std::find_if(of.engines.begin(), of.engines.end(), [&](const series& one) {
        return one.engine == name;
    });
}

void print_header(const ratio_options& options) {
    std::printf("ns per operation: median of %u interleaved repetitions of %llu operations (seed "
                "%llu)\n\n",
                options.repetitions,
                static_cast<unsigned long long>(options.batch),
                static_cast<unsigned long long>(options.seed));
    std::printf("%-15s %-7s %9s %19s  %-9s %9s  %11s %9s %9s\n",
                "shape",
                "workers",
                "ringpool",
                "min..max",
                "best peer",
                "peer ns",
                "times faster",
                "limit",
                "x limit");
}

void print_row(const row& of) {
    const series& ours = named(of, "ringpool");
    const series& peer = best_peer(of);
    const series& limit = named(of, "limit");
    const auto [least, most] = std::minmax_element(ours.ns.begin(), ours.ns.end());
    std::printf("%-15s %-7u %9.2f %9.2f..%8.2f  %-9s %9.2f  %11.2fx %9.2f %8.2fx\n",
                of.shape.c_str(),
                of.workers,
                median(ours.ns),
                *least,
                *most,
                peer.engine.c_str(),
                median(peer.ns),
                paired_ratio(peer, ours),
                median(limit.ns),
                paired_ratio(ours, limit));
    std::fflush(stdout);
}

bool write_json(const ratio_options& options, const std::vector<row>& rows) {
    std::FILE* const file = std::fopen(options.json_path.c_str(), "w");
    if (file == nullptr) {
        return false;
    }
    std::fprintf(file,
                 "{\"schema\": 1, \"unit\": \"ns per operation\", \"repetitions\": %u, "
                 "\"batch\": %llu, \"seed\": %llu, \"rows\": [",
                 options.repetitions,
                 static_cast<unsigned long long>(options.batch),
                 static_cast<unsigned long long>(options.seed));
    for (std::size_t r = 0; r < rows.size(); ++r) {
        const row& of = rows[r];
        const series& ours = named(of, "ringpool");
        std::fprintf(file,
                     "%s\n  {\"shape\": \"%s\", \"workers\": %u, \"best_peer\": \"%s\", "
                     "\"times_faster_than_best_peer\": %.4f, \"times_limit\": %.4f, \"ns\": {",
                     r == 0 ? "" : ",",
                     of.shape.c_str(),
                     of.workers,
                     best_peer(of).engine.c_str(),
                     paired_ratio(best_peer(of), ours),
                     paired_ratio(ours, named(of, "limit")));
        for (std::size_t e = 0; e < of.engines.size(); ++e) {
            std::fprintf(file, "%s\"%s\": [", e == 0 ? "" : ", ", of.engines[e].engine.c_str());
            for (std::size_t i = 0; i < of.engines[e].ns.size(); ++i) {
                std::fprintf(file, "%s%.4f", i == 0 ? "" : ", ", of.engines[e].ns[i]);
            }
            std::fputc(']', file);
        }
        std::fputs("}}", file);
    }
    std::fputs("\n]}\n", file);
    const bool written = std::ferror(file) == 0;
    return std::fclose(file) == 0 && written;
}

int complain_about(const std::string& path) {
    std::fprintf(
        stderr, "ringpool_micro: cannot write %s: %s\n", path.c_str(), std::strerror(errno));
    return 1;
}

} // namespace

int run_ratios(const ratio_options& options) {
    // Known before the measuring, not after it.
    if (!options.json_path.empty() && !write_json(options, {})) {
        return complain_about(options.json_path);
    }
    std::mt19937_64 random(options.seed);
    std::vector<row> rows;
    print_header(options);
    for (const unsigned workers : {1U, 2U}) {
        for (const shape s : all_shapes) {
            if (name_of(s).find(options.filter) == std::string_view::npos) {
                continue;
            }
            rows.push_back(measure_row(options, s, workers, random));
            print_row(rows.back());
        }
    }
    if (rows.empty()) {
        std::fprintf(stderr, "ringpool_micro: no shape matches '%s'\n", options.filter.c_str());
        return 2;
    }
    std::puts("\ntimes faster, x limit: medians of the ratios within each repetition. The limit is "
              "the hand-over\nalone: a pointer through an SPSC ring, or a plain stack on one "
              "thread (fan_out, chain).");
    if (!options.json_path.empty() && !write_json(options, rows)) {
        return complain_about(options.json_path);
    }
    return 0;
}

} // namespace rp::micro
