// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/parts.hpp"

#include <time.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

namespace rp::micro {

namespace {

std::atomic<std::uint64_t> failed{0};
double seconds_of_fixed = 0.1;

struct default_option {
    const char* name; // of the option, and in capitals of the variable that sets it too
    const char* usual;
    const char* quick;
};

// One noisy repetition among nine moves no median, and in random order it hits others the next
// time.
constexpr std::array defaults{
    default_option{"benchmark_repetitions", "9", "1"},
    default_option{"benchmark_enable_random_interleaving", "true", "false"},
    default_option{"benchmark_report_aggregates_only", "true", "false"},
    default_option{"benchmark_min_time", "0.1", "0.01"},
};

bool is_in_environment(const char* name) {
    std::string variable = name;
    for (char& c : variable) {
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return std::getenv(variable.c_str()) != nullptr;
}

// Passes on to the reporter of --benchmark_format. Of the aggregates only the median and the
// coefficient of variation: the mean and the deviation of times say what the worst one was.
class robust_reporter final : public benchmark::BenchmarkReporter {
public:
    bool ReportContext(const Context& context) override {
        inner_.SetOutputStream(&GetOutputStream());
        inner_.SetErrorStream(&GetErrorStream());
        return inner_.ReportContext(context);
    }

    void ReportRuns(const std::vector<Run>& runs) override {
        std::vector<Run> kept;
        for (const Run& run : runs) {
            if (run.run_type == Run::RT_Iteration || run.aggregate_name == "median" ||
                run.aggregate_name == "cv") {
                kept.push_back(run);
            }
        }
        if (!kept.empty()) {
            inner_.ReportRuns(kept);
        }
    }

    void Finalize() override { inner_.Finalize(); }

private:
    benchmark::BenchmarkReporter& inner_ = *benchmark::CreateDefaultDisplayReporter();
};

} // namespace

void register_parts() {
    register_queue_parts();
    register_park_parts();
    register_timer_parts();
    register_wait_parts();
    register_pool_parts();
    register_io_parts();
}

benchmark::internal::Benchmark* add_part(const std::string& name, std::function<void(State&)> run) {
    return benchmark::RegisterBenchmark(name.c_str(), std::move(run))
        ->UseRealTime()
        ->MeasureProcessCPUTime()
        ->Unit(benchmark::kMicrosecond);
}

benchmark::internal::Benchmark* add_timed_part(const std::string& name,
                                               std::function<void(State&)> run) {
    return benchmark::RegisterBenchmark(name.c_str(), std::move(run))
        ->UseManualTime()
        ->MeasureProcessCPUTime()
        ->Unit(benchmark::kMicrosecond);
}

void count_operations(State& state, std::uint64_t operations) {
    using benchmark::Counter;
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(operations));
    state.counters["per_op"] = Counter(static_cast<double>(operations),
                                       Counter::kIsIterationInvariantRate | Counter::kInvert);
}

void fail(State& state, const std::string& why) {
    // mo: relaxed, a counter.
    failed.fetch_add(1, std::memory_order_relaxed);
    // Of repetitions that are told by their aggregates nobody would hear of it.
    std::fprintf(stderr, "ringpool_micro: %s\n", why.c_str());
    state.SkipWithError(why.c_str());
}

std::uint64_t failures() noexcept {
    // mo: relaxed, a counter.
    return failed.load(std::memory_order_relaxed);
}

double fixed_seconds() noexcept {
    return seconds_of_fixed;
}

void set_fixed_seconds(double seconds) noexcept {
    seconds_of_fixed = seconds;
}

double seconds_now() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

int run_benchmarks(int argc, char** argv) {
    std::vector<char*> given(argv + 1, argv + argc);
    const auto is_quick = [](const char* argument) {
        return std::strcmp(argument, "--quick") == 0;
    };
    const bool quick = std::erase_if(given, is_quick) != 0;
    if (quick) {
        set_fixed_seconds(0.02);
    }
    // Later options overrule earlier ones, and all options overrule the environment.
    std::vector<std::string> options;
    for (const auto& option : defaults) {
        if (quick || !is_in_environment(option.name)) {
            options.push_back(std::string("--") + option.name + "=" +
                              (quick ? option.quick : option.usual));
        }
    }
    std::vector<char*> all{argv[0]};
    for (auto& option : options) {
        all.push_back(option.data());
    }
    all.insert(all.end(), given.begin(), given.end());
    int count = static_cast<int>(all.size());
    all.push_back(nullptr);

    benchmark::Initialize(&count, all.data());
    if (benchmark::ReportUnrecognizedArguments(count, all.data())) {
        return 2;
    }
    robust_reporter reporter;
    const std::size_t ran = benchmark::RunSpecifiedBenchmarks(&reporter);
    benchmark::Shutdown();
    if (failures() != 0) {
        std::fprintf(stderr,
                     "ringpool_micro: %llu wrong answers\n",
                     static_cast<unsigned long long>(failures()));
    }
    return failures() != 0 || ran == 0 ? 1 : 0;
}

companion::companion() : thread_([this] { work(); }) {}

companion::~companion() {
    {
        const std::lock_guard lock(mutex_);
        is_over_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void companion::start(std::function<void()> job) {
    {
        const std::lock_guard lock(mutex_);
        job_ = std::move(job);
    }
    changed_.notify_all();
}

void companion::wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !job_; });
}

void companion::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return job_ || is_over_; });
        if (is_over_) {
            return;
        }
        lock.unlock();
        job_(); // start() is not called again before it is empty
        lock.lock();
        job_ = nullptr;
        changed_.notify_all();
    }
}

own_pool::own_pool(DWORD threads) : pool_(required(CreateThreadpool(nullptr), "CreateThreadpool")) {
    SetThreadpoolThreadMaximum(pool_, threads);
    required(SetThreadpoolThreadMinimum(pool_, threads), "SetThreadpoolThreadMinimum");
    InitializeThreadpoolEnvironment(&environment_);
    SetThreadpoolCallbackPool(&environment_, pool_);
}

own_pool::~own_pool() {
    DestroyThreadpoolEnvironment(&environment_);
    CloseThreadpool(pool_);
}

void end_without(const char* what) {
    std::fprintf(stderr, "ringpool_micro: %s: Windows error %u\n", what, GetLastError());
    std::exit(1);
}

} // namespace rp::micro
