// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <time.h>

#include <cstdint>
#include <string>
#include <vector>

// Clocks, CPUs and the kernel's own account of what it did to us while a cell ran.

namespace rp::lab {

inline std::uint64_t now_ns() noexcept {
    timespec at{};
    clock_gettime(CLOCK_MONOTONIC, &at);
    return static_cast<std::uint64_t>(at.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(at.tv_nsec);
}

// Inside a spin loop: leaves the core's shared resources to a hardware sibling.
inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm("yield");
#endif
}

double process_cpu_seconds() noexcept;
double thread_cpu_seconds() noexcept;

// The CPUs this process may use, ascending.
std::vector<unsigned> usable_cpus();

// Who runs where. With two CPUs or more the last one belongs to the generator (or the client
// process) and the workers get the others; with one CPU they share it.
struct cpu_split {
    std::vector<unsigned> all;
    std::vector<unsigned> workers;
    std::vector<unsigned> generator;

    [[nodiscard]] bool shared() const noexcept { return all.size() < 2; }

    [[nodiscard]] unsigned default_workers() const noexcept {
        return static_cast<unsigned>(workers.size());
    }
};

// A quota (0: none) takes CPUs from the workers, down to one: more would only be throttled.
cpu_split split_cpus(const std::vector<unsigned>& usable, double quota_cpus);

// Restricts the calling thread, and the threads it makes meanwhile, to the given CPUs; gives the
// old mask back at the end of the scope.
class confined {
public:
    explicit confined(const std::vector<unsigned>& cpus) noexcept;
    ~confined();
    confined(const confined&) = delete;
    confined& operator=(const confined&) = delete;

    [[nodiscard]] bool succeeded() const noexcept { return succeeded_; }

private:
    cpu_set_t before_{};
    bool succeeded_ = false;
};

// Counters that only grow; a cell takes the difference.
struct disturbance {
    std::uint64_t throttled = 0;   // cgroup: periods in which the quota ran out
    double steal_seconds = 0;      // CPU time the hypervisor gave to others, all CPUs
    std::uint64_t involuntary = 0; // context switches of this process it did not ask for
    double busy_seconds = 0;       // not idle, on the CPUs this process may use, whoever it was
    double own_seconds = 0;        // this process and its finished children
};

disturbance read_disturbance(const std::vector<unsigned>& cpus);

// Threads of this process that exist now.
unsigned thread_count();

// Waits, for a bounded time, until no more than `threads` threads are left: the workers of a closed
// pool end asynchronously (R-POOL-17) and must not run into the next cell.
void settle(unsigned threads);

// The file of the cgroup this process is in (v2, or the cpu controller of v1); empty when absent.
std::string cgroup_file(const std::string& name);

// The CPU quota of that cgroup in CPUs; 0 when there is none.
double cpu_quota();

std::string read_text(const std::string& path);

} // namespace rp::lab
