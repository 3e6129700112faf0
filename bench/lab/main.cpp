// SPDX-License-Identifier: Apache-2.0
// ringpool: runs experiments over the thread pool and writes results that can be cited.
#include "bench/lab/controllers.hpp"
#include "bench/lab/environment.hpp"
#include "bench/lab/machine.hpp"
#include "bench/lab/pages.hpp"
#include "bench/lab/policy/check.hpp"
#include "bench/lab/policy/command.hpp"
#include "bench/lab/runner.hpp"
#include "bench/lab/trace.hpp"
#include "bench/lab/workloads/echo_client.hpp"
#include "bench/peers/child.hpp"
#include "bench/peers/command.hpp"

#include <fmt/format.h>
#include <ringpool/ringpool.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace {

namespace lab = rp::lab;

struct arguments {
    std::string file;
    std::string out;
    std::string filter;
    std::uint64_t seed = 0;
    bool quick = false;
    bool force = false;
    std::vector<std::string> policy_objects;
};

/// `ringpool policy ...`: its options, and what they led to.
class policy_command {
public:
    explicit policy_command(CLI::App& app)
        : command_(*app.add_subcommand("policy", "Scheduling policies: look, write, check")) {
        command_.require_subcommand(1);
        command_.add_subcommand("list", "Print the policies of this build with their other names");
        CLI::App* const show = command_.add_subcommand("show", "Print the page of a policy");
        show->add_option("NAME", name_, "Its name, or another name of it")->required();
        CLI::App* const make = command_.add_subcommand(
            "new", "Write a folder with a policy of your own to begin with");
        make->add_option("NAME", name_, "Lower-case letters, digits and '-'")->required();
        make->add_option("DIR", directory_, "The folder (default NAME); must not exist");
        CLI::App* const check = command_.add_subcommand(
            "check", "Run a policy through simulated schedules against its contract");
        check->add_option("FILE", check_.file, "The shared object")->required();
        seed_ = check->add_option("--seed", check_.seed, "Of the first schedule (default: random)");
        check->add_option("--schedules", check_.schedules, "How many (default 1000)")
            ->check(CLI::Range(1, 100'000'000));
        check->footer("Exit codes: 0 the contract held, 1 it was broken or the object cannot be "
                      "loaded as a policy, 2 FILE is no shared object.");
        command_.footer("docs/policies.md goes through it step by step.");
    }

    [[nodiscard]] bool is_wanted() const { return command_.parsed(); }

    int run() {
        const std::string which = command_.get_subcommands().front()->get_name();
        if (which == "list") {
            return lab::list_policies();
        }
        if (which == "show") {
            return lab::show_policy(name_);
        }
        if (which == "new") {
            return lab::new_policy(name_, directory_);
        }
        if (seed_->count() == 0) {
            check_.seed = std::random_device()();
        }
        return lab::check_policy(check_);
    }

private:
    CLI::App& command_;
    CLI::Option* seed_ = nullptr;
    std::string name_;
    std::string directory_;
    lab::check_options check_;
};

constexpr const char* run_footer =
    "The manifest says what is measured; bench/lab/experiments/first-look.toml is an example.\n"
    "DIR then holds results.json (everything: plan, seeds, environment, histograms),\n"
    "summary.csv (one row per cell, repetition and metric) and report.html (open it in a\n"
    "browser; it needs no network). They are rewritten after each round, so an interrupted run\n"
    "keeps what it has measured.\n"
    "Exit codes: 0 done, 1 could not measure or write, 2 bad manifest or arguments,\n"
    "130 interrupted.";

std::optional<std::string> read_file(const std::string& path) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
        fmt::print(stderr, "ringpool: {} is a directory, not a manifest\n", path);
        return std::nullopt;
    }
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        fmt::print(stderr, "ringpool: cannot read {}: {}\n", path, std::strerror(errno));
        return std::nullopt;
    }
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

int run(const arguments& given, bool seed_given, const std::vector<std::string>& command) {
    if (const int code = lab::load_policies(given.policy_objects); code != lab::exit_fine) {
        return code;
    }
    const auto text = read_file(given.file);
    if (!text) {
        return lab::exit_usage;
    }
    const std::vector<std::string> policies = lab::policy_names();
    lab::manifest_result parsed = lab::parse_manifest(*text, given.file, policies, given.quick);
    if (!parsed.problems.empty()) {
        for (const std::string& problem : parsed.problems) {
            fmt::print(stderr, "{}\n", problem);
        }
        return lab::exit_usage;
    }
    lab::run_options options;
    options.wanted = std::move(parsed.value);
    if (seed_given) {
        options.wanted.seed = given.seed;
    }
    options.filter = given.filter;
    options.force = given.force;
    options.command = command;
    options.directory = given.out.empty()
                            ? fmt::format("results/{}-{}", options.wanted.name, lab::utc_stamp())
                            : given.out;
    return lab::run_experiment(options);
}

void print_environment() {
    fmt::print("{}\n", lab::capture_environment(2));
}

int show_controller(const std::string& name) {
    const lab::page* its = lab::find_page(lab::controller_pages(), name);
    if (its == nullptr) {
        fmt::print(stderr, "{}", lab::unknown_controller(name));
        return lab::exit_usage;
    }
    fmt::print("{}", its->text);
    return lab::exit_fine;
}

