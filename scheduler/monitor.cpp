// SPDX-License-Identifier: Apache-2.0
// The monitor: a tick every millisecond while any worker is awake, none otherwise.
//
// What it notices, for a worker that has been in the same callback since the last tick:
//   its ring has work only the owner can do:  signals the owner, whose handler enters the kernel
//     deferred completions, unsubmitted         once for its ring; then reaps and queues what has
//     requests, cancels                         become visible
//   it sleeps in the kernel:                  takes its core and gives it to another worker, made
//                                               if the maximum allows it; see engine_sight.cpp
//   its core has an item and a core is idle:  wakes a worker to take it
// and besides: items nobody was woken for (see crowd.hpp), threads that could not be made, requests
// that no worker is free to arm, deadlines that no worker is free to look at. It is also the clock
// of the controllers that want samples (engine_samples.cpp).
//
// Why a millisecond: the promise is that a callback blocked out of the pool's sight delays others
// by a few milliseconds at most, which takes two ticks; a tick costs about 10 us here, 1 % of a
// core. Rejected: a timer signal on every worker (interrupts callbacks that do no harm); a watchdog
// role that wanders among the workers (all of them may be blocked at once, which is when it is
// needed).
//
// Between two ticks it glances at the holders of cores only, while blocks are likely and work
// waits: when a thread has been switched, where that rings a bell (block_bell.hpp), or else every
// 200 us; and for 300 us after it has taken a core every 50 us, since blocks come in bursts, and
// the next holder, whose thread may have to be made, blocks 50 to 150 us after that. A glance that
// takes none outside a burst is fruitless, and after four of those the rest of the millisecond is
// slept through: callbacks that compute for long cost the monitor at most 5 % of a core. With
// nothing but callbacks that block, looking and handing over together take 10 to 40 % of one,
// measured, of which the bursts are a fifth; they halve the time until what is queued behind such
// callbacks begins.
#include "scheduler/monitor.hpp"

#include "kernel_iface/linux/block_bell.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/prompt_thread.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "kernel_iface/linux/thread_source.hpp"
#include "scheduler/engine.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <mutex>
#include <vector>

namespace rp::sched {

namespace {

constexpr int64_t tick_ns = 1'000'000;
constexpr int64_t quick_look_ns = 100'000;
constexpr int64_t glance_ns = 200'000;
constexpr int64_t glance_in_burst_ns = 50'000;
constexpr unsigned glances_in_burst = 6; // after each core that was taken
constexpr unsigned fruitless_glances_per_tick = 4;
/// Ticks without an awake worker before the monitor sleeps: long enough that a pool fed now and
/// then does not pay for rousing it each time.
constexpr unsigned idle_ticks_before_sleep = 50;

struct state {
    std::mutex lock;
    std::vector<engine*> engines;       // guard: lock
    std::vector<engine*> graves;        // guard: lock; engines that are still visited
    bool is_running = false;            // guard: lock
    std::atomic<uint32_t> is_asleep{0}; // 1: the thread sleeps until somebody rouses it
};

state& shared() noexcept {
    static auto* const s = new state; // never destroyed: the thread outlives static objects
    return *s;
}

struct sigaction previous_action;

void on_rescue_signal(int signal, siginfo_t* info, void* context) {
    const int saved_errno = errno;
    worker* w = worker::current();
    if (w != nullptr) {
        w->rescue_ring();
    } else if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
        previous_action.sa_sigaction(signal, info, context);
    } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
        previous_action.sa_handler(signal);
    }
    errno = saved_errno;
}

} // namespace

void monitor::run(void* /*unused*/) noexcept {
    kernel::become_prompt();
    state& s = shared();
    std::vector<engine*> watched;
    unsigned idle_ticks = 0;
    for (;;) {
        bool is_active = visit_engines(watched);
        tick_wishes wishes;
        for (engine* e : watched) {
            e->tick(is_active, wishes);
            e->release();
        }
        idle_ticks = is_active ? 0 : idle_ticks + 1;
        if (idle_ticks < idle_ticks_before_sleep) {
            pause(watched, wishes);
            continue;
        }
        idle_ticks = 0;
        // mo: seq_cst, pairs monitor.asleep (rouse).
        s.is_asleep.store(1, std::memory_order_seq_cst);
        fence::heavy();
        if (const int64_t until = may_sleep_until_ns(); until != 0) {
            (void)kernel::futex_wait(s.is_asleep, 1, until);
        }
        // mo: relaxed, the next round looks at everything.
        s.is_asleep.store(0, std::memory_order_relaxed);
    }
}

