// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/environment.hpp"

#include "bench/lab/build_info.hpp"
#include "bench/lab/machine.hpp"

#include <windows.h>

#include <fmt/format.h>
#include <ringpool/ringpool.h>

#include <elf.h>
#include <link.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <sstream>

#include <nlohmann/json.hpp>

// Present when jemalloc is linked in or preloaded.
extern "C" int mallctl(const char*, void*, size_t*, void*, size_t) __attribute__((weak));

namespace rp::lab {

namespace {

using json = nlohmann::ordered_json;

std::string first_line(const std::string& path) {
    const std::string text = read_text(path);
    return text.substr(0, text.find('\n'));
}

std::string cpuinfo_field(const std::string& cpuinfo, const std::string& name) {
    std::istringstream lines(cpuinfo);
    std::string line;
    while (std::getline(lines, line)) {
        const auto colon = line.find(':');
        if (line.rfind(name, 0) == 0 && colon != std::string::npos && colon + 2 <= line.size()) {
            return line.substr(colon + 2);
        }
    }
    return {};
}

json cpu_facts() {
    const std::string cpuinfo = read_text("/proc/cpuinfo");
    json cpu;
    cpu["model"] = cpuinfo_field(cpuinfo, "model name");
    cpu["microcode"] = cpuinfo_field(cpuinfo, "microcode");
    cpu["mhz"] = cpuinfo_field(cpuinfo, "cpu MHz");
    cpu["flags"] = cpuinfo_field(cpuinfo, "flags");
    const std::string sys = "/sys/devices/system/cpu/";
    cpu["smt"] = first_line(sys + "smt/control");
    cpu["governor"] = first_line(sys + "cpu0/cpufreq/scaling_governor");
    cpu["frequency_driver"] = first_line(sys + "cpu0/cpufreq/scaling_driver");
    cpu["turbo_disabled"] = first_line(sys + "intel_pstate/no_turbo");
    cpu["idle_driver"] = first_line(sys + "cpuidle/current_driver");
    cpu["isolated"] = first_line(sys + "isolated");
    json places = json::array();
    for (const unsigned number : usable_cpus()) {
        const std::string at = fmt::format("{}cpu{}/", sys, number);
        places.push_back({{"cpu", number},
                          {"package", first_line(at + "topology/physical_package_id")},
                          {"core", first_line(at + "topology/core_id")},
                          {"siblings", first_line(at + "topology/thread_siblings_list")},
                          {"last_level_cache", first_line(at + "cache/index3/shared_cpu_list")}});
    }
    cpu["usable"] = places;
    cpu["online"] = first_line(sys + "online");
    return cpu;
}

json kernel_facts() {
    json kernel;
    utsname name{};
    if (uname(&name) == 0) {
        kernel["release"] = name.release;
        kernel["version"] = name.version;
        kernel["machine"] = name.machine;
    }
    kernel["command_line"] = first_line("/proc/cmdline");
    kernel["clocksource"] =
        first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    kernel["transparent_hugepage"] = first_line("/sys/kernel/mm/transparent_hugepage/enabled");
    kernel["io_uring_disabled"] = first_line("/proc/sys/kernel/io_uring_disabled");
    kernel["perf_event_paranoid"] = first_line("/proc/sys/kernel/perf_event_paranoid");
    kernel["sched_ext"] = first_line("/sys/kernel/sched_ext/state");
    kernel["hypervisor"] = first_line("/sys/hypervisor/type");
    return kernel;
}

std::string limit_text(rlim_t value) {
    return value == RLIM_INFINITY ? "unlimited" : std::to_string(value);
}

json limit_facts() {
    json limits;
    const double quota = cpu_quota();
    limits["cgroup_cpu_quota"] = quota > 0 ? fmt::format("{:.2f} CPUs", quota) : "none";
    rlimit memlock{};
    getrlimit(RLIMIT_MEMLOCK, &memlock);
    limits["memlock_bytes"] = limit_text(memlock.rlim_cur);
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    limits["open_files"] = limit_text(files.rlim_cur);
    limits["load_average"] = first_line("/proc/loadavg");
    return limits;
}

int note_callback(dl_phdr_info* info, size_t, void* data) {
    constexpr std::size_t align = 4;
    const auto round_up = [](std::size_t size) { return (size + align - 1) / align * align; };
    for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
        const auto& header = info->dlpi_phdr[i];
        if (header.p_type != PT_NOTE) {
            continue;
        }
        const auto* at = reinterpret_cast<const unsigned char*>(info->dlpi_addr + header.p_vaddr);
        const unsigned char* const end = at + header.p_memsz;
        while (at + sizeof(ElfW(Nhdr)) <= end) {
            ElfW(Nhdr) note;
            std::memcpy(&note, at, sizeof note);
            const unsigned char* const name = at + sizeof note;
            const unsigned char* const bytes = name + round_up(note.n_namesz);
            if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
                std::memcmp(name, "GNU", 4) == 0) {
                auto& text = *static_cast<std::string*>(data);
                for (unsigned b = 0; b < note.n_descsz; ++b) {
                    text += fmt::format("{:02x}", bytes[b]);
                }
                return 1;
            }
            at = bytes + round_up(note.n_descsz);
        }
    }
    return 1; // the first object is the executable; the libraries behind it are not asked for
}