CLI::App* add_trace(CLI::App& app, lab::trace_options& traced) {
    CLI::App* const trace =
        app.add_subcommand("trace", "Record what pools do, as a trace for Perfetto");
    trace->add_option("--out", traced.out, "The file to write")->capture_default_str();
    trace->add_option("--events", traced.events, "Events kept for each thread, 32 bytes each")
        ->capture_default_str()
        ->check(CLI::Range(64U, 1U << 24U));
    trace->add_flag(
        "--anatomy", traced.anatomy, "Print where callbacks and cores spent their time");
    trace->add_option(
        "PROGRAM", traced.program, "After --: a program and its arguments (default: a workload)");
    trace->footer("Example: ringpool trace --anatomy -- ./server --port 80\n"
                  "The exit code is that of the program. docs/sight.md explains what is seen.");
    return trace;
}

CLI::App* add_bench(CLI::App& app, rp::peers::bench_options& wanted) {
    CLI::App* const bench =
        app.add_subcommand("bench", "Compare the pool with other libraries and with the limits");
    bench->add_flag("--peers", wanted.peers, "Measure the other libraries (and Wine) as well");
    bench->add_flag("--quick", wanted.quick, "Short and few measurements, in a minute or two");
    bench
        ->add_option("--only",
                     wanted.only,
                     "Only these shapes, separated by commas; an unknown one prints the list")
        ->delimiter(',')
        ->allow_extra_args(false);
    bench
        ->add_option(
            "--repetitions", wanted.repetitions, "Of each measurement (default 9, quick 3)")
        ->check(CLI::Range(1U, 1000U));
    bench->add_option("--seed", wanted.seed, "Of the order of the engines, and of offsets")
        ->capture_default_str();
    bench->add_option(
        "--out", wanted.out, "Directory for the results (default results/bench-UTC-STAMP)");
    bench->add_flag("--force", wanted.force, "Replace the bench.json of DIR");
    bench->footer("DIR then holds bench.json (everything), bench.csv (a line for each measurement) "
                  "and\nbench.html. They are rewritten after each row, so an interrupted run keeps "
                  "what it has.\nExit codes: 0 done, 1 an engine's answer was wrong or the results "
                  "cannot be written,\n2 bad arguments, 130 interrupted. docs/benchmarks.md "
                  "explains shapes, limits and goals.");
    return bench;
}

int command_line(int argc, char** argv) {
    CLI::App app{"Experiments over the ringpool thread pool."};
    app.set_version_flag("--version", std::string("ringpool ") + rp_version());
    app.require_subcommand(1);
    app.footer("To write a scheduling policy without the sources: ringpool policy new NAME, make, "
               "make check;\ndocs/policies.md has the steps.");
    arguments given;

    CLI::App* const run_command = app.add_subcommand("run", "Measure what a manifest describes");
    run_command->add_option("FILE", given.file, "The manifest (TOML)")->required();
    run_command->add_option(
        "--out", given.out, "Directory for the results (default results/NAME-UTC-STAMP)");
    run_command->add_flag(
        "--quick", given.quick, "The manifest's [quick] values: coarser, in about a minute");
    CLI::Option* const seed =
        run_command->add_option("--seed", given.seed, "Instead of the manifest's seed");
    run_command->add_option("--filter", given.filter, "Only cells whose name contains this text");
    run_command->add_flag(
        "--force", given.force, "Replace results in DIR; run although over the manifest's budget");
    run_command
        ->add_option("--policy-lib",
                     given.policy_objects,
                     "A shared object with a policy, for the manifest to name; repeatable")
        ->allow_extra_args(false); // what follows its value may be FILE
    run_command->footer(run_footer);

    CLI::App* const environment =
        app.add_subcommand("env", "Print the environment that is stored with results");
    policy_command policy(app);

    CLI::App* const controller = app.add_subcommand("controller", "Thread-count controllers");
    controller->require_subcommand(1);
    controller->add_subcommand("list", "Print the controllers of this build, one a line");
    CLI::App* const controller_show =
        controller->add_subcommand("show", "Print idea, knobs, gaps and source of one controller");
    std::string controller_name;
    controller_show->add_option("NAME", controller_name, "Its name")->required();

    lab::trace_options traced;
    CLI::App* const trace = add_trace(app, traced);

    rp::peers::bench_options compared;
    compared.command = {argv, argv + argc};
    CLI::App* const bench = add_bench(app, compared);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? lab::exit_fine : lab::exit_usage;
    }
    if (*environment) {
        print_environment();
    } else if (policy.is_wanted()) {
        return policy.run();
    } else if (*controller_show) {
        return show_controller(controller_name);
    } else if (*controller) {
        fmt::print("{}", lab::controller_list());
    } else if (*trace) {
        return lab::run_trace(traced);
    } else if (*bench) {
        return rp::peers::run_bench(compared);
    } else {
        return run(given, seed->count() != 0, {argv, argv + argc});
    }
    return lab::exit_fine;
}

} // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], "echo-client") == 0) {
        return lab::echo_client_main(argc, argv);
    }
    if (argc > 1 && std::strcmp(argv[1], "bench-libuv") == 0) {
        return rp::peers::libuv_child_main(argc, argv);
    }
    return command_line(argc, argv);
}
