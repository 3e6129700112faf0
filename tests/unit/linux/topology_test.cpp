// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/topology.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

using rp::kernel::read_topology;
using rp::kernel::topology;

namespace {

/// A directory with chosen /proc and /sys files, removed at the end.
class fake_machine {
public:
    fake_machine() {
        std::string name = (std::filesystem::temp_directory_path() / "ringpool-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) {
            throw std::runtime_error("mkdtemp");
        }
        root_ = name;
    }

    ~fake_machine() { std::filesystem::remove_all(root_); }

    fake_machine(const fake_machine&) = delete;
    fake_machine& operator=(const fake_machine&) = delete;

    void put(const std::string& path, const std::string& text) const {
        const std::filesystem::path file(root_ + path);
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text << "\n";
    }

    void allow(const std::string& cpus) const {
        put("/proc/self/status", "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t" + cpus);
    }

    void put_cpu(int cpu, int package, int core, int node, const std::string& llc_cpus) const {
        const std::string dir = "/sys/devices/system/cpu/cpu" + std::to_string(cpu);
        put(dir + "/topology/physical_package_id", std::to_string(package));
        put(dir + "/topology/core_id", std::to_string(core));
        put(dir + "/node" + std::to_string(node) + "/x", "");
        put(dir + "/cache/index0/level", "1");
        put(dir + "/cache/index0/type", "Data");
        put(dir + "/cache/index0/shared_cpu_list", std::to_string(cpu));
        put(dir + "/cache/index1/level", "3");
        put(dir + "/cache/index1/type", "Unified");
        put(dir + "/cache/index1/shared_cpu_list", llc_cpus);
        put(dir + "/cache/index2/level", "4");
        put(dir + "/cache/index2/type", "Instruction");
        put(dir + "/cache/index2/shared_cpu_list", "0-99");
    }

    [[nodiscard]] topology read() const { return read_topology(root_); }

private:
    std::string root_;
};

constexpr const char* v2_mount = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw";
constexpr const char* v1_mounts =
    "31 23 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "32 23 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct";

} // namespace

TEST_SUITE("topology") {
    TEST_CASE("two packages: cores, last-level caches and nodes of the allowed CPUs only") {
        const fake_machine machine;
        machine.allow("0-1,4,6");
        for (int cpu = 0; cpu < 8; ++cpu) {
            const int package = cpu / 4;
            machine.put_cpu(cpu, package, cpu % 4 / 2, package, package == 0 ? "0-3" : "4-7");
        }
        const topology read = machine.read();
        REQUIRE(read.cpus.size() == 4);
        CHECK(read.cpus[0].cpu == 0);
        CHECK(read.cpus[1].cpu == 1);
        CHECK(read.cpus[2].cpu == 4);
        CHECK(read.cpus[3].cpu == 6);
        CHECK(read.cpus[0].core == read.cpus[1].core);
        CHECK(read.cpus[2].package == 1);
        CHECK(read.cpus[3].core == 1);
        CHECK(read.cpus[0].llc == read.cpus[1].llc);
        CHECK(read.cpus[1].llc != read.cpus[2].llc);
        CHECK(read.cpus[2].llc == read.cpus[3].llc);
        CHECK(read.cpus[3].node == 1);
        CHECK(read.quota_cpus == 0);
        CHECK(read.usable == 4);
        CHECK(read.describe() == "4 cpus, 3 cores, 2 llc, 2 nodes, quota none, usable 4");
    }

    TEST_CASE("an empty machine still has one CPU") {
        const fake_machine machine;
        const topology read = machine.read();
        CHECK(read.cpus.size() == 1);
        CHECK(read.usable == 1);
    }

    TEST_CASE("cgroup v2: the tightest cpu.max up the tree counts, rounded up") {
        const fake_machine machine;
        machine.allow("0-7");
        machine.put("/proc/self/mountinfo", v2_mount);
        machine.put("/proc/self/cgroup", "0::/outer/inner");
        machine.put("/sys/fs/cgroup/outer/cpu.max", "250000 100000");
        machine.put("/sys/fs/cgroup/outer/inner/cpu.max", "max 100000");
        CHECK(machine.read().quota_cpus == doctest::Approx(2.5));
        CHECK(machine.read().usable == 3);
        machine.put("/sys/fs/cgroup/outer/inner/cpu.max", "20000 100000");
        CHECK(machine.read().quota_cpus == doctest::Approx(0.2));
        CHECK(machine.read().usable == 1);
    }

    TEST_CASE("cgroup v2: a quota above the affinity changes nothing") {
        const fake_machine machine;
        machine.allow("2-3");
        machine.put("/proc/self/mountinfo", v2_mount);
        machine.put("/proc/self/cgroup", "0::/");
        machine.put("/sys/fs/cgroup/cpu.max", "1600000 100000");
        CHECK(machine.read().quota_cpus == doctest::Approx(16));
        CHECK(machine.read().usable == 2);
    }

    TEST_CASE("cgroup v1: quota and period of the cpu controller, -1 meaning none") {
        const fake_machine machine;
        machine.allow("0-15");
        machine.put("/proc/self/mountinfo", v1_mounts);
        machine.put("/proc/self/cgroup", "5:memory:/elsewhere\n4:cpu,cpuacct:/job");
        machine.put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1");
        machine.put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000");
        CHECK(machine.read().quota_cpus == 0);
        CHECK(machine.read().usable == 16);
        machine.put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "300000");
        machine.put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "50000");
        CHECK(machine.read().quota_cpus == doctest::Approx(6));
        CHECK(machine.read().usable == 6);
    }

    TEST_CASE("a container that mounts its own group sees its quota at the mount point") {
        const fake_machine machine;
        machine.allow("0-7");
        machine.put("/proc/self/mountinfo",
                    "30 23 0:26 /docker/abc /sys/fs/my\\040cgroup rw - cgroup2 cgroup2 rw");
        machine.put("/sys/fs/my cgroup/cpu.max", "400000 100000");
        machine.put("/sys/fs/my cgroup/sub/cpu.max", "100000 100000");
        machine.put("/proc/self/cgroup", "0::/docker/abc/sub");
        CHECK(machine.read().usable == 1);
        machine.put("/proc/self/cgroup", "0::/docker/abc");
        CHECK(machine.read().usable == 4);
        machine.put("/proc/self/cgroup", "0::/docker/other");
        CHECK(machine.read().usable == 4);
    }

    TEST_CASE("this machine: at least one CPU, no more usable ones than allowed") {
        const topology read = read_topology();
        CHECK(read.cpus.size() >= 1);
        CHECK(read.usable >= 1);
        CHECK(read.usable <= read.cpus.size());
    }
}