/// Retains every living engine into `watched` and frees dead ones. Are some still to be freed?
bool monitor::visit_engines(std::vector<engine*>& watched) noexcept {
    state& s = shared();
    watched.clear();
    const std::scoped_lock guard(s.lock);
    std::erase_if(s.graves, [](engine* e) { return engine::bury_if_unvisited(*e); });
    for (engine* e : s.engines) {
        if (e->try_retain()) {
            watched.push_back(e);
        }
    }
    return !s.graves.empty();
}

/// From one tick to the next.
void monitor::pause(std::vector<engine*>& watched, const tick_wishes& wishes) noexcept {
    state& s = shared();
    const int64_t until = kernel::now_ns() + (wishes.quick_tick ? quick_look_ns : tick_ns);
    unsigned fruitless = 0;
    unsigned burst = 0; // glances that are left of it
    int64_t step_ns = wishes.glance ? glance_ns : tick_ns;
    for (;;) {
        const bool may_glance = fruitless < fruitless_glances_per_tick;
        const int64_t next = may_glance ? std::min(until, kernel::now_ns() + step_ns) : until;
        auto heard = kernel::block_bell::answer::nobody;
        if (may_glance) {
            heard = kernel::block_bell::wait(next);
        }
        if (heard == kernel::block_bell::answer::nobody) {
            (void)kernel::futex_wait(s.is_asleep, 0, next);
        }
        if (kernel::now_ns() >= until) {
            return;
        }
        (void)visit_engines(watched);
        unsigned taken = 0;
        bool wants_glance = false;
        for (engine* e : watched) {
            taken += e->glance(wants_glance);
            e->release();
        }
        fruitless = taken != 0 ? 0 : fruitless + (burst == 0 ? 1 : 0);
        burst = taken != 0 ? glances_in_burst : burst - (burst != 0 ? 1 : 0);
        step_ns = wants_glance ? glance_ns : tick_ns;
        step_ns = burst != 0 ? glance_in_burst_ns : step_ns;
    }
}

/// 0: somebody is active. Otherwise the earliest deadline that no worker would look at.
int64_t monitor::may_sleep_until_ns() noexcept {
    state& s = shared();
    const std::scoped_lock guard(s.lock);
    int64_t until = s.graves.empty() ? kernel::no_deadline : 0;
    for (const engine* e : s.engines) {
        until = e->is_active() ? 0 : std::min(until, e->untended_deadline_ns());
        if (until == 0) {
            break;
        }
    }
    return until;
}

void monitor::watch(engine& e) noexcept {
    state& s = shared();
    const std::scoped_lock guard(s.lock);
    if (std::find(s.engines.begin(), s.engines.end(), &e) == s.engines.end()) {
        s.engines.push_back(&e);
    }
    if (s.is_running) {
        return;
    }
    struct sigaction action = {};
    action.sa_sigaction = &on_rescue_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigaction(rescue_signal, &action, &previous_action);
    kernel::thread_options options;
    options.stack_bytes = 256 * 1024;
    options.name = "tp:monitor";
    // Tried again with the next worker if it fails.
    s.is_running = kernel::start_thread(options, &monitor::run, nullptr) == 0;
}

void monitor::forget(engine& e) noexcept {
    state& s = shared();
    const std::scoped_lock guard(s.lock);
    std::erase(s.engines, &e);
}

void monitor::bury(engine& e) noexcept {
    {
        state& s = shared();
        const std::scoped_lock guard(s.lock);
        s.graves.push_back(&e);
    }
    rouse();
}

void monitor::rouse() noexcept {
    state& s = shared();
    fence::light();
    // mo: relaxed, ordered by the fence pair (run).
    if (s.is_asleep.load(std::memory_order_relaxed) == 0) {
        return;
    }
    // mo: seq_cst, pairs monitor.asleep (run).
    if (s.is_asleep.exchange(0, std::memory_order_seq_cst) == 1) {
        (void)kernel::futex_wake(s.is_asleep, 1);
    }
}

// --- one tick of one engine ----------------------------------------------------------------------

bool engine::is_active() const noexcept {
    // mo: relaxed, ordered by the fence pair of monitor::run and monitor::rouse.
    const uint32_t threads = threads_.load(std::memory_order_relaxed);
    // mo: relaxed, as above.
    const uint32_t idle = idle_threads_.load(std::memory_order_relaxed);
    // mo: relaxed, as above.
    return threads > idle || is_spawn_owed_.load(std::memory_order_relaxed) ||
           // mo: relaxed, as above.
           is_approaching_.load(std::memory_order_relaxed);
}

