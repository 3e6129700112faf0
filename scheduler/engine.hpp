// SPDX-License-Identifier: Apache-2.0
#pragma once
// What executes a policy and keeps the promises a policy must not be able to break.
//
// The class is split by aspect: engine.cpp (life, limits, statistics), engine_roster.cpp (threads:
// waking, making, retiring), engine_park.cpp (sleeping), engine_io.cpp (requests and completions),
// engine_timers.cpp (deadlines), engine_tokens.cpp (how many cores are open, and the controller),
// engine_samples.cpp (what the controller is told),
// engine_of.hpp (the loop and the queues, a template over the policy), monitor.cpp (what nobody
// else would notice), engine_sight.cpp (workers that are blocked unannounced).
//
// Promises: every placed item is run exactly once; a worker runs callbacks only while it holds a
// core or after it lost its core inside one; threads never exceed the maximum; every armed request
// completes exactly once; no worker exits with requests in flight.
#include "kernel_iface/linux/io_request.hpp"
#include "scheduler/blocks.hpp"
#include "scheduler/classes.hpp"
#include "scheduler/controller.hpp"
#include "scheduler/core_table.hpp"
#include "scheduler/crowd.hpp"
#include "scheduler/events.hpp"
#include "scheduler/policy.hpp"
#include "scheduler/requests.hpp"
#include "scheduler/sorted.hpp"
#include "scheduler/timers.hpp"
#include "scheduler/worker.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rp::sched {

struct tick_wishes;
struct token_state;
struct control_change;
struct worker_totals;

/// What a controller has made of a pool; the limits are those in force.
struct control_statistics {
    const char* controller = nullptr; ///< static storage
    uint32_t tokens = 0;
    uint32_t tokens_limit = 0;
    uint32_t soft_minimum = 0;
    uint32_t soft_maximum = 0;
    uint32_t cpus = 0;
    uint64_t samples = 0;
    uint64_t changes = 0;
};

struct engine_statistics {
    uint32_t threads = 0;
    uint32_t threads_peak = 0;
    uint32_t threads_minimum = 0;
    uint32_t threads_maximum = 0;
    uint32_t cores = 0;
    uint32_t idle = 0;
    uint32_t blocked = 0;
    uint64_t callbacks = 0;
    uint64_t steals = 0;
    uint64_t parks = 0;
    uint64_t wakes = 0;
    uint64_t completions = 0;
    uint64_t rescues = 0;
};

/// Of rp_stats: what the pool as a whole has counted.
struct statistics_in_detail {
    uint64_t arrivals = 0; ///< items placed by foreign threads in their lanes
    uint64_t shared = 0;   ///< items placed in the shared queues
    uint64_t inboxes = 0;  ///< items placed in a core by somebody who does not hold it
    uint64_t own = 0;      ///< items placed by workers on their own core
    uint64_t queued = 0;   ///< items waiting now
    uint32_t workers = 0;  ///< workers that ever existed
};

struct core_detail {
    core_id id = no_core;
    bool is_open = false;
    int32_t holder = 0; ///< thread id; 0: nobody
    uint64_t items = 0;
    uint64_t placed = 0;
    uint64_t inbox = 0;
    uint64_t queued = 0;
};

struct worker_detail {
    int32_t thread = 0;
    bool is_alive = false;
    bool is_in_callback = false;
    bool is_parked = false;
    core_id core = no_core;
    uint64_t callbacks = 0;
    uint64_t stolen_items = 0;
    uint64_t steal_hits = 0;
    uint64_t steal_misses = 0;
    uint64_t searches = 0;
    uint64_t searches_found = 0;
    uint64_t parks = 0;
    uint64_t wakes = 0;
    uint64_t completions = 0;
    uint64_t switched_voluntarily = 0;
    uint64_t switched_by_force = 0;
};

class dump_writer;

class engine : public kernel::io_sink {
public:
    static constexpr uint32_t threads_max = 16383;
    static constexpr uint32_t default_maximum = 500; // R-POOL-5

