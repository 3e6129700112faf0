// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a thread-count controller sees and says.
//
// Nouns. *token*: the right to be active; a core is a token with queues, so tokens = open cores.
// *soft minimum, soft maximum*: how many threads are kept, and how many are made, inside the hard
// limits that the program sets. *sample*: what happened in a pool since the last one. *decision*:
// tokens, soft limits and the reason.
//
// Four decisions are kept apart, because each changes for a reason of its own:
//   admit       how many workers may be active       the controller (tokens)
//   compensate  who follows a worker that blocks     the engine, as far as the controller allows it
//   provision   how many threads exist or park       the engine, between the soft limits
//   place       which item goes where                the policy
// The engine keeps the hard limits, the rate of change and the log, whatever a controller answers;
// engine_tokens.cpp says how.
//
// A controller is pure: it reads no clock and has no randomness but the sample's, it allocates
// nothing after its construction, and it is called by one thread at a time. So the same object runs
// in a pool, in a replay of a recording and against a model (tests/unit/scheduler).
//
// Rejected: a controller as a template parameter like the policy (it is called a thousand times a
// second at most, and exchanged while the pool runs); one number as the answer (threads that are
// blocked and threads that are active would be the same knob, which is why pools that count threads
// must climb out of every blocking phase).
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>

namespace rp::sched {

enum class reason : uint8_t {
    initial,       ///< the controller was chosen
    user_limits,   ///< the program moved a hard limit
    warm_up,       ///< too little is known for a move
    climbing,      ///< throughput rises in this direction
    probe,         ///< a change made to learn something, not to stay
    stable,        ///< back from a probe
    cpu_saturated, ///< more active workers would share the same CPUs
    starvation,    ///< items wait and none is taken
    few_runnable,  ///< items wait and fewer workers run than there are CPUs
    queue_delay,   ///< the oldest item has waited too long
    load_high,     ///< more items than the active workers should have
    load_low,      ///< fewer tokens would do
    gradient,      ///< callbacks take longer than they do without contention
    little,        ///< arrival rate times service time
    announced,     ///< a worker said that it blocks
    idle,          ///< nothing was waiting for long enough
    count
};

/// Static storage, lower case with dashes.
const char* reason_name(reason r) noexcept;

struct pool_sample {
    /// Time since the previous sample. 0: no time has passed, only the limits may be new; the
    /// answer is where the controller stands (or starts) inside them.
    int64_t dt_ns = 0;

    uint64_t arrivals = 0; ///< items; an object that owes many calls is one item
    uint64_t starts = 0;   ///< callbacks
    uint64_t completions = 0;
    /// Only for a controller with wants_service_time; of callbacks taken from a queue.
    int64_t service_ns = 0;
    uint64_t serviced = 0; ///< how many callbacks service_ns is the sum of
    /// Integral of the queue length over dt: by Little's law the waits of all items in it.
    int64_t wait_ns = 0;
    int64_t busy_ns = 0; ///< integral of the tokens whose worker was in a callback
    /// For how long the head of one common first-in-first-out queue would have waited.
    int64_t oldest_age_ns = 0;
    uint64_t queued = 0; ///< items, now

    uint32_t tokens = 0;
    uint32_t tokens_in_use = 0; ///< held by a worker inside a callback, now
    // Workers inside a callback. The first three need wants_thread_states (one read of /proc each).
    uint32_t running = 0;          ///< runnable, with a token
    uint32_t waiting_for_cpu = 0;  ///< runnable without a token: came back from a block
    uint32_t blocked_detected = 0; ///< asleep in the kernel without having said so
    uint32_t blocked_announced = 0;
    uint32_t long_running = 0; ///< in the same callback for half a second or more
    // Workers outside callbacks.
    uint32_t searching = 0;
    uint32_t parked = 0;
    uint32_t threads = 0;

    uint32_t hard_minimum = 0;
    uint32_t hard_maximum = 0;
    uint32_t soft_minimum = 0;
    uint32_t soft_maximum = 0;
    uint32_t tokens_limit = 0; ///< more cores than this cannot be opened
    uint32_t cpus = 0;         ///< that the process may use
    double cpu_use = 0;        ///< CPU time of the process / (dt x cpus), 0 ... 1
    uint32_t random = 0;

    [[nodiscard]] uint32_t most_tokens() const noexcept {
        return std::max(1U, std::min(hard_maximum, tokens_limit));
    }
};

/// What the engine may do for a worker that blocks in a callback: pass its token on never, when it
/// announces the block, or also when the monitor finds it asleep while items wait.
enum class compensation : uint8_t { none, announced, detected };

struct controller_traits {
    const char* name = nullptr;
    compensation compensates = compensation::detected;
    bool wants_samples = false;
    bool wants_service_time = false; ///< costs two clock readings for each item
    bool wants_thread_states = false;
};

struct decision {
    static constexpr uint32_t hard = UINT32_MAX; ///< for the soft maximum: the hard one
    static constexpr int64_t never = INT64_MAX;

    uint32_t tokens = 1;
    uint32_t soft_minimum = 0; ///< below the hard one: the hard one
    uint32_t soft_maximum = hard;
    int64_t next_sample_in_ns = never; ///< the monitor's tick of 1 ms is the resolution
    reason why = reason::initial;
};

class controller {
public:
    controller() = default;
    controller(const controller&) = delete;
    controller& operator=(const controller&) = delete;
    virtual ~controller() = default;

    [[nodiscard]] virtual const controller_traits& traits() const noexcept = 0;
    virtual decision sample(const pool_sample& now) noexcept = 0;

    // Between samples, at most once a tick each. True: sample me in this tick.
    /// So many workers have blocked since the last call.
    virtual bool blocked(compensation /*how*/, uint32_t /*workers*/) noexcept { return false; }

    virtual bool unblocked(uint32_t /*workers*/) noexcept { return false; }

    /// The age of the oldest item, when one waits.
    virtual bool queue_age(int64_t /*ns*/) noexcept { return false; }
};

/// Null for an unknown name or when out of memory.
std::unique_ptr<controller> make_controller(std::string_view name) noexcept;
/// Names of the controllers in this build, the default first, NULL-terminated.
const char* const* controller_names() noexcept;
[[nodiscard]] bool is_controller(std::string_view name) noexcept;

} // namespace rp::sched