bool engine::has_anything_queued() const noexcept {
    if (central_length() != 0) {
        return true;
    }
    for (const auto& c : cores_) {
        if (c->length() != 0) {
            return true;
        }
    }
    return has_arrivals();
}

void engine::tick(bool& is_anyone_active, tick_wishes& wishes) noexcept {
    is_anyone_active = is_anyone_active || is_active();
    (void)tend_if_due();
    tick_policy();
    const bool is_work_waiting = has_anything_queued() || has_waiting_arms();
    // While anything waits, somebody must watch over a policy that lets all workers sleep.
    is_anyone_active = is_anyone_active || (is_work_waiting && is_watched_);
    for_each_worker([&](worker& w) { tick_worker(w, is_work_waiting, wishes); });
    arm_stranded();
    evacuate_closed();
    // mo: relaxed, a setting.
    if (is_controlled_.load(std::memory_order_relaxed)) [[unlikely]] {
        control_tick();
    }
    // mo: relaxed, only the monitor clears it.
    is_spawn_owed_.store(false, std::memory_order_relaxed);
    if (!is_work_waiting || crowd_.idle() == 0 || crowd_.searching() != 0) {
        return;
    }
    for (const auto& c : cores_) {
        if (crowd_.is_idle(c->id) && (has_work_for(c->id) || has_waiting_arms())) {
            wake_core(c->id);
            return;
        }
    }
}

/// Requests of foreign threads that no worker has come for since the last tick, because all of them
/// sit in callbacks and the pool may have no more: an I/O call must not depend on a free worker, so
/// the thread source takes them.
void engine::arm_stranded() noexcept {
    // mo: relaxed, compared with itself a tick later.
    const uint64_t rounds = arm_rounds_.load(std::memory_order_relaxed);
    const bool are_waiting = has_waiting_arms();
    const bool are_stranded = are_waiting && were_arms_waiting_ && rounds == seen_arm_rounds_;
    were_arms_waiting_ = are_waiting && !are_stranded;
    seen_arm_rounds_ = rounds;
    if (!are_stranded) {
        return;
    }
    for (const auto& c : cores_) {
        for (kernel::io_request* r = c->arms.take_all(); r != nullptr;) {
            kernel::io_request* following = r->next;
            kernel::thread_source().arm(*r);
            r = following;
        }
    }
}

void engine::tick_worker(worker& w, bool is_work_waiting, tick_wishes& wishes) noexcept {
    // mo: acquire, pairs worker.busy (leave).
    const bool is_in_callback = w.busy_.load(std::memory_order_acquire) == 0;
    // mo: relaxed, compared with itself a tick later.
    const uint64_t started = w.started_.load(std::memory_order_relaxed);
    const uint64_t begun = started - w.seen_started_;
    w.seen_started_ = started;
    w.stuck_ticks_ = is_in_callback && begun == 0 ? w.stuck_ticks_ + 1 : 0;
    if (tend_sight(w, is_in_callback && is_work_waiting, begun)) {
        wishes.glance = true;
    }
    if (w.stuck_ticks_ == 0) {
        return;
    }
    bool needs_rescue = false;
    bool has_completions = false;
    if (w.ring_guard_.try_lock()) {
        const std::scoped_lock guard(std::adopt_lock, w.ring_guard_);
        needs_rescue = w.ring_ != nullptr && w.ring_->has_hidden_work();
        has_completions = w.ring_ != nullptr && w.ring_->has_completions();
    }
    if (needs_rescue) {
        // mo: relaxed, statistics.
        rescues_.fetch_add(1, std::memory_order_relaxed);
        // mo: relaxed, see thread_main.
        (void)kernel::signal_thread(w.tid_.load(std::memory_order_relaxed), monitor::rescue_signal);
        wishes.quick_tick = true;
    }
    if (has_completions) {
        (void)reap_foreign(w, nullptr, 1024);
    }
    // mo: acquire, pairs worker.seat (take_seat).
    const uintptr_t seat = w.seat_.load(std::memory_order_acquire);
    if (seat == 0 || (seat & worker::revoking) != 0) {
        return;
    }
    if (is_work_waiting || std::has_single_bit(w.stuck_ticks_)) {
        if (take_if_blocked(w)) {
            wishes.glance = true;
            return;
        }
    }
    if (is_work_waiting && reinterpret_cast<const core*>(seat)->length() != 0) {
        wake_if_wanted();
    }
}

} // namespace rp::sched
