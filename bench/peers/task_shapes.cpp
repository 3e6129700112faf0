// SPDX-License-Identifier: Apache-2.0
// The rows of shapes.hpp, and how long an idle pool takes to start a task.
#include "bench/lab/machine.hpp"
#include "bench/peers/child.hpp"
#include "bench/peers/contest.hpp"

#include <fmt/format.h>

namespace rp::peers {

namespace {

std::uint64_t tasks_of(shape s, bool quick) {
    // Long enough that the 50 us in which await_total looks are a few percent at most.
    if (s == shape::fork_join) {
        return quick ? (1U << 16) - 1 : (1U << 17) - 1; // 2^15, 2^16 leaves
    }
    return quick ? 60'000 : 200'000;
}

contestant of_this_process(const engine_kind& kind, unsigned workers, shape s, std::uint64_t n) {
    return {kind.name,
            kind.part,
            [&kind, workers, s, n](std::uint64_t) {
                sample found;
                found.value = measure_shape(kind, workers, s, n, found.fault);
                return found;
            },
            {}};
}

contestant of_libuv(unsigned workers, const std::string& what, std::uint64_t n) {
    return {"libuv",
            role::peer,
            [workers, what, n](std::uint64_t) { return ask_libuv(what, workers, n); },
            {}};
}

constexpr std::uint64_t wake_pause_ns = 200'000;

struct wake_slot {
    static void start(void* context) {
        auto& self = *static_cast<wake_slot*>(context);
        // mo: release, pairs wake_slot.started (wake_up_median)
        self.started_ns.store(lab::now_ns(), std::memory_order_release);
    }

    std::atomic<std::uint64_t> started_ns{0};
};

void spin_until(std::uint64_t when_ns) {
    while (lab::now_ns() < when_ns) {
        lab::relax();
    }
}

} // namespace

double wake_up_median(engine& on, std::uint64_t wakes, std::string& fault) {
    constexpr std::uint64_t patience_ns = 5'000'000'000;
    // Shared: what comes too late must find its slot.
    auto slot = std::make_shared<wake_slot>();
    std::vector<double> latencies;
    latencies.reserve(wakes);
    for (std::uint64_t i = 0; i < wakes + wakes / 10; ++i) {
        spin_until(lab::now_ns() + wake_pause_ns);
        // mo: relaxed, the submit publishes it
        slot->started_ns.store(0, std::memory_order_relaxed);
        const std::uint64_t submitted = lab::now_ns();
        on.submit(wake_slot::start, slot.get());
        std::uint64_t started = 0;
        while (started == 0) {
            lab::relax();
            // mo: acquire, pairs wake_slot.started (start)
            started = slot->started_ns.load(std::memory_order_acquire);
            if (started == 0 && lab::now_ns() - submitted > patience_ns) {
                fault = fmt::format("task {} had not started after 5 s", i);
                static_cast<void>(new std::shared_ptr<wake_slot>(slot)); // for ever
                return 0;
            }
        }
        if (i >= wakes / 10) { // the first ones warm up
            latencies.push_back(static_cast<double>(started - submitted));
        }
    }
    return median(std::move(latencies));
}

void add_task_shapes(std::vector<contest>& to, const bench_settings& settings) {
    for (const shape s : all_shapes) {
        for (const unsigned workers : {1U, 2U}) {
            contest row;
            row.shape = row.family = std::string(name_of(s));
            row.workers = workers;
            const std::uint64_t n = tasks_of(s, settings.quick);
            row.seconds = settings.quick ? 0.02 : 0.1;
            for (const engine_kind& kind : all_engines()) {
                if (kind.can_run(s)) {
                    row.contestants.push_back(of_this_process(kind, workers, s, n));
                }
            }
            if (libuv_runs(s)) {
                // Each hop of its chain wakes the loop and then a worker, tens of microseconds
                // each: fewer of them last long enough.
                const std::uint64_t own = s == shape::chain ? n / 20 : n;
                row.contestants.push_back(of_libuv(workers, row.shape, own));
            }
            to.push_back(std::move(row));
        }
    }
}

void add_idle_wake(std::vector<contest>& to, const bench_settings& settings) {
    const std::uint64_t wakes = settings.quick ? 300 : 2000;
    for (const unsigned workers : {1U, 2U}) {
        contest row;
        row.shape = row.family = "idle_wake";
        row.workers = workers;
        row.seconds = static_cast<double>(wakes) * 1.2 * 1e-9 * wake_pause_ns;
        for (const engine_kind& kind : all_engines()) {
            const auto measure = [&kind, workers, wakes](std::uint64_t) {
                sample found;
                const std::unique_ptr<engine> fresh = kind.make(workers);
                found.value = wake_up_median(*fresh, wakes, found.fault);
                return found;
            };
            row.contestants.push_back({kind.name, kind.part, measure, {}});
        }
        row.contestants.push_back(of_libuv(workers, row.shape, wakes));
        to.push_back(std::move(row));
    }
}

} // namespace rp::peers
