// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/command.hpp"

#include "bench/lab/environment.hpp"
#include "bench/lab/output.hpp"
#include "bench/lab/progress.hpp"
#include "bench/lab/quantity.hpp"
#include "bench/lab/runner.hpp"
#include "bench/lab/stop.hpp"
#include "bench/peers/record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

namespace rp::peers {

namespace {

unsigned repetitions_of(const bench_options& options) {
    return options.repetitions != 0 ? options.repetitions : options.quick ? 3 : 9;
}

std::string directory_of(const bench_options& options) {
    return options.out.empty() ? fmt::format("results/bench-{}", lab::utc_stamp()) : options.out;
}

class bench_run {
public:
    bench_run(const bench_options& options, const std::vector<contest>& contests)
        : contests_(contests), directory_(options.out), force_(options.force) {
        all_.planned_rows = contests.size();
        all_.repetitions = repetitions_of(options);
        all_.seed = options.seed;
        all_.quick = options.quick;
        all_.peers = options.peers;
        all_.command = options.command;
        all_.started_utc = lab::utc_stamp();
    }

    int run() {
        lab::claim_directory(directory_, force_, "bench.json");
        all_.environment = lab::capture_environment(-1);
        write();
        announce();
        measure();
        return finish();
    }

private:
    static double seconds_of(const contest& one) {
        return one.seconds * static_cast<double>(one.contestants.size());
    }

    [[nodiscard]] double seconds_from(std::size_t row) const {
        double seconds = 0;
        for (std::size_t i = row; i < contests_.size(); ++i) {
            seconds += seconds_of(contests_[i]);
        }
        return seconds * all_.repetitions;
    }

    void announce() {
        fmt::print(stderr,
                   "{} rows, {} repetition{}, seed {}; about {}\nresults: {}\n",
                   contests_.size(),
                   all_.repetitions,
                   all_.repetitions == 1 ? "" : "s",
                   all_.seed,
                   lab::show_seconds(seconds_from(0)),
                   directory_);
        fmt::print("{}", table_head());
        std::fflush(stdout);
    }

    void measure() {
        std::size_t total = 0;
        for (const contest& one : contests_) {
            total += one.contestants.size() * all_.repetitions;
        }
        lab::progress line(total, seconds_from(0));
        std::size_t done = 0;
        for (std::size_t i = 0; i < contests_.size() && lab::stop_requested() == 0; ++i) {
            const contest& one = contests_[i];
            const std::size_t first = done;
            row_result row = hold(one, all_.repetitions, all_.seed, [&](const contestant& next) {
                const double spent = one.seconds * static_cast<double>(done - first);
                line.show(
                    done, std::max(0.0, seconds_from(i) - spent), one.name() + ": " + next.engine);
                done += 1;
                return lab::stop_requested() == 0;
            });
            if (lab::stop_requested() != 0) {
                // What the signal cut short is no fault: the client of an echo got it too.
                for (series& of : row.engines) {
                    of.fault.clear();
                }
            }
            done = first + one.contestants.size() * all_.repetitions;
            line.clear_line();
            fmt::print("{}", table_line(row));
            std::fflush(stdout);
            all_.rows.push_back(std::move(row));
            write();
        }
    }

    void write() {
        const auto at = [&](const char* name) { return directory_ + "/" + name; };
        lab::write_atomically(at("bench.json"), bench_json(all_));
        lab::write_atomically(at("bench.csv"), bench_csv(all_));
        lab::write_atomically(at("bench.html"), bench_html(all_));
    }

    int finish() {
        const int signal_number = lab::stop_requested();
        if (signal_number != 0) {
            all_.interrupted = signal_number == SIGINT ? "interrupted" : "terminated";
        }
        all_.finished_utc = lab::utc_stamp();
        fmt::print("{}", table_foot(all_));
        std::fflush(stdout);
        write();
        fmt::print("\nEvery repetition: {0}/bench.json, {0}/bench.csv\nCharts: {0}/bench.html\n",
                   directory_);
        std::fflush(stdout);
        if (signal_number != 0) {
            fmt::print(stderr,
                       "ringpool: {}; {} of {} rows are there, the last one perhaps in part\n",
                       all_.interrupted,
                       all_.rows.size(),
                       contests_.size());
            return 128 + signal_number;
        }
        const std::vector<std::string> faults = faults_of(all_);
        for (const std::string& fault : faults) {
            fmt::print(stderr, "ringpool: wrong answer: {}\n", fault);
        }
        return faults.empty() ? lab::exit_fine : lab::exit_failed;
    }

    const std::vector<contest>& contests_;
    std::string directory_;
    bool force_;
    comparison all_;
};

} // namespace

std::string shape_names() {
    std::vector<std::string> names;
    for (const contest& one : all_contests({})) {
        for (const std::string& name : {one.family, one.shape}) {
            if (std::find(names.begin(), names.end(), name) == names.end()) {
                names.push_back(name);
            }
        }
    }
    return lab::joined(names, " ");
}

int run_contests(const bench_options& options, const std::vector<contest>& contests) {
    lab::install_stop_signals();
    try {
        return bench_run(options, contests).run();
    } catch (const lab::output_error& error) {
        fmt::print(stderr, "ringpool: {}\n", error.what());
        return lab::exit_failed;
    }
}

int run_bench(const bench_options& options) {
    bench_options given = options;
    given.out = directory_of(options);
    std::string unknown;
    const std::vector<contest> chosen =
        select(all_contests({given.quick, given.peers, given.out}), given.only, unknown);
    if (!unknown.empty()) {
        fmt::print(stderr,
                   "ringpool: --only: there is no shape \"{}\"; take some of: {}\n",
                   unknown,
                   shape_names());
        return lab::exit_usage;
    }
    return run_contests(given, chosen);
}

} // namespace rp::peers
