// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/workloads/echo_client.hpp"
#include "bench/micro/parts.hpp"
#include "bench/peers/shapes.hpp"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstring>
#include <string>

namespace {

constexpr std::uint64_t batch = (1U << 17) - 1; // a full tree, for fork_join

void run_benchmark(benchmark::State& state,
                   const rp::peers::engine_kind& kind,
                   rp::peers::shape shape,
                   unsigned workers) {
    const auto engine = kind.make(workers);
    engine->run(shape, batch / 4); // 2^15 - 1: a tree as well
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
    for (const auto shape : rp::peers::all_shapes) {
        for (const unsigned workers : {1U, 2U}) {
            for (const auto& kind : rp::peers::all_engines()) {
                if (!kind.can_run(shape)) {
                    continue;
                }
                const std::string name = std::string(rp::peers::name_of(shape)) + "/" + kind.name +
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
        "each, in random\n"
        "                                    order, of which median and cv; 1 when an answer is "
        "wrong\n"
        "  --benchmark_filter=REGEX, ...     its own options (--help=benchmark)\n"
        "  --quick                           each once and shortly, as a test\n"
        "The comparison with other libraries: ringpool bench --peers");
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
    }
    register_all();
    rp::micro::register_parts();
    return rp::micro::run_benchmarks(argc, argv);
}