    /// Makes an engine running a policy, NAME[:KNOB=VALUE,...]; nullptr for a spec that
    /// policy_problem() complains about, or when out of memory. The caller has the first of its
    /// references.
    static engine* create(std::string_view policy) noexcept;

    void retain() noexcept;
    void release() noexcept;
    /// False when the last reference is already gone.
    [[nodiscard]] bool try_retain() noexcept;
    /// Nothing will be placed any more: workers exit when they are idle and have no I/O in flight.
    void shut_down() noexcept;

    /// Makes `it` runnable. Never fails, never blocks.
    virtual void place(item& it, origin from) noexcept = 0;

    /// What it was created with, by the policy's own name. Static storage.
    [[nodiscard]] virtual const char* policy_name() const noexcept = 0;

    /// For a callback running on `w`, which is in user code: has it had its time?
    [[nodiscard]] virtual bool should_yield(worker& w) noexcept = 0;

    [[nodiscard]] class_table& classes() noexcept { return classes_; }

    [[nodiscard]] bool uses_classes() const noexcept { return uses_classes_; }

    /// For an item whose callback has just returned on `w` and that is queued again: would `w` take
    /// it next? Then its next call may be run without a way through the queue. Counts as a turn.
    [[nodiscard]] virtual bool may_go_on(worker& w, const item& it) noexcept = 0;

    /// Items that are queued but owe no call any more are no reason to make a thread, so they are
    /// counted. Each call is about one item: it has lost its last call; it has one again (this may
    /// need a wake, which the item's own placing did not get); it has left its queue without a
    /// call.
    void item_died() noexcept { count_dead(1); }

    void item_revived() noexcept;

    void dead_item_left() noexcept { count_dead(-1); }

    /// True on a worker of this engine that is reaping completions, holds a core, is outside any
    /// callback, and whose policy lets the reaper run the callback itself.
    [[nodiscard]] bool may_run_inline() const noexcept;

    /// The deadlines. After arm() has said so, and without the lock: deadline_came_nearer().
    [[nodiscard]] timers& deadlines() noexcept { return timers_; }

    void deadline_came_nearer() noexcept;

    void arm(kernel::io_request& request) noexcept override;
    void cancel(kernel::io_request& request) noexcept override;

    void set_maximum(uint32_t threads) noexcept;
    /// set_maximum, unless the maximum is as high already.
    void raise_maximum(uint32_t threads) noexcept;
    /// Makes missing threads at once. False (and the minimum as it was) when one cannot be made.
    [[nodiscard]] bool set_minimum(uint32_t threads) noexcept;
    void set_stack_bytes(size_t bytes) noexcept;
    void set_idle_timeout_ms(uint32_t milliseconds) noexcept;
    /// Has a callback been run, or is anything waiting to be?
    [[nodiscard]] bool has_started() const noexcept;
    /// Copies limits, stack size and timeout from an engine that has not started. False when the
    /// threads of its minimum cannot be made.
    [[nodiscard]] bool take_settings(const engine& from) noexcept;
    [[nodiscard]] engine_statistics statistics() const noexcept;
    [[nodiscard]] statistics_in_detail detail() const noexcept;

    template <class Object>
    void note(event_kind kind, core_id at, Object object, uint64_t detail) const noexcept {
        events::note(kind, serial_, at, object, detail);
    }

    /// Notes the state that events change from now on: limits, threads, who holds which core.
    void note_state() const noexcept;

    /// Last step of making one: from now on for_each_alive comes by it. May throw bad_alloc.
    void enrol();

    // --- sight/dump.cpp, sight/detail.cpp ------------------------------------------------------
    /// Prints the state of one pool; waits for no lock, allocates nothing.
    void dump(dump_writer& out) noexcept;
    /// Calls `f` for every engine that is complete; false when the list stayed locked for a tenth
    /// of a second. `f` must not make or free one.
    static bool for_each_alive(void (*f)(engine&, void*), void* argument) noexcept;
    void each_core(void (*f)(const core_detail&, void*), void* argument) const noexcept;
    void each_worker(void (*f)(const worker_detail&, void*), void* argument) const noexcept;

