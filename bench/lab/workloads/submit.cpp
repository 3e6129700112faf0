// SPDX-License-Identifier: Apache-2.0
// The open loop over a thread pool.
//
// Latency is completion minus *intended* arrival. If the generator is late, because a submit took
// long or because the kernel took its CPU away, the jobs it submits late carry that delay; they are
// not silently moved to a quieter moment. How late it was is recorded beside it and gated.
//
// The generator spins on a CPU of its own: a sleeping generator wakes tens of microseconds late,
// which is more than most of what is measured here. The pool is made by a thread confined to the
// other CPUs with minimum = maximum, so that all workers exist, on those CPUs, before the first
// arrival, and no worker inherits the generator's pin.
//
// Each job writes only its own slot. The histograms are filled after the run by one thread.
#include "bench/lab/workloads/submit.hpp"

#include <windows.h>

#include <ringpool/ringpool.h>

#include <semaphore.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace rp::lab {

namespace {

constexpr std::size_t slices = 10;
constexpr std::uint64_t lead_ns = 2'000'000; // from "all set" to the first possible arrival

struct open_loop;

struct job {
    open_loop* owner = nullptr;
    std::uint64_t iterations = 0;
    std::uint64_t began_ns = 0;
    std::uint64_t ended_ns = 0; // 0: has not run
    std::uint64_t sink = 0;
};

struct open_loop {
    std::vector<job> jobs;
    // One token per job and one of the generator's. Whoever takes the last one posts, so that
    // nobody touches this object after the post.
    std::atomic<std::uint64_t> tokens{0};
    sem_t all_done{};

    open_loop() { sem_init(&all_done, 0, 0); }

    ~open_loop() { sem_destroy(&all_done); }

    open_loop(const open_loop&) = delete;
    open_loop& operator=(const open_loop&) = delete;
};

void return_tokens(open_loop& loop, std::uint64_t count) {
    // mo: acq_rel, pairs lab.tokens (return_tokens): the last to return a token has seen the slots
    // of all jobs, and hands them on with the post
    if (loop.tokens.fetch_sub(count, std::memory_order_acq_rel) == count) {
        sem_post(&loop.all_done);
    }
}

VOID CALLBACK run_job(PTP_CALLBACK_INSTANCE, PVOID context) {
    job& self = *static_cast<job*>(context);
    self.began_ns = now_ns();
    self.sink = do_work(self.iterations, self.began_ns);
    self.ended_ns = now_ns();
    return_tokens(*self.owner, 1);
}

class pool_under_test {
public:
    pool_under_test(const std::string& policy, unsigned workers) {
        pool_ = CreateThreadpool(nullptr);
        if (pool_ == nullptr) {
            error_ = "CreateThreadpool failed, error " + std::to_string(GetLastError());
            return;
        }
        if (!rp_pool_set_policy(pool_, policy.c_str())) {
            error_ = "policy " + policy + " refused, error " + std::to_string(GetLastError());
            return;
        }
        SetThreadpoolThreadMaximum(pool_, workers);
        if (!SetThreadpoolThreadMinimum(pool_, workers)) {
            error_ = std::to_string(workers) + " workers cannot be created, error " +
                     std::to_string(GetLastError());
        }
        InitializeThreadpoolEnvironment(&environment_);
        SetThreadpoolCallbackPool(&environment_, pool_);
    }

    ~pool_under_test() {
        if (pool_ != nullptr) {
            DestroyThreadpoolEnvironment(&environment_);
            CloseThreadpool(pool_);
        }
    }

    pool_under_test(const pool_under_test&) = delete;
    pool_under_test& operator=(const pool_under_test&) = delete;

    [[nodiscard]] const std::string& error() const { return error_; }

    PTP_CALLBACK_ENVIRON environment() { return &environment_; }

