// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

// The engines of timer_set, timer_cancel and timers_fire.

namespace rp::peers {

// Timers by number: arm, disarm. The thread that made it is the only one that calls it.
class timer_set_engine {
public:
    timer_set_engine() = default;
    virtual ~timer_set_engine() = default;
    timer_set_engine(const timer_set_engine&) = delete;
    timer_set_engine& operator=(const timer_set_engine&) = delete;

    // The numbers come one by one, so that what is timed is one call of the engine and a loop that
    // all engines share. `seconds` is hours away: nothing fires.
    virtual void arm(std::size_t timer, std::uint32_t seconds) = 0;
    virtual void disarm(std::size_t timer) = 0;

    [[nodiscard]] virtual std::size_t armed() const = 0;
};

// With so many timers, none armed.
std::unique_ptr<timer_set_engine> make_ringpool_timers(std::size_t timers);
std::unique_ptr<timer_set_engine> make_libuv_timers(std::size_t timers);
std::unique_ptr<timer_set_engine> make_list_timers(std::size_t timers);

// Timers that are all due within a while: `due_ms` from the call on, one timer for each. Arms them,
// waits without using a CPU until all have fired, and adds one to `fired` of each that does.
// Answers the CPU nanoseconds of this process from the last arming to the last callback; below 0
// when the first was due before the last was armed.
struct timer_storm {
    std::vector<std::uint32_t> due_ms;
    std::vector<std::uint8_t> fired;
};

double fire_ringpool(timer_storm& storm);
double fire_libuv(timer_storm& storm);
double fire_asio(timer_storm& storm);

double process_cpu_ns();

} // namespace rp::peers