json build_facts() {
    json build;
    build["version"] = rp_version();
    build["commit"] = build_commit;
    std::string id;
    dl_iterate_phdr(&note_callback, &id);
    build["build_id"] = id;
#if defined(__clang__)
    build["compiler"] = "clang " __clang_version__;
#else
    build["compiler"] = "gcc " __VERSION__;
#endif
    build["buildtype"] = RINGPOOL_LAB_BUILDTYPE;
#if defined(__OPTIMIZE__)
    build["optimized"] = true;
#else
    build["optimized"] = false;
#endif
    return build;
}

json allocator_facts() {
    json allocator;
    if (mallctl != nullptr) {
        const char* version = nullptr;
        size_t size = sizeof version;
        const bool known = mallctl("version", &version, &size, nullptr, 0) == 0;
        allocator["name"] = "jemalloc";
        allocator["version"] = known ? version : "";
    } else {
        allocator["name"] = "libc";
    }
    const char* const conf = std::getenv("MALLOC_CONF");
    allocator["malloc_conf"] = conf == nullptr ? "" : conf;
    return allocator;
}

json settings() {
    json set = json::object();
    for (const char* const name : {"RINGPOOL_POLICY",
                                   "RINGPOOL_CONTROLLER",
                                   "RINGPOOL_RING_CAPS",
                                   "RINGPOOL_CPUS",
                                   "RINGPOOL_MEMBARRIER",
                                   "RINGPOOL_DETECT",
                                   "RINGPOOL_BELL"}) {
        if (const char* const value = std::getenv(name)) {
            set[name] = value;
        }
    }
    return set;
}

} // namespace

std::string completion_source() {
    rp_pool_info info{};
    info.size = sizeof info;
    if (!rp_pool_query(nullptr, &info) || info.completion_source == nullptr) {
        return "unknown";
    }
    return info.completion_source;
}

std::vector<std::string> policy_names() {
    std::vector<std::string> names;
    for (const char* const* name = rp_policy_names(); *name != nullptr; ++name) {
        names.emplace_back(*name);
    }
    return names;
}

std::string utc_stamp() {
    const std::time_t at = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&at, &parts);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
    return text.data();
}

std::string capture_environment(int indent) {
    json environment;
    environment["cpu"] = cpu_facts();
    environment["kernel"] = kernel_facts();
    environment["limits"] = limit_facts();
    environment["build"] = build_facts();
    environment["allocator"] = allocator_facts();
    environment["completion_source"] = completion_source();
    environment["detection_tier"] = rp_detection_tier();
    environment["policies"] = policy_names();
    environment["settings"] = settings();
    return environment.dump(indent, ' ', false, json::error_handler_t::replace);
}

} // namespace rp::lab