    [[nodiscard]] std::map<std::string, double> counters() const {
        rp_pool_info info{};
        info.size = sizeof info;
        if (!rp_pool_query(pool_, &info)) {
            return {};
        }
        return {{"callbacks", static_cast<double>(info.callbacks)},
                {"steals", static_cast<double>(info.steals)},
                {"parks", static_cast<double>(info.parks)},
                {"wakes", static_cast<double>(info.wakes)},
                {"cores", info.cores},
                {"threads_peak", info.threads_peak}};
    }

private:
    PTP_POOL pool_ = nullptr;
    TP_CALLBACK_ENVIRON environment_{};
    std::string error_;
};

struct generator_report {
    std::uint64_t submitted = 0;          // all
    std::uint64_t submitted_measured = 0; // measured part
    std::uint64_t last_submit_ns = 0;
    double cpu_seconds = 0;
};

/// The generator's own delays, apart from those the pool causes by a slow submit. Between two looks
/// at the clock the spinning generator does nothing, so a gap there means that it was off its CPU;
/// a gap inside a submit counts when the kernel says that the thread was preempted.
class stall_watch {
public:
    void spun(std::uint64_t intended, std::uint64_t at) noexcept {
        if (at - intended > spin_gap_ns) {
            back_ns_ = at;
        }
    }

    void submitted(std::uint64_t began, std::uint64_t ended) noexcept {
        if (ended - began > submit_gap_ns && was_preempted()) {
            back_ns_ = ended;
        }
    }

    /// How long past `intended` the generator was away for the last time.
    [[nodiscard]] std::uint64_t stall(std::uint64_t intended) const noexcept {
        return back_ns_ > intended ? back_ns_ - intended : 0;
    }

private:
    static constexpr std::uint64_t spin_gap_ns = 2'000;
    static constexpr std::uint64_t submit_gap_ns = 50'000;

    bool was_preempted() noexcept {
        rusage usage{};
        getrusage(RUSAGE_THREAD, &usage);
        return usage.ru_nivcsw != std::exchange(preemptions_, usage.ru_nivcsw);
    }

