// SPDX-License-Identifier: Apache-2.0
// Reads affinity, CPU layout and cgroup quota from /proc and /sys.
#include "kernel_iface/linux/topology.hpp"

#include <dirent.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

namespace rp::kernel {

namespace {

// --- small readers -----------------------------------------------------------------------------

std::optional<std::string> read_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line)) {
        return std::nullopt;
    }
    return line;
}

int read_int(const std::string& path, int otherwise) {
    std::ifstream file(path);
    int value = 0;
    return file >> value ? value : otherwise;
}

/// "0-3,8" -> 0 1 2 3 8. Stops at the first thing that is not a CPU list.
std::vector<int> parse_cpu_list(const std::string& text) {
    std::vector<int> cpus;
    std::istringstream stream(text);
    int first = 0;
    while (stream >> first && first >= 0) {
        int last = first;
        if (stream.peek() == '-') {
            stream.get();
            if (!(stream >> last)) {
                break;
            }
        }
        constexpr int cpus_max = 1 << 16;
        for (int cpu = first; cpu <= last && cpu < cpus_max; ++cpu) {
            cpus.push_back(cpu);
        }
        if (stream.get() != ',') {
            break;
        }
    }
    return cpus;
}

bool begins_with(std::string_view text, std::string_view prefix) {
    return text.substr(0, prefix.size()) == prefix;
}

// --- affinity ----------------------------------------------------------------------------------

std::vector<int> affinity_from_kernel() {
    // The kernel refuses a mask smaller than its own with EINVAL; nobody tells how large that is.
    for (size_t cpus_max = 1024; cpus_max <= size_t{1} << 20; cpus_max *= 2) {
        const size_t bytes = CPU_ALLOC_SIZE(cpus_max);
        std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> mask(
            CPU_ALLOC(cpus_max), [](cpu_set_t* set) { CPU_FREE(set); });
        if (mask == nullptr) {
            break;
        }
        CPU_ZERO_S(bytes, mask.get());
        if (sched_getaffinity(0, bytes, mask.get()) == 0) {
            std::vector<int> cpus;
            for (size_t cpu = 0; cpu < cpus_max; ++cpu) {
                if (CPU_ISSET_S(cpu, bytes, mask.get())) {
                    cpus.push_back(static_cast<int>(cpu));
                }
            }
            return cpus;
        }
        if (errno != EINVAL) {
            break;
        }
    }
    return {};
}

std::vector<int> affinity_from_status(const std::string& root) {
    constexpr std::string_view key = "Cpus_allowed_list:";
    std::ifstream status(root + "/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (begins_with(line, key)) {
            return parse_cpu_list(line.substr(key.size()));
        }
    }
    return {};
}

// --- layout ------------------------------------------------------------------------------------

int node_of(const std::string& cpu_dir) {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(cpu_dir.c_str()), closedir);
    if (dir == nullptr) {
        return 0;
    }
    while (const dirent* entry = readdir(dir.get())) {
        const std::string_view name = entry->d_name;
        if (begins_with(name, "node") && name.size() > 4 && name[4] >= '0' && name[4] <= '9') {
            return std::atoi(entry->d_name + 4);
        }
    }
    return 0;
}

/// The CPUs sharing the largest data cache of `cpu_dir`, as sysfs writes them; empty if unknown.
std::string llc_key_of(const std::string& cpu_dir) {
    std::string key;
    int highest_level = 0;
    for (int index = 0;; ++index) {
        const std::string cache = cpu_dir + "/cache/index" + std::to_string(index);
        const int level = read_int(cache + "/level", 0);
        if (level == 0) {
            return key;
        }
        const std::string type = read_line(cache + "/type").value_or("Unified");
        if (type != "Instruction" && level > highest_level) {
            highest_level = level;
            key = read_line(cache + "/shared_cpu_list").value_or("");
        }
    }
}

std::vector<cpu_info> read_cpus(const std::string& root, const std::vector<int>& allowed) {
    std::vector<cpu_info> cpus;
    std::map<std::string, int> llc_ids;
    for (const int cpu : allowed) {
        const std::string dir = root + "/sys/devices/system/cpu/cpu" + std::to_string(cpu);
        cpu_info info;
        info.cpu = cpu;
        info.package = std::max(0, read_int(dir + "/topology/physical_package_id", 0));
        info.core = read_int(dir + "/topology/core_id", cpu);
        info.node = node_of(dir);
        std::string llc = llc_key_of(dir);
        if (llc.empty()) {
            llc = "package " + std::to_string(info.package);
        }
        info.llc = llc_ids.emplace(llc, static_cast<int>(llc_ids.size())).first->second;
        cpus.push_back(info);
    }
    return cpus;
}

// --- cgroup quota ------------------------------------------------------------------------------

struct cgroup_mount {
    bool is_v2 = false;
    std::string group_root; // the cgroup that is mounted
    std::string point;      // where
};

