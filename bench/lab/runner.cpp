// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/runner.hpp"

#include "bench/lab/environment.hpp"
#include "bench/lab/output.hpp"
#include "bench/lab/progress.hpp"
#include "bench/lab/quantity.hpp"
#include "bench/lab/results.hpp"
#include "bench/lab/stop.hpp"
#include "bench/lab/workloads/io_echo.hpp"
#include "bench/lab/workloads/io_read.hpp"
#include "bench/lab/workloads/submit.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <map>

namespace rp::lab {

namespace {

class experiment {
public:
    explicit experiment(const run_options& options)
        : options_(options), cpus_(split_cpus(usable_cpus(), cpu_quota())) {
        results_.wanted = options.wanted;
        results_.filter = options.filter;
        results_.command = options.command;
        results_.started_utc = utc_stamp();
        results_.usable_cpus = static_cast<unsigned>(cpus_.all.size());
        results_.worker_cpus = cpus_.default_workers();
        results_.what = make_plan(options.wanted, cpus_.default_workers(), options.filter);
    }

    ~experiment() {
        for (const auto& [section, path] : data_files_) {
            unlink(path.c_str());
        }
    }

    experiment(const experiment&) = delete;
    experiment& operator=(const experiment&) = delete;

    int run();

private:
    int announce();
    void calibrate();
    bool prepare_files();
    repetition measure(const step& which);
    void measure_submit(const step& which, repetition& out);
    void measure_transfer(const step& which, repetition& out);
    void judge(repetition& out, const disturbance& before);
    void write_if_due(bool now);
    void write_round();
    [[nodiscard]] double remaining_seconds(std::size_t from) const;
    int finish();

