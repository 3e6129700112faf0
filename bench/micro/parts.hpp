// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <windows.h>

#include <benchmark/benchmark.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

// The library's own parts, each by itself, with Google Benchmark: names are
// PART/WHAT/SETTING:VALUE. A part checks its answer: what was put in comes out once, what was
// submitted has run. A wrong answer is an error of that benchmark and of the program.

namespace rp::micro {

using benchmark::State;

// What registers each group; parts_program.cpp calls them all.
void register_queue_parts();
void register_park_parts();
void register_timer_parts();
void register_wait_parts();
void register_pool_parts();
void register_io_parts();
void register_parts();

// Wall time and CPU time of the whole process, or the time the part says (SetIterationTime).
benchmark::internal::Benchmark* add_part(const std::string& name, std::function<void(State&)> run);
benchmark::internal::Benchmark* add_timed_part(const std::string& name,
                                               std::function<void(State&)> run);

// `operations` are in each iteration; "per_op" prints as seconds with an SI prefix.
void count_operations(State& state, std::uint64_t operations);

// The answer was wrong, or could not be had: an error of this benchmark, whatever repetitions of it
// say otherwise, and of the program.
void fail(State& state, const std::string& why);
std::uint64_t failures() noexcept;

// Seconds that a part of fixed length measures (reads, echo); less in a quick run.
double fixed_seconds() noexcept;
void set_fixed_seconds(double seconds) noexcept;

double seconds_now() noexcept; // CLOCK_MONOTONIC

// Sets defaults, which the options of the user overrule, and runs what they select. The exit code.
int run_benchmarks(int argc, char** argv);

// A second thread that runs one function at a time, so that its creation is not measured.
class companion {
public:
    companion();
    ~companion();
    companion(const companion&) = delete;
    companion& operator=(const companion&) = delete;

    void start(std::function<void()> job); // nothing is running
    void wait();

private:
    void work();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::function<void()> job_; // guard of both: mutex_
    bool is_over_ = false;
    std::thread thread_;
};

// A private pool with exactly `threads` threads, and what binds objects to it.
class own_pool {
public:
    explicit own_pool(DWORD threads);
    ~own_pool(); // its objects must have been closed
    own_pool(const own_pool&) = delete;
    own_pool& operator=(const own_pool&) = delete;

    [[nodiscard]] PTP_POOL get() const noexcept { return pool_; }

    [[nodiscard]] PTP_CALLBACK_ENVIRON environment() noexcept { return &environment_; }

private:
    PTP_POOL pool_;
    TP_CALLBACK_ENVIRON environment_{};
};

// Ends the program when there is no memory, or no handle: nothing can be measured then.
[[noreturn]] void end_without(const char* what);

template <class Result>
Result required(Result result, const char* what) {
    if (!result) {
        end_without(what);
    }
    return result;
}

} // namespace rp::micro