    // --- engine_tokens.cpp ---------------------------------------------------------------------
    /// At any time. False for an unknown name or when out of memory; then nothing has changed.
    [[nodiscard]] bool set_controller(std::string_view name) noexcept;
    [[nodiscard]] control_statistics controlled() const noexcept;
    /// Copies the newest changes, oldest first; returns how many.
    uint32_t control_log(control_change* out, uint32_t room) const noexcept;

    [[nodiscard]] compensation compensates() const noexcept {
        // mo: relaxed, a setting.
        return compensates_.load(std::memory_order_relaxed);
    }

protected:
    struct traits {
        bool runs_completions_inline = true;
        bool reads_everything = false;
        bool is_watched = false;
        bool uses_classes = false;
        bool has_blocks = false;
        bool has_class_queues = false;
        bool follows_requests = false;
    };

    explicit engine(const traits& of_policy);
    virtual ~engine();

    // --- the template's half -------------------------------------------------------------------
    /// Runs items on `w`, which holds a core, until there is nothing to do or the core is lost.
    virtual void work(worker& w) noexcept = 0;
    /// Is there anything in a queue that core `c` reads?
    [[nodiscard]] virtual bool has_work_for(core_id c) const noexcept = 0;

    /// The monitor's tick, for the policy's own.
    virtual void tick_policy() noexcept = 0;

    // --- queues --------------------------------------------------------------------------------
    /// The calling thread's arrival lane, made on first use; nullptr when out of memory.
    lane* arrival_lane() noexcept {
        return cached_lane_.serial == serial_ ? cached_lane_.items : find_arrival_lane();
    }

    lane* find_arrival_lane() noexcept;
    [[nodiscard]] size_t arrivals_length() const noexcept;
    [[nodiscard]] bool has_arrivals() const noexcept;
    [[nodiscard]] uint64_t arrivals_taken() const noexcept;
    [[nodiscard]] uint64_t callbacks_begun() const noexcept;
    unsigned take_arrivals(item** out, unsigned limit, uint32_t start) noexcept;

    /// What waits in the queues that belong to no core and no thread.
    [[nodiscard]] size_t central_length() const noexcept {
        size_t length = sorted_.size();
        for (const fifo& f : shared_) {
            length += f.size();
        }
        for (const auto& f : class_queues_) {
            length += f->size();
        }
        return length;
    }

    /// A lone item is left to the holder of its core unless that worker sits in one callback for
    /// more than about a microsecond: stealing it would bounce a chain of callbacks between cores.
    [[nodiscard]] static bool is_about_to_be_taken(const core& victim) noexcept;
    /// Burns so much time, at most 20 us.
    static void spin(int32_t requested_ns) noexcept;

    // --- sight/detail.cpp ----------------------------------------------------------------------
    [[gnu::cold]] void note_placed(item& it, origin from, queue to, core_id at) const noexcept;
    [[gnu::cold]] void note_taken(item& it, core_id at, const action& how) const noexcept;

    /// Have these parts of `c` more than a single item that its own holder is about to take?
    [[nodiscard]] static bool has_work_to_share(const core& c, uint8_t parts) noexcept;

    /// How many cores a policy may use: at least one.
    [[nodiscard]] uint32_t core_count() const noexcept {
        // mo: acquire, pairs engine.cores_open (open_cores): the cores themselves.
        const uint32_t open = cores_open_.load(std::memory_order_acquire);
        return open != 0 ? open : 1;
    }

    // --- engine_roster.cpp ---------------------------------------------------------------------
    /// After a push (and fence::light()): wakes one worker if that is needed.
    void wake_if_wanted() noexcept {
        if (crowd_.wants_wake()) {
            wake_any();
        }
    }

    void wake_any() noexcept;
    void wake_core(core_id c) noexcept;
    void stop_searching(worker& w, bool is_more_waiting) noexcept;
    /// Makes a core available that is neither held nor idle. True: it was closed instead, for lack
    /// of a token, and the caller evacuates it.
    [[nodiscard]] bool put_down(core& c, bool was_searching) noexcept;
    void evacuate(core& c) noexcept;
    static void let_go_of_blocks(core& c) noexcept;