    run_options options_;
    cpu_split cpus_;
    run_results results_;
    std::string environment_;
    std::map<std::size_t, std::string> data_files_; // by section
    std::uint64_t started_ns_ = now_ns();
    std::uint64_t written_ns_ = 0;
};

int experiment::announce() {
    const plan& what = results_.what;
    if (what.cells.empty()) {
        fmt::print(stderr,
                   "ringpool: --filter \"{}\" leaves no cell; cells are named like "
                   "submit/service=fixed-10us/load=0.5/workers=1/ringpool:ws\n",
                   options_.filter);
        return exit_usage;
    }
    fmt::print(stderr,
               "plan: {} cells x {} repetitions = {} measurements, about {}; seed {}\n"
               "results: {}\n",
               what.cells.size(),
               options_.wanted.repetitions,
               what.steps.size(),
               show_seconds(what.estimated_seconds),
               options_.wanted.seed,
               options_.directory);
    const double budget = options_.wanted.budget_seconds;
    if (budget > 0 && what.estimated_seconds > budget && !options_.force) {
        fmt::print(stderr,
                   "ringpool: the plan needs about {}, the manifest's budget is {}; shorten "
                   "duration, list fewer values, raise budget, or use --force\n",
                   show_seconds(what.estimated_seconds),
                   show_seconds(budget));
        return exit_usage;
    }
    return exit_fine;
}

void experiment::calibrate() {
    results_.cost = calibrate_work(cpus_);
    for (const cell& one : results_.what.cells) {
        if (one.kind != section_kind::submit) {
            continue;
        }
        const auto known =
            std::any_of(results_.cost.capacities.begin(),
                        results_.cost.capacities.end(),
                        [&](const capacity& c) {
                            return c.service.label == one.service.label && c.workers == one.workers;
                        });
        if (!known) {
            results_.cost.capacities.push_back(calibrate_capacity(
                results_.cost, cpus_, one.service, one.workers, options_.wanted.seed));
        }
    }
}

bool experiment::prepare_files() {
    for (const cell& one : results_.what.cells) {
        if (one.kind != section_kind::read || data_files_.count(one.section) != 0) {
            continue;
        }
        const std::string path = fmt::format("{}/read-{}.dat", options_.directory, one.section);
        std::string error;
        data_files_.emplace(one.section, path);
        if (!prepare_data_file(path, options_.wanted.sections[one.section].file_bytes, error)) {
            fmt::print(stderr, "ringpool: {}\n", error);
            return false;
        }
    }
    return true;
}

void experiment::measure_submit(const step& which, repetition& out) {
    const cell& one = results_.what.cells[which.cell];
    const section& from = options_.wanted.sections[one.section];
    const auto found = std::find_if(
        results_.cost.capacities.begin(), results_.cost.capacities.end(), [&](const capacity& c) {
            return c.service.label == one.service.label && c.workers == one.workers;
        });
    const double rate = one.load * found->per_second;
    out.seen.open_loop = true;
    if (rate * (from.warmup_seconds + from.duration_seconds) > 20e6) {
        out.seen.error = "more than 20 million jobs in one repetition; shorten duration";
        return;
    }
    const schedule arrivals =
        make_schedule(one.service, rate, from.warmup_seconds, from.duration_seconds, which.seed);
    submit_spec spec;
    spec.policy = one.engine.substr(one.engine.find(':') + 1);
    spec.workers = one.workers;
    spec.plan = &arrivals;
    spec.cost = &results_.cost;
    spec.cpus = &cpus_;
    spec.stretch = found->stretch();
    const submit_result got = run_submit_cell(spec);
    out.seen.error = got.error;
    out.seen.window_seconds = from.duration_seconds;
    out.seen.measured_seconds = got.window_seconds;
    out.seen.planned = got.planned;
    out.seen.submitted = got.submitted;
    out.seen.completed = got.completed;
    out.seen.stalls_p99_ns = static_cast<double>(got.stalls_ns.value_at(0.99));
    out.seen.latency_p99_ns = static_cast<double>(got.latency_ns.value_at(0.99));
    out.seen.drain_seconds = got.drain_seconds;
    out.seen.service_ratio = got.service_ratio;
    out.seen.slice_medians_ns = got.slice_medians_ns;
    out.operations = got.completed;
    out.per_second = static_cast<double>(got.completed) / got.window_seconds;
    out.cpu_ns_per_operation =
        got.jobs == 0 ? 0 : got.cpu_seconds * 1e9 / static_cast<double>(got.jobs);
    out.latency = distribution(got.latency_ns);
    out.lateness = distribution(got.lateness_ns);
    out.stalls = distribution(got.stalls_ns);
    out.queueing = distribution(got.queueing_ns);
    out.counters = got.counters;
    histogram ideal;
    const std::vector<std::uint64_t> latencies =
        ideal_latencies(arrivals, one.workers, spec.stretch);
    for (std::size_t i = arrivals.measured_from; i < latencies.size(); ++i) {
        ideal.record(latencies[i]);
    }
    const distribution compact(ideal);
    for (const named_quantile& quantile : reported_quantiles) {
        if (const auto value = compact.percentile(quantile.q)) {
            out.ideal_ns[quantile.name] = *value;
        }
    }
}

void experiment::measure_transfer(const step& which, repetition& out) {
    const cell& one = results_.what.cells[which.cell];
    const section& from = options_.wanted.sections[one.section];
    cell_spec spec;
    spec.engine = one.engine;
    spec.workload = name_of(one.kind);
    spec.direct = one.direct;
    spec.depth = one.depth;
    spec.file_bytes = from.file_bytes;
    spec.seed = which.seed;
    spec.seconds = from.duration_seconds;
    spec.warmup_seconds = from.warmup_seconds;
    spec.workers = one.workers;
    if (one.kind == section_kind::read) {
        spec.path = data_files_.at(one.section);
    }
    const cell_result got =
        one.kind == section_kind::read ? run_read_cell(spec) : run_echo_cell(spec);
    out.seen.error = got.error;
    if (out.seen.error.empty() && got.operations == 0) {
        out.seen.error = "no operation completed";
    }
    out.seen.window_seconds = from.duration_seconds;
    out.seen.measured_seconds = got.wall_seconds;
    out.operations = got.operations;
    out.note = got.note;
    out.latency = distribution(got.latency_ns);
    if (got.operations != 0 && got.wall_seconds > 0) {
        const auto operations = static_cast<double>(got.operations);
        out.per_second = operations / got.wall_seconds;
        out.seen.explained_share = out.per_second * out.latency.mean() * 1e-9 / one.depth;
        out.cpu_ns_per_operation = got.cpu_seconds * 1e9 / operations;
    }
}

void experiment::judge(repetition& out, const disturbance& before) {
    const disturbance after = read_disturbance(cpus_.all);
    const double elapsed = static_cast<double>(now_ns() - started_ns_) * 1e-9 - out.started_seconds;
    const double foreign =
        after.busy_seconds - before.busy_seconds - (after.own_seconds - before.own_seconds);
    out.seen.other_cpu = std::max(0.0, foreign / (elapsed * static_cast<double>(cpus_.all.size())));
    out.seen.throttled = after.throttled - before.throttled;
    out.counters["steal_seconds"] = after.steal_seconds - before.steal_seconds;
    out.counters["involuntary_switches"] =
        static_cast<double>(after.involuntary - before.involuntary);
    out.gates = evaluate_gates(out.seen, options_.wanted.gates);
    out.outcome = verdict_of(out.seen, out.gates);
    out.reason = reasons_of(out.seen, out.gates);
}

repetition experiment::measure(const step& which) {
    repetition out;
    out.cell = which.cell;
    out.index = which.repetition;
    out.seed = which.seed;
    out.started_seconds = static_cast<double>(now_ns() - started_ns_) * 1e-9;
    const unsigned threads = thread_count();
    const disturbance before = read_disturbance(cpus_.all);
    if (results_.what.cells[which.cell].kind == section_kind::submit) {
        measure_submit(which, out);
    } else {
        measure_transfer(which, out);
    }
    judge(out, before);
    settle(threads);
    return out;
}

void experiment::write_if_due(bool now) {
    constexpr std::uint64_t pause_ns = 5'000'000'000;
    if (now || written_ns_ == 0 || now_ns() - written_ns_ > pause_ns) {
        write_outputs(options_.directory, results_, environment_);
        written_ns_ = now_ns();
    }
}

// A disk that fills up ends the run, but what was measured is still worth printing.
void experiment::write_round() {
    try {
        write_if_due(false);
    } catch (const output_error&) {
        fmt::print("{}", result_tables(results_));
        std::fflush(stdout);
        throw;
    }
}

double experiment::remaining_seconds(std::size_t from) const {
    double seconds = 0;
    for (std::size_t i = from; i < results_.what.steps.size(); ++i) {
        const cell& one = results_.what.cells[results_.what.steps[i].cell];
        seconds += step_seconds(options_.wanted.sections[one.section]);
    }
    return seconds;
}

int experiment::finish() {
    const int signal_number = stop_requested();
    if (signal_number != 0) {
        results_.interrupted = signal_number == SIGINT ? "interrupted" : "terminated";
    }
    results_.finished_utc = utc_stamp();
    // The tables first: they must not be lost to a full disk.
    fmt::print("{}", result_tables(results_));
    std::fflush(stdout);
    write_if_due(true);
    fmt::print("\nFull results: {0}/results.json, {0}/summary.csv\nReport: {0}/report.html\n",
               options_.directory);
    std::fflush(stdout);
    if (signal_number == 0) {
        return exit_fine;
    }
    fmt::print(stderr,
               "ringpool: {}; {} of {} measurements are missing (listed under \"missing\" in "
               "results.json)\n",
               results_.interrupted,
               missing_count(results_),
               results_.what.steps.size());
    return 128 + signal_number;
}

int experiment::run() {
    if (const int code = announce(); code != exit_fine) {
        return code;
    }
    claim_directory(options_.directory, options_.force);
    environment_ = capture_environment(-1);
    const std::string source = completion_source();
    if (source.rfind("threads", 0) == 0) {
        fmt::print(
            stderr,
            "ringpool: io_uring is not used here: completions come from {}. ringpool's cells "
            "run on its thread fallback; raw and asio need io_uring itself.\n",
            source);
    }
    write_if_due(true);
    calibrate();
    if (!prepare_files()) {
        return exit_failed;
    }
    {
        const std::size_t total = results_.what.steps.size();
        progress line(total, remaining_seconds(0));
        for (std::size_t i = 0; i < total && stop_requested() == 0; ++i) {
            const step& next = results_.what.steps[i];
            const cell& one = results_.what.cells[next.cell];
            line.show(i, remaining_seconds(i), one.id);
            repetition done = measure(next);
            if (stop_requested() != 0) {
                break; // the client of an echo cell got the same signal
            }
            results_.repetitions.push_back(std::move(done));
            if (next.ends_round) {
                line.round_done(i + 1, remaining_seconds(i + 1), one.block);
                write_round();
            }
        }
    }
    return finish();
}

} // namespace

int run_experiment(const run_options& options) {
    install_stop_signals();
    try {
        experiment all(options);
        return all.run();
    } catch (const output_error& error) {
        fmt::print(stderr, "ringpool: {}\n", error.what());
        return exit_failed;
    }
}

} // namespace rp::lab
