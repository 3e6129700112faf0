// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/workloads/echo_client.hpp"
#include "bench/micro/parts.hpp"
#include "bench/micro/ratios.hpp"
#include "bench/micro/shapes.hpp"

#include <benchmark/benchmark.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

constexpr std::uint64_t batch = 100'000;

void run_benchmark(benchmark::State& state,
                   const rp::micro::engine_kind& kind,
                   rp::micro::shape shape,
                   unsigned workers) {
    const auto engine = kind.make(workers);
    engine->run(shape, batch / 4);
    for ([[maybe_unused]] auto _ : state) {
        engine->run(shape, batch);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch));
    using benchmark::Counter;
    // Prints as seconds per operation with an SI prefix: "7.5n".
    state.counters["per_op"] =
        Counter(static_cast<double>(batch), Counter::kIsIterationInvariantRate | Counter::kInvert);
}

void register_all() {
    for (const auto shape : rp::micro::all_shapes) {
        for (const unsigned workers : {1U, 2U}) {
            for (const auto& kind : rp::micro::all_engines()) {
                const std::string name = std::string(rp::micro::name_of(shape)) + "/" + kind.name +
                                         "/workers:" + std::to_string(workers);
                benchmark::RegisterBenchmark(name.c_str(),
                                             [&kind, shape, workers](benchmark::State& state) {
                                                 run_benchmark(state, kind, shape, workers);
                                             })
                    ->UseRealTime()
                    ->MeasureProcessCPUTime()
                    ->Unit(benchmark::kMicrosecond);
            }
        }
    }
}

void print_help() {
    std::puts(
        "ringpool_micro                      Google Benchmark over the library's parts, and over "
        "every shape,\n"
        "                                    engine and 1 or 2 workers: 9 repetitions of 0.1 s "
        "each, "
        "in random\n"
        "                                    order, of which median and cv; 1 when an answer is "
        "wrong\n"
        "  --benchmark_filter=REGEX, ...     its own options (--help=benchmark)\n"
        "  --quick                           each once and shortly, as a test\n"
        "ringpool_micro --ratios             interleaved comparison: ringpool, best peer, limit\n"
        "  --repetitions=N                   default 9\n"
        "  --batch=N                         operations per repetition, default 200000\n"
        "  --seed=N                          order of the engines, default 1\n"
        "  --filter=TEXT                     only shapes whose name contains TEXT\n"
        "  --json=FILE                       every repetition, as JSON");
}

// Whether `argument` is `--key=value`; then `value` points behind the equals sign.
bool has_key(const char* argument, const char* key, const char*& value) {
    const std::size_t length = std::strlen(key);
    if (std::strncmp(argument, key, length) != 0 || argument[length] != '=') {
        return false;
    }
    value = argument + length + 1;
    return true;
}

template <class Number>
bool parse(const char* text, Number least, Number& into) {
    const char* const end = text + std::strlen(text);
    const auto [stopped, fault] = std::from_chars(text, end, into);
    return fault == std::errc() && stopped == end && into >= least;
}

int ratios_main(int argc, char** argv) {
    rp::micro::ratio_options options;
    for (int i = 1; i < argc; ++i) {
        const char* value = nullptr;
        bool good = true;
        if (std::strcmp(argv[i], "--ratios") == 0) {
            continue;
        }
        if (has_key(argv[i], "--repetitions", value)) {
            good = parse(value, 1U, options.repetitions);
        } else if (has_key(argv[i], "--batch", value)) {
            good = parse(value, std::uint64_t{1}, options.batch);
        } else if (has_key(argv[i], "--seed", value)) {
            good = parse(value, std::uint64_t{0}, options.seed);
        } else if (has_key(argv[i], "--filter", value)) {
            options.filter = value;
        } else if (has_key(argv[i], "--json", value)) {
            options.json_path = value;
        } else {
            good = false;
        }
        if (!good) {
            std::fprintf(stderr, "ringpool_micro: cannot use '%s'; see --help\n", argv[i]);
            return 2;
        }
    }
    return rp::micro::run_ratios(options);
}

} // namespace

int main(int argc, char** argv) {
    // The echo parts start this program again as their client.
    if (argc > 1 && std::strcmp(argv[1], "echo-client") == 0) {
        return rp::lab::echo_client_main(argc, argv);
    }
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--help") == 0) {
            print_help();
            return 0;
        }
        if (std::strcmp(argv[i], "--ratios") == 0) {
            return ratios_main(argc, argv);
        }
    }
    register_all();
    rp::micro::register_parts();
    return rp::micro::run_benchmarks(argc, argv);
}