    std::uint64_t back_ns_ = 0;
    long preemptions_ = 0;
};

generator_report generate(open_loop& loop,
                          const schedule& plan,
                          std::uint64_t start_ns,
                          PTP_CALLBACK_ENVIRON environment,
                          bool shares_cpu,
                          submit_result& out) {
    generator_report report;
    stall_watch watch;
    const double cpu_before = thread_cpu_seconds();
    for (std::size_t i = 0; i < loop.jobs.size(); ++i) {
        const std::uint64_t intended = start_ns + plan.arrival_ns[i];
        std::uint64_t at = now_ns();
        if (at < intended) {
            do {
                if (shares_cpu) {
                    std::this_thread::yield();
                } else {
                    relax();
                }
                at = now_ns();
            } while (at < intended);
            watch.spun(intended, at);
        }
        const bool accepted =
            TrySubmitThreadpoolCallback(&run_job, &loop.jobs[i], environment) != FALSE;
        report.submitted += accepted ? 1 : 0;
        if (i >= plan.measured_from) {
            report.submitted_measured += accepted ? 1 : 0;
            out.lateness_ns.record(at - intended);
            out.stalls_ns.record(watch.stall(intended));
        }
        watch.submitted(at, now_ns());
    }
    report.last_submit_ns = now_ns();
    report.cpu_seconds = thread_cpu_seconds() - cpu_before;
    return report;
}

// False when the callbacks did not all come within the bound.
bool await_all(open_loop& loop, double work_seconds) {
    timespec until{};
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += static_cast<time_t>(10 + 3 * work_seconds);
    while (sem_clockwait(&loop.all_done, CLOCK_MONOTONIC, &until) != 0) {
        if (errno == ETIMEDOUT) {
            return false;
        }
    }
    // mo: acquire, pairs lab.tokens (return_tokens): the slots of all jobs are readable from here
    // on
    return loop.tokens.load(std::memory_order_acquire) == 0;
}

double median(std::vector<double>& values) {
    if (values.empty()) {
        return 0;
    }
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

void evaluate(const submit_spec& spec,
              const open_loop& loop,
              std::uint64_t start_ns,
              submit_result& out) {
    const schedule& plan = *spec.plan;
    double worked = 0;
    double nominal = 0;
    std::uint64_t last_end = 0;
    std::vector<std::vector<double>> by_slice(slices);
    for (std::size_t i = 0; i < loop.jobs.size(); ++i) {
        const job& one = loop.jobs[i];
        last_end = std::max(last_end, one.ended_ns);
        if (i < plan.measured_from || one.ended_ns == 0) {
            continue;
        }
        const std::uint64_t intended = start_ns + plan.arrival_ns[i];
        out.completed += 1;
        out.latency_ns.record(one.ended_ns - intended);
        out.queueing_ns.record(one.began_ns - intended);
        worked += static_cast<double>(one.ended_ns - one.began_ns);
        nominal += plan.service_ns[i];
        const std::uint64_t offset = plan.arrival_ns[i] - plan.warmup_ns;
        const std::uint64_t slice = std::min<std::uint64_t>(offset * slices / plan.window_ns, 9);
        by_slice[slice].push_back(static_cast<double>(one.ended_ns - intended));
    }
    for (std::vector<double>& slice : by_slice) {
        out.slice_medians_ns.push_back(median(slice));
    }
    const std::uint64_t planned_end = start_ns + plan.warmup_ns + plan.window_ns;
    out.drain_seconds =
        last_end > planned_end ? static_cast<double>(last_end - planned_end) * 1e-9 : 0;
    out.service_ratio = nominal > 0 ? worked / (nominal * spec.stretch) : 1;
}

// A run whose callbacks did not all come is never freed: one may still be on its way.
void abandon(std::unique_ptr<open_loop> loop) {
    static std::mutex guard;
    static std::vector<std::unique_ptr<open_loop>> abandoned;
    const std::lock_guard lock(guard);
    abandoned.push_back(std::move(loop));
}

} // namespace

submit_result run_submit_cell(const submit_spec& spec) {
    submit_result out;
    const schedule& plan = *spec.plan;
    auto loop = std::make_unique<open_loop>();
    loop->jobs.resize(plan.arrival_ns.size());
    // mo: relaxed, no other thread knows the object yet
    loop->tokens.store(loop->jobs.size() + 1, std::memory_order_relaxed);
    double work_ns = 0;
    for (std::size_t i = 0; i < loop->jobs.size(); ++i) {
        loop->jobs[i].owner = loop.get();
        loop->jobs[i].iterations = spec.cost->iterations(plan.service_ns[i]);
        work_ns += plan.service_ns[i];
    }
    const confined here(spec.cpus->workers);
    pool_under_test pool(spec.policy, spec.workers);
    if (!pool.error().empty()) {
        out.error = pool.error();
        return out;
    }
    const double cpu_before = process_cpu_seconds();
    generator_report report;
    std::uint64_t start_ns = 0;
    std::thread generator([&] {
        const confined on(spec.cpus->generator);
        start_ns = now_ns() + lead_ns;
        report = generate(*loop, plan, start_ns, pool.environment(), spec.cpus->shared(), out);
        return_tokens(*loop, 1 + loop->jobs.size() - report.submitted);
    });
    generator.join();
    const bool complete = await_all(*loop, work_ns * 1e-9 / spec.workers);
    out.cpu_seconds = process_cpu_seconds() - cpu_before - report.cpu_seconds;
    out.jobs = report.submitted;
    out.planned = loop->jobs.size() - plan.measured_from;
    out.submitted = report.submitted_measured;
    const std::uint64_t measured_from_ns = start_ns + plan.warmup_ns;
    const double sent_for = static_cast<double>(report.last_submit_ns - measured_from_ns) * 1e-9;
    out.window_seconds = std::max(sent_for, static_cast<double>(plan.window_ns) * 1e-9);
    out.counters = pool.counters();
    if (!complete) {
        // The slots may still be written to, so they are not looked at.
        out.error = "not every callback came within the time limit";
        abandon(std::move(loop));
        return out;
    }
    evaluate(spec, *loop, start_ns, out);
    return out;
}

} // namespace rp::lab
