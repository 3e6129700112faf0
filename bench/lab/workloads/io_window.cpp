// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/workloads/io_window.hpp"

#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>

namespace rp::lab {

namespace {

double process_cpu_seconds() noexcept {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

} // namespace

std::uint64_t monotonic_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(now.tv_nsec);
}

measured_window
measured_window::starting_at(std::uint64_t now_ns, double warmup_seconds, double seconds) noexcept {
    const auto to_ns = [](double s) { return static_cast<std::uint64_t>(std::llround(s * 1e9)); };
    measured_window window;
    window.begin_ns = now_ns + to_ns(warmup_seconds);
    window.end_ns = window.begin_ns + to_ns(seconds);
    return window;
}

void one_shot::set() noexcept {
    // mo: release, pairs one_shot (wait_until)
    word_.store(1, std::memory_order_release);
    ::syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

bool one_shot::wait_until(std::uint64_t when_ns) noexcept {
    timespec when{};
    when.tv_sec = static_cast<time_t>(when_ns / 1'000'000'000U);
    when.tv_nsec = static_cast<long>(when_ns % 1'000'000'000U);
    // mo: acquire, pairs one_shot (set)
    while (word_.load(std::memory_order_acquire) == 0) {
        if (monotonic_ns() >= when_ns) {
            return false;
        }
        ::syscall(SYS_futex,
                  &word_,
                  FUTEX_WAIT_BITSET_PRIVATE,
                  0,
                  &when,
                  nullptr,
                  FUTEX_BITSET_MATCH_ANY);
    }
    return true;
}

cpu_meter::cpu_meter(const measured_window& window)
    : window_(window), thread_([this] {
          if (abandoned_.wait_until(window_.begin_ns)) {
              return;
          }
          const std::uint64_t first_ns = monotonic_ns();
          const double first = process_cpu_seconds();
          if (abandoned_.wait_until(window_.end_ns)) {
              return;
          }
          const double used = process_cpu_seconds() - first;
          const std::uint64_t elapsed_ns = monotonic_ns() - first_ns;
          if (elapsed_ns != 0) {
              seconds_ = used * window_.seconds() / (static_cast<double>(elapsed_ns) * 1e-9);
          }
      }) {}

cpu_meter::~cpu_meter() {
    abandon();
    finish();
}

double cpu_meter::finish() {
    if (thread_.joinable()) {
        thread_.join();
    }
    return seconds_;
}

std::string describe_errno(const char* what, int error) {
    std::string text = std::string(what) + ": " + std::strerror(error);
    if (error == EPERM || error == ENOSYS) {
        text += " (a container's seccomp filter, or sysctl kernel.io_uring_disabled, may forbid "
                "io_uring)";
    } else if (error == EINVAL) {
        text += " (the kernel or the file system may be too old for this mode)";
    }
    return text;
}

} // namespace rp::lab
