// SPDX-License-Identifier: Apache-2.0
// The threads of an engine: waking, making and retiring them.
// All of it is the slow path: the roster lock is taken only when somebody wakes, parks, starts or
// leaves.
//
// Invariant under the roster lock: a core is held by one worker, or idle (its bit is in the crowd's
// map), or closed, or claimed by a thread that is about to give it to a worker. An idle core is
// open: whoever puts one down without passing it on does so through settle().
#include "kernel_iface/linux/thread.hpp"
#include "scheduler/engine.hpp"
#include "scheduler/monitor.hpp"
#include "scheduler/visit.hpp"

#include <csignal>
#include <cstdio>
#include <mutex>
#include <new>

namespace rp::sched {

constinit thread_local worker* worker::current_ = nullptr;

// --- waking --------------------------------------------------------------------------------------

void engine::wake_any() noexcept {
    if (!crowd_.start_searching()) {
        return;
    }
    // mo: relaxed, a setting.
    const auto open = static_cast<int32_t>(cores_open_.load(std::memory_order_relaxed));
    const int32_t c = crowd_.claim_any(open);
    if (c < 0 || !assign(*cores_[static_cast<size_t>(c)], true)) {
        crowd_.stop_searching();
    }
}

void engine::wake_core(core_id c) noexcept {
    if (crowd_.claim(c)) {
        (void)assign(*cores_[static_cast<size_t>(c)], false);
    }
}

/// Gives a claimed core to the worker that went idle last, or to a new one. When the pool may have
/// no more threads the core is idle again, inside the roster lock: a worker that is about to park
/// enters the idle list under the same lock and looks at the idle cores afterwards, so one of the
/// two acts.
bool engine::assign(core& c, bool is_searching) noexcept {
    worker* w = nullptr;
    bool is_one_more = false;
    bool is_closed = false;
    {
        const std::scoped_lock guard(roster_lock_);
        w = idle_newest_;
        if (w != nullptr) {
            remove_idle(*w);
        } else {
            // mo: relaxed, guard: roster_lock_.
            const uint32_t exist = threads_.load(std::memory_order_relaxed);
            is_one_more = exist < ceiling_of_threads() && has_live_work();
            if (is_one_more) {
                // mo: relaxed, guard: roster_lock_.
                threads_.store(exist + 1, std::memory_order_relaxed);
            } else {
                is_closed = settle(c, false);
            }
        }
    }
    if (is_closed) {
        evacuate(c);
    }
    if (w == nullptr) {
        return is_one_more && start_worker(&c, is_searching);
    }
    // mo: relaxed, statistics.
    wakes_.fetch_add(1, std::memory_order_relaxed);
    // mo: relaxed, statistics.
    w->wakes_.fetch_add(1, std::memory_order_relaxed);
    w->is_assigned_searching_ = is_searching;
    if (events::is_on()) [[unlikely]] {
        // mo: relaxed, see thread_main.
        const auto woken = static_cast<uint64_t>(w->tid_.load(std::memory_order_relaxed));
        note(event_kind::wakes, no_core, woken, static_cast<uint64_t>(c.id));
    }
    // mo: release, pairs worker.assigned (seat_assigned).
    w->assigned_.store(&c, std::memory_order_release);
    unpark(*w);
    return true;
}

void engine::item_revived() noexcept {
    const visit inside(*this);
    count_dead(-1);
    fence::light();
    wake_if_wanted();
}

/// Is there anything a new thread would find to do?
bool engine::has_live_work() const noexcept {
    // mo: relaxed, a hint, see count_dead.
    auto left = static_cast<int64_t>(dead_.load(std::memory_order_relaxed));
    left -= static_cast<int64_t>(central_length());
    for (const auto& c : cores_) {
        left -= static_cast<int64_t>(c->length());
    }
    return left - static_cast<int64_t>(arrivals_length()) < 0 || has_waiting_arms();
}

void engine::stop_searching(worker& w, bool is_more_waiting) noexcept {
    w.is_searching_ = false;
    w.searches_found_.add(1);
    if (events::is_on()) [[unlikely]] {
        w.note(event_kind::search_ends, 0, 1);
    }
    crowd_.searched(true);
    crowd_.stop_searching();
    if (is_more_waiting) {
        wake_if_wanted();
    }
}

void engine::wake_all_idle() noexcept {
    for_each_worker([this](worker& w) {
        bool is_idle = false;
        {
            const std::scoped_lock guard(roster_lock_);
            is_idle = w.is_idle_;
        }
        if (is_idle) {
            unpark(w);
        }
    });
}

// --- cores ---------------------------------------------------------------------------------------

bool engine::settle(core& c, bool was_searching) noexcept {
    // mo: relaxed, guard: roster_lock_.
    if (static_cast<uint32_t>(c.id) < cores_open_.load(std::memory_order_relaxed)) {
        crowd_.set_idle(c.id, was_searching);
        return false;
    }
    let_go_of_blocks(c);
    c.is_closed = true;
    note_closing();
    if (was_searching) {
        crowd_.stop_searching();
    }
    return true;
}

bool engine::put_down(core& c, bool was_searching) noexcept {
    const std::scoped_lock guard(roster_lock_);
    return settle(c, was_searching);
}

void engine::surrender_core(core& c, bool was_searching, bool may_wake) noexcept {
    const bool is_closed = put_down(c, was_searching);
    fence::heavy();
    if (is_closed) {
        evacuate(c);
    } else if (may_wake && (has_work_for(c.id) || has_waiting_arms())) {
        wake_core(c.id);
    }
}

/// For whoever has taken or given up a core that is closed: what its holder had in a block of its
/// own, where nobody else can take it, goes where everybody can.
void engine::let_go_of_blocks(core& c) noexcept {
    item* batch[block_queue<>::block_size];
    unsigned count = 0;
    while (c.own_blocks != nullptr &&
           (count = c.own_blocks->take_oldest(batch, block_queue<>::block_size)) != 0) {
        c.inbox.push(batch, count);
    }
}

/// Moves what a closed core still has to core 0, which is the last to be closed.
void engine::evacuate(core& c) noexcept {
    if (c.id == 0) {
        return;
    }
    item* batch[64];
    bool has_moved = false;
    for (;;) {
        unsigned count = 0;
        (void)c.fresh.steal(batch, 64, count);
        if (count == 0) {
            (void)c.line.take(batch, 64, count);
        }
        if (count == 0) {
            count = c.inbox.take(batch, 64);
        }
        if (count == 0 && c.own_blocks != nullptr) {
            count = c.own_blocks->steal(batch, 64);
        }
        if (count == 0) {
            break;
        }
        cores_[0]->inbox.push(batch, count);
        has_moved = true;
    }
    for (kernel::io_request* r = c.arms.take_all(); r != nullptr;) {
        kernel::io_request* following = r->next;
        (void)cores_[0]->arms.push(*r);
        r = following;
        has_moved = true;
    }
    fence::light();
    if (has_moved && crowd_.is_idle(0)) {
        wake_core(0);
    }
}

// --- making --------------------------------------------------------------------------------------

/// A worker structure from the retired ones, or a new one; nullptr when out of memory.
worker* engine::enlist() noexcept {
    {
        const std::scoped_lock guard(roster_lock_);
        if (retired_ != nullptr) {
            worker* w = retired_;
            retired_ = w->idle_next_;
            w->idle_next_ = nullptr;
            return w;
        }
    }
    auto* w = new (std::nothrow) worker(*this);
    auto* spare = new (std::nothrow) crew_chunk;
    if (w == nullptr || spare == nullptr) {
        delete w;
        delete spare;
        return nullptr;
    }
    {
        const std::scoped_lock guard(roster_lock_);
        // mo: relaxed, guard: roster_lock_.
        const uint32_t size = crew_size_.load(std::memory_order_relaxed);
        auto& chunk = crew_[size / crew_chunk_size];
        // mo: relaxed, guard: roster_lock_.
        if (chunk.load(std::memory_order_relaxed) == nullptr) {
            // mo: release, pairs engine.crew (for_each_worker).
            chunk.store(spare, std::memory_order_release);
            spare = nullptr;
        }
        // mo: relaxed, guard: roster_lock_.
        crew_chunk* at = chunk.load(std::memory_order_relaxed);
        // mo: release, pairs engine.crew (for_each_worker).
        at->slots[size % crew_chunk_size].store(w, std::memory_order_release);
        // mo: release, pairs engine.crew (for_each_worker).
        crew_size_.store(size + 1, std::memory_order_release);
    }
    delete spare;
    return w;
}

/// Starts the thread that is already counted in threads_. On failure nothing is left behind, the
/// core is idle again, and the monitor tries once more at its next tick (R-SCHED-12).
bool engine::start_worker(core* c, bool is_searching) noexcept {
    worker* w = enlist();
    int error = -1;
    if (w != nullptr) {
        w->is_assigned_searching_ = is_searching;
        // mo: release, pairs worker.assigned (seat_assigned).
        w->assigned_.store(c, std::memory_order_release);
        char name[16];
        std::snprintf(name, sizeof name, "tp:%llu", static_cast<unsigned long long>(serial_));
        kernel::thread_options options;
        // mo: relaxed, a setting.
        options.stack_bytes = stack_bytes_.load(std::memory_order_relaxed);
        options.name = name;
        options.keep_signal = monitor::rescue_signal;
        retain();
        monitor::watch(*this);
        error = kernel::start_thread(options, &engine::thread_main, w);
    }
    const std::scoped_lock guard(roster_lock_);
    // mo: relaxed, guard: roster_lock_.
    const uint32_t exist = threads_.load(std::memory_order_relaxed);
    if (error == 0) {
        // mo: relaxed, guard: roster_lock_.
        if (exist > threads_peak_.load(std::memory_order_relaxed)) {
            // mo: relaxed, guard: roster_lock_.
            threads_peak_.store(exist, std::memory_order_relaxed);
        }
        return true;
    }
    // mo: relaxed, guard: roster_lock_.
    threads_.store(exist - 1, std::memory_order_relaxed);
    if (w != nullptr) {
        // mo: relaxed, no thread was started.
        w->assigned_.store(nullptr, std::memory_order_relaxed);
        w->idle_next_ = retired_;
        retired_ = w;
        // mo: relaxed, the pool or the visited item has a reference: nothing was run.
        references_.fetch_sub(1, std::memory_order_relaxed);
    }
    if (c != nullptr) {
        (void)settle(*c, false); // closed: the monitor's next tick evacuates it
        // mo: relaxed, read by the monitor at its next tick.
        is_spawn_owed_.store(true, std::memory_order_relaxed);
    }
    return false;
}

// --- a thread's life -----------------------------------------------------------------------------

void engine::thread_main(void* self) noexcept {
    auto& w = *static_cast<worker*>(self);
    engine& owner = w.owner_;
    worker::current_ = &w;
    // mo: relaxed, a monitor that reads an older one looks at a thread that has ended.
    w.tid_.store(kernel::thread_id(), std::memory_order_relaxed);
    w.is_persistent = false;
    // mo: relaxed, this thread has not run anything yet.
    w.busy_.store(1, std::memory_order_relaxed);
    if (events::is_on()) [[unlikely]] {
        // mo: relaxed, a figure.
        owner.note(event_kind::thread_starts,
                   no_core,
                   uint64_t{owner.threads_.load(std::memory_order_relaxed)},
                   0);
    }
    kernel::install_blocking_observer(&w);
    owner.serve(w);
    owner.retire(w);
    close_sight(w);
    w.note_end();
    kernel::install_blocking_observer(nullptr);
    worker::current_ = nullptr;
    {
        const std::scoped_lock guard(owner.roster_lock_);
        w.idle_next_ = owner.retired_;
        owner.retired_ = &w;
    }
    owner.release();
}

void engine::serve(worker& w) noexcept {
    monitor::rouse();
    bool is_seated = seat_assigned(w);
    for (;;) {
        if (is_seated) {
            open_own_sight(w);
            work(w);
        }
        // mo: relaxed, a hint; leave_if_surplus decides under the lock.
        if ((orders_.load(std::memory_order_relaxed) & order_surplus) != 0 && leave_if_surplus()) {
            return;
        }
        if (w.seat() == nullptr && take_core_with_work(w)) {
            is_seated = true;
            continue;
        }
        const bool is_wanted = park(w);
        resign_as_tender(w);
        if (!is_wanted) {
            if (timers_.next_look_ns() != timers::never) {
                deadline_came_nearer(); // as seen by those who are left
            }
            return;
        }
        is_seated = true;
        monitor::rouse();
    }
}

bool engine::leave_if_surplus() noexcept {
    const std::scoped_lock guard(roster_lock_);
    // mo: relaxed, guard: roster_lock_.
    const uint32_t exist = threads_.load(std::memory_order_relaxed);
    // mo: relaxed, guard: roster_lock_.
    const uint32_t maximum = maximum_.load(std::memory_order_relaxed);
    const uint32_t left = exist > maximum ? exist - 1 : exist;
    // mo: relaxed, guard: roster_lock_.
    threads_.store(left, std::memory_order_relaxed);
    set_order(order_surplus, left > maximum ? left - maximum : 0);
    return left != exist;
}

/// The end of a worker that is no longer counted: it gives up its core, and stays, reaping, until
/// the last request on its ring has completed (a request dies with the thread that armed it).
void engine::retire(worker& w) noexcept {
    if (core* c = w.give_up_seat(); c != nullptr) {
        const bool was_searching = w.is_searching_;
        w.is_searching_ = false;
        if (was_searching && events::is_on()) [[unlikely]] {
            w.note(event_kind::search_ends, 0, 0);
        }
        surrender_core(*c, was_searching);
    } else if (w.is_searching_) {
        stop_searching(w, false);
    }
    if (w.ring_ == nullptr) {
        return;
    }
    // mo: relaxed, statistics.
    draining_.fetch_add(1, std::memory_order_relaxed);
    while (w.ring_->in_flight() != 0) {
        reap_while_parked(w);
        if (w.ring_->in_flight() != 0) {
            sleep(w, kernel::now_ns() + 100'000'000);
        }
    }
    std::unique_ptr<kernel::ring> last;
    {
        const std::scoped_lock guard(w.ring_guard_);
        last = std::move(w.ring_);
    }
    // mo: relaxed, a hint.
    ring_count_.fetch_sub(1, std::memory_order_relaxed);
    // mo: relaxed, statistics.
    draining_.fetch_sub(1, std::memory_order_relaxed);
}

// --- the idle list: newest first, so that surplus workers age out at the far end -----------------

void engine::push_idle(worker& w) noexcept {
    w.is_idle_ = true;
    w.idle_previous_ = nullptr;
    w.idle_next_ = idle_newest_;
    (idle_newest_ != nullptr ? idle_newest_->idle_previous_ : idle_oldest_) = &w;
    idle_newest_ = &w;
    // mo: relaxed, guard: roster_lock_; read as a hint elsewhere.
    idle_threads_.fetch_add(1, std::memory_order_relaxed);
}

void engine::remove_idle(worker& w) noexcept {
    w.is_idle_ = false;
    (w.idle_previous_ != nullptr ? w.idle_previous_->idle_next_ : idle_newest_) = w.idle_next_;
    (w.idle_next_ != nullptr ? w.idle_next_->idle_previous_ : idle_oldest_) = w.idle_previous_;
    w.idle_next_ = nullptr;
    w.idle_previous_ = nullptr;
    // mo: relaxed, guard: roster_lock_; read as a hint elsewhere.
    idle_threads_.fetch_sub(1, std::memory_order_relaxed);
}

} // namespace rp::sched
