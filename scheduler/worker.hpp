// SPDX-License-Identifier: Apache-2.0
#pragma once
// An OS thread of a pool.
//
// Nouns. *seat*: the core a worker holds, or nothing. *engine code* and *user code*: where the
// worker is; `busy` says which. A worker touches the queues of its core in engine code only.
//
// A worker that blocks in user code loses its core: at once when it announces the block (blocking_
// begins), or when the monitor finds it stuck and asleep. The second is a race, decided as follows:
//   worker enters engine code               monitor revokes
//   1. busy = 1                             1. seat |= revoking
//   2. light()                              2. heavy()
//   3. reads seat; revoking: waits until    3. reads busy; 0: the worker cannot have used the core
//      the monitor has settled it              since step 1, seat = nothing, the core is ours;
//                                              1: too late, seat without the mark, as it was
// Rejected: leaving the core with the blocked worker and making an extra one (under a policy
// without stealing its queue would starve); an atomic exchange at every callback (5 ns each,
// twice).
#include "kernel_iface/linux/block_sight.hpp"
#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/ring.hpp"
#include "kernel_iface/linux/spin_lock.hpp"
#include "scheduler/events.hpp"
#include "scheduler/fence.hpp"
#include "scheduler/sight/switches.hpp"

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>

namespace rp::sched {

class engine;
struct core;

class worker final : public kernel::blocking_observer {
public:
    explicit worker(engine& owner) noexcept : owner_(owner) {}

    ~worker() = default;
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    /// The worker this thread is, or nullptr.
    static worker* current() noexcept { return current_; }

    [[nodiscard]] engine& owner() noexcept { return owner_; }

    // --- used by callback objects around the user's function -----------------------------------

