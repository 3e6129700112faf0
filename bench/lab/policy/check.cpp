// SPDX-License-Identifier: Apache-2.0
// `ringpool policy check`. The policy runs in a child process, because it may crash or never
// return; the parent then still knows the schedule from a page that both share.
#include "bench/lab/policy/check.hpp"

#include "bench/lab/policy/object.hpp"
#include "bench/lab/policy/simulation.hpp"
#include "bench/lab/runner.hpp"

#include <fmt/format.h>

#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace rp::lab {

const std::array<const char*, 6> policy_contract = {
    "place names a queue that exists: a core below cores(), a priority below 3, a class below 16, "
    "`arrivals` for items from outside only.",
    "next names a known action with an argument in its range.",
    "a fruitless search ends: after at most 64 + 8 x cores() tries without an item next says spin "
    "or "
    "park, and after at most 4096 spins it says park.",
    "no queue is left: before it parks, a core has tried every queue that `reads` says it takes "
    "from "
    "and that had something in it.",
    "every queue that place uses is taken from: some core reads it, and none of its items waits "
    "for "
    "ever while the core runs others (low priority excepted).",
    "the answers depend on nothing but the arguments, the context and `self`.",
};

namespace {

/// A schedule takes milliseconds of CPU time: a hook that is still at it after this long will not
/// return. One that sleeps uses none, so there is a limit by the clock as well, for slow machines a
/// long one.
constexpr unsigned hook_limit_cpu_s = 20;
constexpr unsigned hook_limit_s = 300;

void limit_hooks() {
    const itimerval cpu = {{0, 0}, {hook_limit_cpu_s, 0}};
    (void)setitimer(ITIMER_VIRTUAL, &cpu, nullptr);
    (void)alarm(hook_limit_s);
}

/// What the parent knows when the child dies.
struct progress {
    uint64_t seed = 0;
    uint64_t schedule = 0;
    bool has_begun = false;
};

void print_broken(int rule, const std::string& what) {
    fmt::print(
        "P{} is broken: {}\n  {}\n", rule, policy_contract[static_cast<size_t>(rule - 1)], what);
}

/// Whether both courses of one schedule agree; prints where they part.
bool compare(const sim::simulation& first, const sim::simulation& again) {
    const std::vector<uint64_t>& a = first.answers();
    const std::vector<uint64_t>& b = again.answers();
    const auto [at, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    if (at == a.end() && other == b.end()) {
        return true;
    }
    const auto index = static_cast<size_t>(at - a.begin());
    const uint64_t event =
        index < a.size() ? first.event_of_answer(index) : again.event_of_answer(index);
    print_broken(
        6,
        fmt::format("the same schedule ran twice from a new `self`, and answer {} (event {}) "
                    "was another the second time: is there a global, a clock or a random "
                    "number that is not the context's?",
                    index + 1,
                    event));
    return false;
}

/// True when nothing is broken.
bool check_schedule(const rp_policy& table, uint64_t seed, uint64_t number, uint64_t& events) {
    sim::simulation first(table, seed);
    first.run();
    sim::simulation again(table, seed);
    again.run();
    events += first.events();
    const bool is_kept = first.broken().rule == 0;
    if (!is_kept) {
        print_broken(first.broken().rule, first.broken().what);
    }
    if (compare(first, again) && is_kept) {
        return true;
    }
    fmt::print("  schedule {} (seed {}, {} cores), after event {}:\n",
               number + 1,
               seed,
               first.cores(),
               is_kept ? first.events() : first.broken().event);
    for (const std::string& line : is_kept ? std::vector<std::string>() : first.last_events()) {
        fmt::print("    {}\n", line);
    }
    return false;
}

int check_in_child(const check_options& options, progress& at) {
    const policy_object object = open_policy(options.file);
    if (!object.unreadable.empty()) {
        fmt::print(stderr, "ringpool: cannot load {}: {}\n", options.file, object.unreadable);
        return exit_usage;
    }
    for (const std::string& warning : object.warnings) {
        fmt::print("note: {}\n", warning);
    }
    for (const std::string& problem : object.problems) {
        fmt::print("cannot be loaded: {}\n", problem);
    }
    if (!object.problems.empty()) {
        return exit_failed;
    }
    fmt::print(
        "policy {}: {} schedules, seed {}\n", object.table.name, options.schedules, options.seed);
    (void)std::fflush(stdout);
    at.has_begun = true;
    uint64_t events = 0;
    for (uint64_t i = 0; i < options.schedules; ++i) {
        at.schedule = i;
        at.seed = options.seed + i;
        limit_hooks();
        if (!check_schedule(object.table, at.seed, i, events)) {
            fmt::print("  again: ringpool policy check {} --seed {} --schedules 1\n",
                       options.file,
                       at.seed);
            return exit_failed;
        }
    }
    fmt::print("nothing is broken: P1 to P6 held in {} schedules ({} events, 1 to 64 cores)\n",
               options.schedules,
               events);
    return exit_fine;
}

int tell_death(const check_options& options, const progress& at, int signal) {
    const std::string what = signal == SIGALRM
                                 ? fmt::format("a hook did not return within {} s", hook_limit_s)
                                 : fmt::format("the policy crashed: {}", strsignal(signal));
    fmt::print("{}\n", what);
    if (at.has_begun) {
        fmt::print(
            "  schedule {} (seed {})\n"
            "  again, in a debugger: gdb -ex 'set follow-fork-mode child' --args ringpool policy "
            "check {} --seed {} --schedules 1\n",
            at.schedule + 1,
            at.seed,
            options.file,
            at.seed);
    } else {
        fmt::print("  while it was loaded\n");
    }
    return exit_failed;
}

} // namespace

int check_policy(const check_options& options) {
    void* page =
        mmap(nullptr, sizeof(progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)std::fflush(stdout);
    const pid_t child = page != MAP_FAILED ? fork() : -1;
    if (child < 0) {
        fmt::print(stderr, "ringpool: cannot start the check: {}\n", std::strerror(errno));
        return exit_failed;
    }
    auto& at = *static_cast<progress*>(page);
    if (child == 0) {
        const int code = check_in_child(options, at);
        (void)std::fflush(stdout);
        _exit(code);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    const progress reached = at;
    munmap(page, sizeof(progress));
    return WIFSIGNALED(status) ? tell_death(options, reached, WTERMSIG(status))
                               : WEXITSTATUS(status);
}

} // namespace rp::lab
