// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

// When a read or echo cell counts. The window is fixed in absolute CLOCK_MONOTONIC time before the
// first operation is issued, so that every engine, every thread of it and the client process agree
// on it without talking to each other. An operation counts when it completes inside the window.

namespace rp::lab {

std::uint64_t monotonic_ns() noexcept;

// How long after its window an engine may still be waiting for what it has in flight. Whatever has
// not come back then is reported as lost, and its buffers are never reused.
constexpr std::uint64_t drain_limit_ns = 5'000'000'000;

struct measured_window {
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;

    static measured_window
    starting_at(std::uint64_t now_ns, double warmup_seconds, double seconds) noexcept;

    [[nodiscard]] bool counts(std::uint64_t completed_ns) const noexcept {
        return completed_ns >= begin_ns && completed_ns < end_ns;
    }

    [[nodiscard]] double seconds() const noexcept {
        return static_cast<double>(end_ns - begin_ns) * 1e-9;
    }

    [[nodiscard]] std::uint64_t give_up_ns() const noexcept { return end_ns + drain_limit_ns; }
};

// Set once by one thread, awaited by another with a limit.
class one_shot {
public:
    void set() noexcept;

    // False when the time has come first.
    [[nodiscard]] bool wait_until(std::uint64_t when_ns) noexcept;

private:
    std::atomic<std::uint32_t> word_{0};
};

// CPU time (user and system) of this whole process over a window, read by a thread that sleeps
// until both edges.
class cpu_meter {
public:
    explicit cpu_meter(const measured_window& window);
    ~cpu_meter();
    cpu_meter(const cpu_meter&) = delete;
    cpu_meter& operator=(const cpu_meter&) = delete;

    // Seconds of CPU in the window, at the latest when the window is over. The edges are read a
    // little late when the machine is full; the figure is scaled to the exact length.
    double finish();

    // Ends the wait early, for a cell that failed before its window was over.
    void abandon() noexcept { abandoned_.set(); }

private:
    measured_window window_;
    one_shot abandoned_;
    double seconds_ = 0;
    std::thread thread_;
};

// "what: strerror(error)", and for the refusals an io_uring user meets the likely cause.
std::string describe_errno(const char* what, int error);

} // namespace rp::lab
