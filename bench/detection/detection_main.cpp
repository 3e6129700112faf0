// SPDX-License-Identifier: Apache-2.0
// Measures every tier of blocked-worker detection that this machine offers and prints Markdown.
//
// A process has one tier, so the rounds with a pool run in children of their own, one round each,
// the tiers in turn: what the machine does beside us then falls on all of them alike.
#include "bench/detection/pool_bench.hpp"
#include "bench/detection/sight_bench.hpp"
#include "kernel_iface/linux/block_bell.hpp"
#include "kernel_iface/linux/detection.hpp"
#include "kernel_iface/linux/process.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace rp::detection;
using rp::kernel::detection_tier;

constexpr std::array ways{way{"perf with the bell", detection_tier::perf, true},
                          way{"perf without", detection_tier::perf, false},
                          way{"schedstat", detection_tier::schedstat, false},
                          way{"state", detection_tier::state, false}};

std::string line_of(const char* path, std::string_view key) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        if (line.compare(0, key.size(), key) == 0) {
            const size_t colon = key.empty() ? std::string::npos : line.find(':');
            return colon == std::string::npos ? line : line.substr(colon + 2);
        }
    }
    return "unknown";
}

void print_machine() {
    utsname names{};
    (void)uname(&names);
    std::printf("Linux %s, %u usable CPUs, %s; kernel.perf_event_paranoid=%s, load %s\n",
                names.release,
                std::thread::hardware_concurrency(),
                line_of("/proc/cpuinfo", "model name").c_str(),
                line_of("/proc/sys/kernel/perf_event_paranoid", "").c_str(),
                line_of("/proc/loadavg", "").c_str());
    const auto refusals = rp::kernel::probe_detection_tiers();
    for (const way& each : ways) {
        const std::string& why = refusals[static_cast<size_t>(each.tier)];
        if (!why.empty()) {
            std::printf("\nNot measured: %s: %s\n", each.name, why.c_str());
        }
    }
    if (const int64_t price = rp::kernel::switch_records::wake_price_ns(); price >= 0) {
        std::printf("\nA record that wakes costs %lld ns more; the bell is %s here.\n",
                    static_cast<long long>(price),
                    rp::kernel::block_bell::is_worthwhile() ? "used" : "not used");
    }
}

std::vector<way> offered_ways() {
    const auto refusals = rp::kernel::probe_detection_tiers();
    std::vector<way> offered;
    for (const way& each : ways) {
        if (refusals[static_cast<size_t>(each.tier)].empty()) {
            offered.push_back(each);
        }
    }
    return offered;
}

void print_switches(unsigned rounds) {
    constexpr unsigned repetitions = 15;
    constexpr std::array recordings{
        recording::none, recording::silent, recording::ringing, recording::heard};
    std::array<samples, recordings.size()> over;
    for (unsigned r = 0; r < repetitions; ++r) {
        for (size_t i = 0; i < recordings.size(); ++i) {
            over[i].add(switch_ns(recordings[i], rounds));
        }
    }
    constexpr std::array names{"not watched (also schedstat, state)",
                               "perf, without a bell",
                               "perf, ringing, nobody waits",
                               "perf, ringing, the monitor woken each time"};
    std::printf(
        "\n### Cost to the watched thread of a switch, out and in again\n\n"
        "| | ping-pong, ns, median | p10 | p90 | above not watched |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < recordings.size(); ++i) {
        std::printf("| %s | %.0f | %.0f | %.0f | %.0f |\n",
                    names[i],
                    over[i].quantile(0.5),
                    over[i].quantile(0.1),
                    over[i].quantile(0.9),
                    over[i].quantile(0.5) - over[0].quantile(0.5));
    }
}

void print_looks(const std::vector<way>& offered) {
    std::printf("\n### Cost to the monitor of a look\n\n"
                "| way | at a blocked thread, ns | at a running one, ns | open and close, us "
                "|\n|---|---|---|---|\n");
    for (const way& how : offered) {
        samples blocked;
        samples running;
        samples open;
        for (unsigned r = 0; r < 9; ++r) {
            const look_cost cost = cost_of_looks(how, 5000);
            blocked.add(cost.blocked_ns);
            running.add(cost.running_ns);
            open.add(cost.open_us);
        }
        std::printf("| %s | %.0f | %.0f | %.1f |\n",
                    how.name,
                    blocked.quantile(0.5),
                    running.quantile(0.5),
                    open.quantile(0.5));
    }
}