    // --- engine_tokens.cpp ---------------------------------------------------------------------
    /// Must the holder of `c` go back to the roster before it takes another item?
    [[nodiscard]] bool must_stop(const core& c) const noexcept {
        // mo: relaxed, a request; seen one turn later at worst.
        const uint32_t orders = orders_.load(std::memory_order_relaxed);
        return (orders & order_surplus) != 0 ||
               ((orders & order_closing) != 0 && static_cast<uint32_t>(c.id) >= core_count());
    }

    static int64_t run_timed(item& it, worker& w) noexcept;

    // --- engine_io.cpp -------------------------------------------------------------------------
    /// One turn of deadlines and I/O for a worker holding a core: tends, arms, submits, reaps.
    /// Returns how much it found.
    unsigned poll(worker& w, unsigned budget, bool is_looking_elsewhere) noexcept;

    // --- engine_timers.cpp ---------------------------------------------------------------------
    unsigned tend_if_due() noexcept;

    struct lane_entry {
        explicit lane_entry(block_pool& pool) noexcept : items(pool) {}

        lane items;
        bool is_owned = true; // guard: lanes_lock_
    };

    static constexpr unsigned lanes_max = 1024;

    const bool runs_completions_inline_;
    const bool reads_everything_;
    const bool is_watched_;
    const bool uses_classes_;
    const bool has_blocks_;
    block_pool blocks_;
    core_table cores_;
    std::array<fifo, priority_count> shared_{fifo(blocks_), fifo(blocks_), fifo(blocks_)};
    sorted_queue sorted_;
    std::vector<std::unique_ptr<fifo>> class_queues_; // class_count of them, or none
    class_table classes_;
    std::unique_ptr<request_table> requests_; // for policies that follow them
    crowd crowd_;
    /// What workers with a core must heed between two items; almost always 0.
    std::atomic<uint32_t> orders_{0};                   // written under roster_lock_
    static constexpr uint32_t order_surplus = 0xFFFF;   // how many workers should leave
    static constexpr uint32_t order_closing = 1U << 16; // some core is held without a token
    static constexpr uint32_t order_timed = 1U << 17;   // run_timed() instead of run()

private:
    friend class worker;
    friend class monitor;
    friend struct lane_owner;
    friend struct engine_locks; // of a test
    static constexpr unsigned crew_chunk_size = 64;

    struct crew_chunk {
        std::array<std::atomic<worker*>, crew_chunk_size> slots{};
    };

    // --- engine_roster.cpp ---------------------------------------------------------------------
    [[nodiscard]] bool assign(core& c, bool is_searching) noexcept;
    [[nodiscard]] bool has_live_work() const noexcept;
    [[nodiscard]] bool count_thread_below_minimum() noexcept;

    void count_dead(int32_t change) noexcept {
        // mo: relaxed, a hint: a stale count delays a thread until the monitor's next tick.
        dead_.fetch_add(change, std::memory_order_relaxed);
    }

    [[nodiscard]] bool start_worker(core* c, bool is_searching) noexcept;
    static void thread_main(void* self) noexcept;
    void serve(worker& w) noexcept;
    void retire(worker& w) noexcept;
    [[nodiscard]] bool leave_if_surplus() noexcept;
    [[nodiscard]] worker* enlist() noexcept;
    void push_idle(worker& w) noexcept;
    void remove_idle(worker& w) noexcept;
    void wake_all_idle() noexcept;
    /// Makes a core that its worker has given up available to others; wakes one if it has work and
    /// `may_wake`.
    void surrender_core(core& c, bool was_searching, bool may_wake = true) noexcept;
    [[nodiscard]] bool settle(core& c, bool was_searching) noexcept; // guard: roster_lock_

    void set_order(uint32_t mask, uint32_t value) noexcept { // guard: roster_lock_
        // mo: relaxed, guard: roster_lock_.
        const uint32_t others = orders_.load(std::memory_order_relaxed) & ~mask;
        // mo: relaxed, guard: roster_lock_; read as a hint elsewhere.
        orders_.store(others | value, std::memory_order_relaxed);
    }