/// mountinfo writes blanks and backslashes in paths as \ooo.
std::string unescape(const std::string& text) {
    std::string plain;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size()) {
            plain += static_cast<char>(std::strtol(text.substr(i + 1, 3).c_str(), nullptr, 8));
            i += 3;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

bool has_option(const std::string& options, std::string_view wanted) {
    std::istringstream stream(options);
    for (std::string option; std::getline(stream, option, ',');) {
        if (option == wanted) {
            return true;
        }
    }
    return false;
}

/// Mounts that can hold a CPU quota: every cgroup2, and the v1 hierarchy of the cpu controller.
std::vector<cgroup_mount> read_cgroup_mounts(const std::string& root) {
    std::vector<cgroup_mount> mounts;
    std::ifstream file(root + "/proc/self/mountinfo");
    for (std::string line; std::getline(file, line);) {
        // id parent major:minor root point options [tags...] - type source super-options
        std::istringstream fields(line);
        std::string skipped;
        cgroup_mount mount;
        fields >> skipped >> skipped >> skipped >> mount.group_root >> mount.point;
        while (fields >> skipped && skipped != "-") {
        }
        std::string type;
        std::string super_options;
        if (!(fields >> type >> skipped >> super_options)) {
            continue;
        }
        mount.is_v2 = type == "cgroup2";
        if (mount.is_v2 || (type == "cgroup" && has_option(super_options, "cpu"))) {
            mount.group_root = unescape(mount.group_root);
            mount.point = unescape(mount.point);
            mounts.push_back(std::move(mount));
        }
    }
    return mounts;
}

/// This process's group in the hierarchy of `mount`, from /proc/self/cgroup.
std::string own_group(const std::string& root, const cgroup_mount& mount) {
    std::ifstream file(root + "/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        // hierarchy:controllers:path, where v2 is hierarchy 0 without controllers
        const size_t first = line.find(':');
        const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) {
            continue;
        }
        const std::string controllers = line.substr(first + 1, second - first - 1);
        if (mount.is_v2 ? begins_with(line, "0::") : has_option(controllers, "cpu")) {
            return line.substr(second + 1);
        }
    }
    return "/";
}

/// CPUs allowed by the files of one group directory; 0: no limit there.
double quota_of(const std::string& dir, bool is_v2) {
    double quota_us = 0;
    double period_us = 0;
    if (is_v2) {
        std::ifstream file(dir + "/cpu.max");
        if (!(file >> quota_us >> period_us)) { // "max 100000" does not parse as a number
            return 0;
        }
    } else {
        std::ifstream quota_file(dir + "/cpu.cfs_quota_us");
        std::ifstream period_file(dir + "/cpu.cfs_period_us");
        if (!(quota_file >> quota_us) || !(period_file >> period_us)) {
            return 0;
        }
    }
    return quota_us > 0 && period_us > 0 ? quota_us / period_us : 0;
}

double read_quota(const std::string& root) {
    double tightest = 0;
    for (const cgroup_mount& mount : read_cgroup_mounts(root)) {
        std::string below = own_group(root, mount);
        if (mount.group_root != "/" && begins_with(below, mount.group_root)) {
            below.erase(0, mount.group_root.size());
        } else if (mount.group_root != "/" || begins_with(below, "/..")) {
            // A container sees its own group mounted, but the name the host gave it.
            below.clear();
        }
        while (!below.empty() && below.back() == '/') {
            below.pop_back();
        }
        for (;;) {
            const double quota = quota_of(root + mount.point + below, mount.is_v2);
            if (quota > 0 && (tightest == 0 || quota < tightest)) {
                tightest = quota;
            }
            const size_t slash = below.rfind('/');
            if (slash == std::string::npos) {
                break;
            }
            below.erase(slash);
        }
    }
    return tightest;
}

template <class Id>
size_t count_distinct(const std::vector<cpu_info>& cpus, Id id) {
    std::map<decltype(id(cpus.front())), bool> seen;
    for (const cpu_info& cpu : cpus) {
        seen[id(cpu)] = true;
    }
    return seen.size();
}

} // namespace

std::string topology::describe() const {
    std::ostringstream text;
    text << cpus.size() << " cpus, "
         << count_distinct(cpus, [](const cpu_info& c) { return std::pair(c.package, c.core); })
         << " cores, " << count_distinct(cpus, [](const cpu_info& c) { return c.llc; }) << " llc, "
         << count_distinct(cpus, [](const cpu_info& c) { return c.node; }) << " nodes, quota ";
    if (quota_cpus > 0) {
        text << quota_cpus;
    } else {
        text << "none";
    }
    text << ", usable " << usable;
    return text.str();
}

topology read_topology(const std::string& root) {
    std::vector<int> allowed = root.empty() ? affinity_from_kernel() : affinity_from_status(root);
    if (allowed.empty()) {
        allowed = affinity_from_status(root);
    }
    if (allowed.empty()) {
        allowed.push_back(0);
    }
    topology result;
    result.cpus = read_cpus(root, allowed);
    result.quota_cpus = read_quota(root);
    result.usable = static_cast<unsigned>(result.cpus.size());
    if (result.quota_cpus > 0) {
        const auto rounded_up = static_cast<unsigned>(std::min(std::ceil(result.quota_cpus), 1e6));
        result.usable = std::max(1U, std::min(result.usable, rounded_up));
    }
    return result;
}

const topology& machine_topology() {
    static const topology machine = [] {
        topology read = read_topology();
        if (const char* wish = std::getenv("RINGPOOL_CPUS"); wish != nullptr) {
            constexpr long usable_max = 4096;
            char* end = nullptr;
            const long usable = std::strtol(wish, &end, 10);
            if (*wish != '\0' && *end == '\0' && usable >= 1 && usable <= usable_max) {
                read.usable = static_cast<unsigned>(usable);
            } else {
                std::fprintf(stderr,
                             "ringpool: RINGPOOL_CPUS=%s is not a number from 1 to %ld; ignored\n",
                             wish,
                             usable_max);
            }
        }
        return read;
    }();
    return machine;
}

} // namespace rp::kernel
