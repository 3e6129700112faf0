// SPDX-License-Identifier: Apache-2.0
#pragma once
// One thread for the whole process that notices what nobody else would (see monitor.cpp).
#include <csignal>
#include <cstdint>
#include <vector>

namespace rp::sched {

class engine;

/// What a tick asks of the pause after it.
struct tick_wishes {
    bool quick_tick = false; ///< a tick sooner than usual
    bool glance = false;     ///< a look at the holders of cores before the next tick
};

class monitor {
public:
    /// Sent to a worker that sits in a callback while only it can make completions visible. SIGURG
    /// is ignored by default and used by nobody else for anything that a spurious one would
    /// disturb.
    static constexpr int rescue_signal = SIGURG;

    /// Starts looking at `e`; starts the thread and installs the signal handler on first use.
    static void watch(engine& e) noexcept;
    /// Stops looking at `e`, which must not be in use any more.
    static void forget(engine& e) noexcept;
    /// Frees `e`, which has no references any more, as soon as no foreign thread is inside it.
    static void bury(engine& e) noexcept;
    /// A worker has become active: makes sure that the monitor is not asleep.
    static void rouse() noexcept;

private:
    static void run(void* unused) noexcept;
    static bool visit_engines(std::vector<engine*>& watched) noexcept;
    static void pause(std::vector<engine*>& watched, const tick_wishes& wishes) noexcept;
    static int64_t may_sleep_until_ns() noexcept;
};

} // namespace rp::sched