    void begin_callback() noexcept {
        is_reaping_ = false;
        // mo: relaxed, the monitor compares it between ticks; only this thread writes it.
        started_.store(started_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        leave();
    }

    void end_callback() noexcept {
        (void)enter();
        // mo: relaxed, statistics; only this thread writes it.
        callbacks_.store(callbacks_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    /// While events are recorded, right before begin_callback: an object of this kind is about to
    /// have its function called.
    void note_callback_begins(const void* object, uint8_t kind, const void* function) noexcept;
    /// After end_callback, for a callback whose begin was noted.
    void note_callback_ends(const void* object) noexcept;
    /// Notes an event of this worker, on the core it holds.
    void note(event_kind kind, uint64_t object, uint64_t detail) noexcept;
    /// Its thread is about to end: keeps what the kernel has counted for it.
    void note_end() noexcept;

    /// The callback may take long: gives the core to others, keeps running without one. Returns
    /// whether another worker is there or can be made (R-CB-9).
    bool detach_core() noexcept;

    /// For the runtime: the callback instance now running on this worker.
    void* instance = nullptr;
    /// A worker that has run a persistent callback is never retired (R-ENV-9).
    bool is_persistent = false;

    /// From the rescue signal's handler on this thread.
    void rescue_ring() noexcept {
        if (ring_ != nullptr) {
            ring_->rescue();
        }
    }

    void blocking_begins() noexcept override;
    void blocking_ends() noexcept override;

private:
    friend class engine;
    template <class Policy>
    friend class engine_of;
    friend class monitor;

    static constexpr uintptr_t revoking = 1;

    // Without a wrapper that might have to initialise it: every submit reads it.
    [[gnu::tls_model("initial-exec")]] static constinit thread_local worker* current_;

    // --- engine code / user code ---------------------------------------------------------------

    [[nodiscard]] bool is_in_engine() const noexcept {
        // mo: relaxed, asked by this thread, which alone writes it.
        return busy_.load(std::memory_order_relaxed) != 0;
    }

    /// User code -> engine code. Returns the core held, or nullptr.
    core* enter() noexcept {
        // mo: relaxed, ordered by the fence pair of the essay.
        busy_.store(1, std::memory_order_relaxed);
        fence::light();
        return seat();
    }

    /// The same, but nullptr as well while a monitor is about to take the core: enter() waits.
    core* enter_unless_revoked() noexcept {
        // mo: relaxed, ordered by the fence pair of the essay.
        busy_.store(1, std::memory_order_relaxed);
        fence::light();
        // mo: acquire, pairs worker.seat (revoke, settled).
        const uintptr_t s = seat_.load(std::memory_order_acquire);
        return (s & revoking) == 0 ? reinterpret_cast<core*>(s) : nullptr;
    }

    /// Engine code -> user code.
    void leave() noexcept {
        // mo: release, pairs worker.busy (revoke): what this worker did to its core.
        busy_.store(0, std::memory_order_release);
    }

    void leave_if(bool was_in_user_code) noexcept {
        if (was_in_user_code) {
            leave();
        }
    }

    /// In engine code: the core held, or nullptr.
    core* seat() noexcept {
        // mo: acquire, pairs worker.seat (revoke, settled).
        const uintptr_t s = seat_.load(std::memory_order_acquire);
        return (s & revoking) == 0 ? reinterpret_cast<core*>(s) : settled_seat();
    }

    /// A block has been announced, or is over: the count is odd during one.
    void note_block() noexcept {
        // mo: relaxed, statistics; only this thread writes it.
        blocks_.store(blocks_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    core* settled_seat() noexcept;
    void take_seat(core& c) noexcept;
    /// In engine code: gives the core up and returns it (nullptr: there was none).
    core* give_up_seat() noexcept;
    /// Monitor only: takes the core away if the worker is in user code.
    core* revoke() noexcept;

    engine& owner_;
    std::unique_ptr<kernel::ring> ring_; // made by this thread; others look under ring_guard_
    kernel::spin_lock ring_guard_;       // foreign use of ring_ against its destruction
    std::atomic<pid_t> tid_{0};          // written by this thread when it starts
    std::atomic<uint64_t> wakes_{0};     // written by whoever wakes it, outside the roster lock
    own_count switched_voluntarily_;     // of threads that have ended
    own_count switched_by_force_;

    alignas(64) std::atomic<uintptr_t> seat_{0};
    std::atomic<uint32_t> busy_{1};
    std::atomic<uint64_t> started_{0};
    std::atomic<uint64_t> callbacks_{0};
    std::atomic<uint64_t> steals_{0};
    std::atomic<uint64_t> parks_{0};
    std::atomic<uint64_t> completions_{0};
    own_count steal_hits_;
    own_count steal_misses_;
    own_count searches_;
    own_count searches_found_;
    uint64_t noted_begin_ticks_ = 0; // of the running callback; 0: nothing was recorded then
    bool is_reaping_ = false;        // inside complete() of a reaped request, outside any callback
    bool is_searching_ = false;      // counted in the crowd
    unsigned blocking_depth_ = 0;
    uint16_t request_ = 0;      // of the item it runs
    int32_t near_llc_ = -1;     // the cache domain it has been told to stay in
    int64_t item_began_ns_ = 0; // for policies that want times
    int32_t last_core_ = 0;
    switches::mark noted_begin_switches_; // last here: what every callback touches stays together

    // Parking; see engine_park.cpp.
    alignas(64) std::atomic<uint32_t> park_word_{0};
    std::atomic<bool> sleeps_in_ring_{false};
    std::atomic<core*> assigned_{nullptr};
    bool is_assigned_searching_ = false; // written before assigned_
    bool is_idle_ = false;               // guard: the engine's roster lock
    worker* idle_next_ = nullptr;        // guard: the engine's roster lock
    worker* idle_previous_ = nullptr;    // guard: the engine's roster lock
    uint64_t started_at_park_ = 0;       // this thread's
    uint32_t parks_in_vain_ = 0;         // this thread's

    // Being looked at; see engine_sight.cpp.
    kernel::spin_lock sight_guard_;
    kernel::block_sight sight_; // guard: sight_guard_
    std::atomic<bool> has_sight_{false};
    std::atomic<int64_t> suspected_at_ns_{0};

    // For the pool's controller.
    std::atomic<uint64_t> blocks_{0};
    std::atomic<int64_t> service_ns_{0}; // of timed items
    std::atomic<uint64_t> serviced_{0};

    // The monitor's notes.
    uint64_t controlled_started_ = 0;
    int64_t controlled_since_ns_ = 0;
    uint64_t seen_started_ = 0;    // at the last tick
    uint64_t glanced_started_ = 0; // at the last tick or glance
    uint32_t stuck_ticks_ = 0;
};

} // namespace rp::sched