    // --- engine_tokens.cpp, engine_samples.cpp -------------------------------------------------
    void reconsider(event_kind what_was_set) noexcept;
    [[nodiscard]] static uint32_t usable_cpus() noexcept;
    [[nodiscard]] static uint32_t most_cores() noexcept;
    void open_cores(uint32_t wanted) noexcept;
    void note_closing() noexcept;
    void evacuate_closed() noexcept;
    [[nodiscard]] pool_sample limits_now() const noexcept;
    void adopt(const decision& d, int64_t now_ns, bool is_at_once) noexcept;
    void approach(int64_t now_ns, bool is_at_once) noexcept;
    void provision() noexcept;
    void control_tick() noexcept;
    [[nodiscard]] worker_totals totals(int64_t now_ns) noexcept;
    [[nodiscard]] bool hear_events(const worker_totals& t) noexcept;
    void take_sample(const worker_totals& t, int64_t now_ns, uint64_t queued, int64_t age) noexcept;
    void read_thread_states(pool_sample& s) noexcept;
    [[nodiscard]] uint64_t queued_items() const noexcept;

    /// How many threads are kept, and how many are made: the soft limits inside the hard ones.
    [[nodiscard]] uint32_t floor_of_threads() const noexcept;
    [[nodiscard]] uint32_t ceiling_of_threads() const noexcept;

    // --- engine_park.cpp -----------------------------------------------------------------------
    [[nodiscard]] bool park(worker& w) noexcept;
    [[nodiscard]] bool park_until_wanted(worker& w) noexcept;
    [[nodiscard]] bool parks_in_vain(worker& w) const noexcept;
    [[nodiscard]] bool take_core_with_work(worker& w) noexcept;
    [[nodiscard]] core* find_idle_core_with_work(int32_t prefer) noexcept;
    [[nodiscard]] bool seat_assigned(worker& w) noexcept;
    [[nodiscard]] bool take_back(worker& w, core& c) noexcept;
    void reap_while_parked(worker& w) noexcept;
    static void sleep(worker& w, int64_t deadline_ns) noexcept;
    static void unpark(worker& w) noexcept;
    [[nodiscard]] bool may_exit_idle(worker& w, bool is_late) noexcept;

    // --- engine_io.cpp -------------------------------------------------------------------------
    [[nodiscard]] bool ensure_ring(worker& w) noexcept;
    void arm_waiting(worker& w, bool is_looking_elsewhere) noexcept;
    unsigned reap(worker& w, kernel::ring& r, unsigned budget) noexcept;
    unsigned reap_foreign(worker& owner, worker* reaper, unsigned budget) noexcept;
    [[nodiscard]] bool has_waiting_arms() const noexcept;
    [[nodiscard]] bool
    post_cancel(worker& w, uintptr_t ring_address, kernel::io_request& request) noexcept;

    // --- engine_timers.cpp ---------------------------------------------------------------------
    void become_tender(worker& w) noexcept;
    void resign_as_tender(worker& w) noexcept;
    [[nodiscard]] int64_t tending_deadline_ns(const worker& w) const noexcept;
    [[nodiscard]] int64_t untended_deadline_ns() const noexcept;
    unsigned tend(int64_t now) noexcept;

    // --- monitor.cpp ---------------------------------------------------------------------------
    [[nodiscard]] bool is_active() const noexcept;
    void arm_stranded() noexcept;
    [[nodiscard]] bool has_anything_queued() const noexcept;
    /// Frees an engine without references unless a foreign thread is still inside it.
    static bool bury_if_unvisited(engine& e) noexcept;
    static void destroy(engine& e) noexcept;
    void tick(bool& is_anyone_active, tick_wishes& wishes) noexcept;
    void tick_worker(worker& w, bool is_work_waiting, tick_wishes& wishes) noexcept;

    // --- engine_sight.cpp ----------------------------------------------------------------------
    [[nodiscard]] bool looks_for_blocked() const noexcept;
    [[nodiscard]] bool tend_sight(worker& w, bool may_matter, uint64_t begun) noexcept;
    void open_sight(worker& w) noexcept;
    void open_own_sight(worker& w) noexcept;
    static void close_sight(worker& w) noexcept;
    [[nodiscard]] bool take_if_blocked(worker& w) noexcept;
    [[nodiscard]] unsigned glance(bool& wants_another) noexcept;

