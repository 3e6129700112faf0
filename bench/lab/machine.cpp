// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/machine.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace rp::lab {

namespace {

double seconds_of(clockid_t clock) noexcept {
    timespec at{};
    clock_gettime(clock, &at);
    return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) * 1e-9;
}

std::uint64_t field_of(const std::string& text, const std::string& name) {
    std::istringstream in(text);
    std::string key;
    std::uint64_t value = 0;
    while (in >> key >> value) {
        if (key == name) {
            return value;
        }
    }
    return 0;
}

double seconds_of(const timeval& at) noexcept {
    return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_usec) * 1e-6;
}

// The lines "cpu" and "cpuN" of /proc/stat: user nice system idle iowait irq softirq steal.
void read_cpu_times(const std::vector<unsigned>& cpus, disturbance& out) {
    const double tick = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
    std::istringstream lines(read_text("/proc/stat"));
    double idle_seconds = 0;
    for (std::string line; std::getline(lines, line) && line.rfind("cpu", 0) == 0;) {
        std::istringstream in(line);
        std::string label;
        std::array<std::uint64_t, 8> ticks{};
        in >> label;
        for (std::uint64_t& value : ticks) {
            in >> value;
        }
        if (label == "cpu") {
            out.steal_seconds = static_cast<double>(ticks[7]) * tick;
        }
        const bool ours = std::any_of(cpus.begin(), cpus.end(), [&](unsigned cpu) {
            return label == "cpu" + std::to_string(cpu);
        });
        idle_seconds += ours ? static_cast<double>(ticks[3] + ticks[4]) * tick : 0;
    }
    // Idle time is counted exactly where busy time is sampled at ticks, so busy is the complement.
    out.busy_seconds =
        static_cast<double>(now_ns()) * 1e-9 * static_cast<double>(cpus.size()) - idle_seconds;
}

} // namespace

double process_cpu_seconds() noexcept {
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

double thread_cpu_seconds() noexcept {
    return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

std::vector<unsigned> usable_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<unsigned> cpus;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &set)) {
                cpus.push_back(cpu);
            }
        }
    }
    if (cpus.empty()) {
        cpus.push_back(0);
    }
    return cpus;
}

cpu_split split_cpus(const std::vector<unsigned>& usable, double quota_cpus) {
    cpu_split split;
    split.all = usable;
    split.workers = usable;
    split.generator = usable;
    if (usable.size() >= 2) {
        split.workers.pop_back();
        split.generator = {usable.back()};
    }
    if (quota_cpus > 0) {
        const auto left = static_cast<std::size_t>(std::max(1.0, std::ceil(quota_cpus) - 1));
        split.workers.resize(std::min(split.workers.size(), left));
    }
    return split;
}

confined::confined(const std::vector<unsigned>& cpus) noexcept {
    CPU_ZERO(&before_);
    if (sched_getaffinity(0, sizeof before_, &before_) != 0) {
        return;
    }
    cpu_set_t wanted;
    CPU_ZERO(&wanted);
    for (const unsigned cpu : cpus) {
        CPU_SET(cpu, &wanted);
    }
    succeeded_ = sched_setaffinity(0, sizeof wanted, &wanted) == 0;
}

confined::~confined() {
    if (succeeded_) {
        sched_setaffinity(0, sizeof before_, &before_);
    }
}

std::string read_text(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string cgroup_file(const std::string& name) {
    std::istringstream lines(read_text("/proc/self/cgroup"));
    std::string line;
    while (std::getline(lines, line)) {
        const auto first = line.find(':');
        const auto second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) {
            continue;
        }
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const std::string path = line.substr(second + 1);
        std::string root;
        if (controllers.empty()) {
            root = "/sys/fs/cgroup";
        } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
            root = "/sys/fs/cgroup/cpu";
        } else {
            continue;
        }
        // Inside a container the path may be the host's; then the root of the mount is our group.
        for (const std::string& directory : {root + path, root}) {
            const std::string candidate = directory + "/" + name;
            if (access(candidate.c_str(), R_OK) == 0) {
                return candidate;
            }
        }
    }
    return {};
}

double cpu_quota() {
    double quota = 0;
    double period = 0;
    if (const std::string v2 = cgroup_file("cpu.max"); !v2.empty()) {
        std::istringstream in(read_text(v2)); // "max 100000" does not read as a number
        in >> quota >> period;
    } else if (const std::string v1 = cgroup_file("cpu.cfs_quota_us"); !v1.empty()) {
        std::istringstream(read_text(v1)) >> quota; // -1: none
        std::istringstream(read_text(cgroup_file("cpu.cfs_period_us"))) >> period;
    }
    return quota > 0 && period > 0 ? quota / period : 0;
}

disturbance read_disturbance(const std::vector<unsigned>& cpus) {
    disturbance now;
    if (const std::string path = cgroup_file("cpu.stat"); !path.empty()) {
        now.throttled = field_of(read_text(path), "nr_throttled");
    }
    read_cpu_times(cpus, now);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    now.involuntary = static_cast<std::uint64_t>(usage.ru_nivcsw);
    now.own_seconds = process_cpu_seconds();
    rusage children{};
    getrusage(RUSAGE_CHILDREN, &children);
    now.own_seconds += seconds_of(children.ru_utime) + seconds_of(children.ru_stime);
    return now;
}

unsigned thread_count() {
    std::error_code error;
    unsigned count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
        count += entry.exists() ? 1 : 0;
    }
    return count;
}

void settle(unsigned threads) {
    const std::uint64_t deadline = now_ns() + 300'000'000;
    while (thread_count() > threads && now_ns() < deadline) {
        const timespec pause{0, 500'000};
        nanosleep(&pause, nullptr);
    }
}

} // namespace rp::lab
