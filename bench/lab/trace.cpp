// SPDX-License-Identifier: Apache-2.0
// The library records and derives; this starts it and shows what it wrote. So a trace made anywhere
// holds everything that the table shows.
#include "bench/lab/trace.hpp"

#include "bench/lab/quantity.hpp"
#include "bench/lab/runner.hpp"

#include <windows.h>

#include <fmt/format.h>
#include <ringpool/ringpool.h>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

extern char** environ;

namespace rp::lab {

namespace {

using parsed = nlohmann::json;

constexpr int exit_failed = 1;

int failed(const std::string& problem) {
    fmt::print(stderr, "ringpool trace: {}\n", problem);
    return exit_failed;
}

// --- the workload of its own ---------------------------------------------------------------------

constexpr int roots = 200;
constexpr int leaves_of_a_root = 20;

void burn(unsigned rounds) {
    for (unsigned i = 0; i < rounds; ++i) {
        asm volatile("" ::: "memory");
    }
}

VOID CALLBACK leaf_work(PTP_CALLBACK_INSTANCE, PVOID, PTP_WORK) {
    burn(5000);
}

VOID CALLBACK root_work(PTP_CALLBACK_INSTANCE, PVOID leaf, PTP_WORK) {
    for (int i = 0; i < leaves_of_a_root; ++i) {
        SubmitThreadpoolWork(static_cast<PTP_WORK>(leaf));
    }
    burn(20'000);
}

VOID CALLBACK waiting_work(PTP_CALLBACK_INSTANCE, PVOID never, PTP_WORK) {
    (void)WaitForSingleObject(static_cast<HANDLE>(never), 2); // an announced wait: times out
}

VOID CALLBACK periodic_timer(PTP_CALLBACK_INSTANCE, PVOID, PTP_TIMER) {
    burn(10'000);
}

/// Work that makes work, callbacks that wait, a timer: about a tenth of a second.
bool run_own_workload() {
    HANDLE never = CreateEventA(nullptr, TRUE, FALSE, nullptr);
    PTP_WORK leaf = CreateThreadpoolWork(&leaf_work, nullptr, nullptr);
    PTP_WORK root = CreateThreadpoolWork(&root_work, leaf, nullptr);
    PTP_WORK waiting = CreateThreadpoolWork(&waiting_work, never, nullptr);
    PTP_TIMER timer = CreateThreadpoolTimer(&periodic_timer, nullptr, nullptr);
    if (never == nullptr || leaf == nullptr || root == nullptr || waiting == nullptr ||
        timer == nullptr) {
        return false;
    }
    FILETIME at_once{};
    SetThreadpoolTimer(timer, &at_once, 1, 0);
    for (int i = 0; i < roots; ++i) {
        SubmitThreadpoolWork(root);
        if (i % 10 == 0) {
            SubmitThreadpoolWork(waiting);
        }
        if (i % 50 == 49) { // the pool gets idle, and is woken again
            WaitForThreadpoolWorkCallbacks(waiting, FALSE);
            WaitForThreadpoolWorkCallbacks(root, FALSE);
        }
    }
    WaitForThreadpoolWorkCallbacks(leaf, FALSE);
    SetThreadpoolTimer(timer, nullptr, 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    CloseThreadpoolTimer(timer);
    CloseThreadpoolWork(waiting);
    CloseThreadpoolWork(root);
    CloseThreadpoolWork(leaf);
    CloseHandle(never);
    return true;
}

int trace_own_workload(const trace_options& options) {
    if (!rp_trace_start(options.out.c_str())) {
        return failed(GetLastError() == ERROR_NOT_SUPPORTED
                          ? "this library was built with -Dsight=false"
                          : fmt::format("cannot trace, error {}", GetLastError()));
    }
    const bool has_run = run_own_workload();
    if (!rp_trace_stop()) {
        return failed(fmt::format("no trace was written, error {}", GetLastError()));
    }
    return has_run ? exit_fine : failed("out of memory for the workload");
}

// --- a program -----------------------------------------------------------------------------------

int trace_program(const trace_options& options) {
    std::error_code ignored;
    std::filesystem::remove(options.out, ignored); // an old one must not be taken for the new one
    std::vector<char*> arguments;
    for (const std::string& each : options.program) {
        arguments.push_back(const_cast<char*>(each.c_str()));
    }
    arguments.push_back(nullptr);
    pid_t child = 0;
    const int error =
        posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ);
    if (error != 0) {
        (void)failed(fmt::format("cannot run {}: {}", options.program[0], std::strerror(error)));
        return exit_usage;
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return failed(fmt::format("lost {}: {}", options.program[0], std::strerror(errno)));
        }
    }
    if (!std::filesystem::exists(options.out, ignored)) {
        return failed(
            fmt::format("{} wrote no trace: it is not linked with libringpool, was killed, "
                        "left by _exit, or could not write {}",
                        options.program[0],
                        options.out));
    }
    if (WIFSIGNALED(status)) {
        return 128 + WTERMSIG(status);
    }
    return WEXITSTATUS(status);
}

// --- what it says --------------------------------------------------------------------------------

std::string anatomy_row(const parsed& anatomy, const char* key, const char* title) {
    const parsed& figures = anatomy.at(key);
    const auto count = figures.at("count").get<std::uint64_t>();
    if (count == 0) {
        return fmt::format("{:<22}{:>10}\n", title, 0);
    }
    const auto cell = [&figures](const char* name) {
        return show_duration(figures.at(name).get<double>());
    };
    return fmt::format("{:<22}{:>10}{:>12}{:>12}{:>12}{:>12}\n",
                       title,
                       count,
                       cell("p50_ns"),
                       cell("p90_ns"),
                       cell("p99_ns"),
                       cell("max_ns"));
}

std::string what_is_not_known(const parsed& switches) {
    std::string lines;
    if (const auto unknown = switches.at("unknown").get<std::uint64_t>(); unknown != 0) {
        const auto why = switches.at("why_unknown").get<std::string>();
        lines += fmt::format("whether {} of them slept or were preempted is not known: {}\n",
                             unknown,
                             why.empty() ? "they began before the trace did" : why);
    }
    if (const auto at_least = switches.at("at_least").get<std::uint64_t>(); at_least != 0) {
        lines += fmt::format("{} of them slept or were preempted so often that the kernel has "
                             "overwritten records: for them it is at least as much\n",
                             at_least);
    }
    return lines;
}

std::string core_row(const parsed& core) {
    const auto seen = core.at("seen_ns").get<double>();
    const auto share = [&](const char* name) {
        return seen > 0 ? 100 * core.at(name).get<double>() / seen : 0.0;
    };
    return fmt::format(
        "{:<22}{:>10}{:>11.1f}%{:>19.1f}%\n",
        fmt::format("pool {} core {}", core.at("pool").get<int>(), core.at("core").get<int>()),
        show_duration(seen),
        share("idle_ns"),
        share("idle_while_work_waited_ns"));
}

} // namespace

std::string anatomy_table(const std::string& trace_text, std::string& problem) {
    try {
        const parsed other = parsed::parse(trace_text).at("otherData");
        const parsed& anatomy = other.at("anatomy");
        std::string table = fmt::format("{:<22}{:>10}{:>12}{:>12}{:>12}{:>12}\n",
                                        "of each callback",
                                        "count",
                                        "p50",
                                        "p90",
                                        "p99",
                                        "max");
        table += anatomy_row(anatomy, "queue_wait", "waited in queues");
        table += anatomy_row(anatomy, "wake_up", "  for a wake-up");
        table += anatomy_row(anatomy, "run", "ran");
        table += anatomy_row(anatomy, "blocked", "  blocked (announced)");
        table += anatomy_row(anatomy, "slept", "  slept");
        table += anatomy_row(anatomy, "preempted", "  preempted");
        table += what_is_not_known(other.at("switches"));
        table += fmt::format(
            "\n{:<22}{:>10}{:>12}{:>20}\n", "of each core", "seen", "idle", "idle, work waiting");
        for (const parsed& core : other.at("cores")) {
            table += core_row(core);
        }
        if (const auto lost = other.at("events_lost").get<std::uint64_t>(); lost != 0) {
            table +=
                fmt::format("\n{} events were overwritten: a larger --events keeps more\n", lost);
        }
        return table;
    } catch (const parsed::exception& error) {
        problem = error.what();
        return {};
    }
}

int run_trace(const trace_options& given) {
    trace_options options = given;
    std::error_code error;
    options.out = std::filesystem::absolute(options.out, error).string();
    if (std::filesystem::is_directory(options.out, error)) {
        (void)failed(fmt::format("{} is a directory, not a file to write", options.out));
        return exit_usage;
    }
    setenv("RINGPOOL_TRACE_EVENTS", std::to_string(options.events).c_str(), 1);
    int code = exit_fine;
    if (options.program.empty()) {
        code = trace_own_workload(options);
    } else {
        setenv("RINGPOOL_TRACE", options.out.c_str(), 1);
        code = trace_program(options);
    }
    if (!std::filesystem::exists(options.out, error)) {
        return code;
    }
    std::ifstream in(options.out, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    std::string problem;
    const std::string table = anatomy_table(text.str(), problem);
    if (table.empty()) {
        return failed(fmt::format("{} is no trace: {}", options.out, problem));
    }
    if (options.anatomy) {
        fmt::print("{}\n", table);
    }
    fmt::print("{}: open it in ui.perfetto.dev or chrome://tracing\n", options.out);
    return code;
}

} // namespace rp::lab