    template <class F>
    void for_each_worker(F&& f) const noexcept {
        // mo: acquire, pairs engine.crew (enlist).
        const uint32_t size = crew_size_.load(std::memory_order_acquire);
        for (uint32_t i = 0; i < size; ++i) {
            // mo: acquire, pairs engine.crew (enlist).
            crew_chunk* chunk = crew_[i / crew_chunk_size].load(std::memory_order_acquire);
            // mo: acquire, pairs engine.crew (enlist).
            f(*chunk->slots[i % crew_chunk_size].load(std::memory_order_acquire));
        }
    }

    std::atomic<uint32_t> references_{1};
    const uint64_t serial_;

    // The roster: who exists. Cold; every field is guarded by roster_lock_ unless atomic.
    mutable kernel::spin_lock roster_lock_;
    worker* idle_newest_ = nullptr;
    worker* idle_oldest_ = nullptr;
    worker* retired_ = nullptr;
    std::atomic<uint32_t> threads_{0};
    std::atomic<uint32_t> draining_{0}; // retired but waiting for their last requests
    std::atomic<uint32_t> idle_threads_{0};
    std::atomic<uint32_t> threads_peak_{0};
    std::atomic<uint32_t> minimum_{0};
    std::atomic<uint32_t> maximum_{default_maximum};
    std::atomic<uint32_t> cores_open_{0}; // tokens; written under roster_lock_
    std::atomic<uint32_t> soft_minimum_{0};
    std::atomic<uint32_t> soft_maximum_{UINT32_MAX};
    std::atomic<compensation> compensates_{compensation::detected};
    std::atomic<bool> is_controlled_{false};  // the tick has something to do for the controller
    std::atomic<bool> is_approaching_{false}; // not yet where the last decision wants to be
    const std::unique_ptr<token_state> tokens_;
    std::atomic<bool> is_shut_down_{false};
    std::atomic<bool> is_spawn_owed_{false}; // a thread could not be made; the monitor tries again
    std::atomic<size_t> stack_bytes_{0};
    std::atomic<int64_t> idle_timeout_ns_{10'000'000'000}; // R-SCHED-9

    // Every worker that ever existed, so that others can look at their rings.
    std::array<std::atomic<crew_chunk*>, threads_max / crew_chunk_size + 1> crew_{};
    std::atomic<uint32_t> crew_size_{0};
    std::atomic<uint32_t> ring_count_{0};

    mutable kernel::spin_lock lanes_lock_;

    /// The lane a thread used last; most threads feed one pool.
    struct lane_cache {
        uint64_t serial = 0;
        lane* items = nullptr;
    };

    [[gnu::tls_model("initial-exec")]] static constinit thread_local lane_cache cached_lane_;
    std::array<std::atomic<lane_entry*>, lanes_max> lanes_{};
    std::atomic<uint32_t> lane_count_{0};

    timers timers_;
    std::atomic<worker*> tender_{nullptr};

    std::atomic<int32_t> dead_{0}; // items in queues that owe no call
    std::atomic<uint64_t> wakes_{0};
    std::atomic<uint64_t> rescues_{0};
    std::atomic<uint64_t> arm_rounds_{0}; // times a worker took requests of foreign threads
    std::atomic<uint64_t> foreign_completions_{0};
    std::atomic<int64_t> watch_until_ns_{0}; // see engine_sight.cpp

    // The monitor's notes.
    uint64_t cores_revoked_ = 0;
    bool were_arms_waiting_ = false;
    uint64_t seen_arm_rounds_ = 0;
};

/// Names of the policies, NULL-terminated. The first is the default.
const char* const* policy_names() noexcept;
/// What is wrong with NAME[:KNOB=VALUE,...], in a sentence; empty when it can be used.
[[nodiscard]] std::string policy_problem(std::string_view spec);
/// "io_uring (...)" or "threads (cause)".
const char* completion_source_description() noexcept;

} // namespace rp::sched