void print_notices(const std::vector<way>& offered, unsigned blocks) {
    std::printf("\n### From a block to its notice\n\n"
                "| block | way | noticed | p50, us | p90 | p99 |\n|---|---|---|---|---|---|\n");
    for (const int64_t length_us : {50, 200, 1'000, 10'000, 100'000}) {
        for (const way& how : offered) {
            const unsigned few = length_us >= 100'000 ? blocks / 10 + 1 : blocks;
            const notice seen = notice_blocks(how, length_us * 1000, few);
            std::printf("| %lld us | %s | %.0f %% | %.0f | %.0f | %.0f |\n",
                        static_cast<long long>(length_us),
                        how.name,
                        100.0 * static_cast<double>(seen.latency_us.count()) / seen.blocks,
                        seen.latency_us.quantile(0.5),
                        seen.latency_us.quantile(0.9),
                        seen.latency_us.quantile(0.99));
        }
    }
}

void print_hogs(const std::vector<way>& offered, int64_t duration_ns) {
    std::printf(
        "\n### Two threads that compute on one CPU\n\n"
        "| way | looks | called blocked | called waiting for the CPU |\n|---|---|---|---|\n");
    for (const way& how : offered) {
        const verdicts seen = look_at_hogs(how, duration_ns);
        std::printf("| %s | %u | %u | %u |\n", how.name, seen.looks, seen.blocked, seen.waiting);
    }
}

/// A round in a child process whose tier this is.
bool child_round(const char* program, const way& how, waiting_times& result) {
    const std::string command = std::string("RINGPOOL_BELL=") + (how.rings ? "1" : "0") +
                                " RINGPOOL_DETECT=" + rp::kernel::detection_tier_name(how.tier) +
                                " '" + program + "' --one-round";
    FILE* child = popen(command.c_str(), "r");
    if (child == nullptr) {
        return false;
    }
    const int got = std::fscanf(child,
                                "%lf %lf %lf %u",
                                &result.first_us,
                                &result.all_us,
                                &result.later_us,
                                &result.threads);
    return pclose(child) == 0 && got == 4;
}

bool print_pools(const char* program, const std::vector<way>& offered, unsigned rounds) {
    std::vector<way> all = offered;
    all.push_back({"announced", detection_tier::announced, false});
    std::map<std::string_view, std::array<samples, 3>> times;
    std::map<std::string_view, unsigned> threads;
    for (unsigned r = 0; r < rounds; ++r) {
        for (const way& how : all) {
            waiting_times one;
            if (!child_round(program, how, one)) {
                std::fprintf(stderr, "ringpool_detection: a round with %s failed\n", how.name);
                return false;
            }
            times[how.name][0].add(one.first_us / 1000);
            times[how.name][1].add(one.all_us / 1000);
            times[how.name][2].add(one.later_us / 1000);
            threads[how.name] = std::max(threads[how.name], one.threads);
        }
    }
    std::printf("\n### %u callbacks behind %u blocked ones, %u rounds of a new pool each\n\n"
                "| way | first started, ms: median | p90 | max | all started: median | p90 | max | "
                "submitted later, all started: median | max | threads, at most |\n"
                "|---|---|---|---|---|---|---|---|---|---|\n",
                computers,
                blockers,
                rounds);
    for (const way& how : all) {
        const auto& [first, last, later] = times[how.name];
        std::printf("| %s | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %u |\n",
                    how.name,
                    first.quantile(0.5),
                    first.quantile(0.9),
                    first.quantile(1),
                    last.quantile(0.5),
                    last.quantile(0.9),
                    last.quantile(1),
                    later.quantile(0.5),
                    later.quantile(1),
                    threads[how.name]);
    }
    return true;
}

int usage(const char* complaint) {
    std::fprintf(complaint != nullptr ? stderr : stdout,
                 "%s%susage: ringpool_detection [--scale=PERCENT] [--only=PART]\n"
                 "  Measures every tier of blocked-worker detection of this machine; Markdown on\n"
                 "  stdout. PART: switches, looks, notices, hogs or pools. Scale 100 takes about\n"
                 "  two minutes. docs/detection.md says what the figures mean.\n",
                 complaint != nullptr ? complaint : "",
                 complaint != nullptr ? "\n" : "");
    return complaint != nullptr ? 2 : 0;
}

} // namespace

int main(int argc, char** argv) {
    unsigned percent = 100;
    std::string_view only;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--one-round") {
            const char* tier = std::getenv("RINGPOOL_DETECT");
            const waiting_times one =
                one_round(tier != nullptr && std::string_view(tier) == "announced");
            std::printf("%f %f %f %u\n", one.first_us, one.all_us, one.later_us, one.threads);
            return 0;
        }
        if (argument == "--help") {
            return usage(nullptr);
        }
        if (argument.starts_with("--scale=")) {
            const std::string_view digits = argument.substr(8);
            const auto [end, error] =
                std::from_chars(digits.data(), digits.data() + digits.size(), percent);
            if (error != std::errc() || end != digits.data() + digits.size() || percent == 0 ||
                percent > 10'000) {
                return usage("ringpool_detection: --scale needs a number from 1 to 10000");
            }
        } else if (argument.starts_with("--only=")) {
            only = argument.substr(7);
            if (only != "switches" && only != "looks" && only != "notices" && only != "hogs" &&
                only != "pools") {
                return usage("ringpool_detection: --only knows switches, looks, notices, hogs and "
                             "pools");
            }
        } else {
            return usage(("ringpool_detection: unknown option " + std::string(argument)).c_str());
        }
    }
    const auto wants = [only](std::string_view part) { return only.empty() || only == part; };
    const std::vector<way> offered = offered_ways();
    print_machine();
    if (wants("switches") && !offered.empty() && offered[0].tier == detection_tier::perf) {
        print_switches(std::max(200 * percent, 1000U));
    }
    if (wants("looks")) {
        print_looks(offered);
    }
    if (wants("notices")) {
        print_notices(offered, 5 * percent);
    }
    if (wants("hogs")) {
        print_hogs(offered, int64_t{50'000'000} * percent);
    }
    std::array<char, 4096> program{};
    rp::kernel::program_path(program.data(), program.size());
    return wants("pools") && !print_pools(program.data(), offered, 2 * percent) ? 1 : 0;
}
