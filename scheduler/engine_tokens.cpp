// SPDX-License-Identifier: Apache-2.0
// How many cores are open, how many threads are kept, and the controller that says so.
//
// Nouns. *token*: the right to run callbacks; core k is open when k < tokens. *created*: cores that
// exist; made when first needed, never destroyed, so that whoever walks over them needs no lock
// (core_table.hpp). *closing*: held by a worker without a token, because tokens became fewer while
// it was in a callback. *target*: the last decision; what is in force may lag behind it.
//
// The race between lowering the tokens and placing an item on a core that is being closed:
//   lowering                                    a thread that chose core c before
//   1. cores_open = fewer                       1. pushes the item to the inbox of c
//   2. claims idle cores, closes them           2. light()
//   3. heavy()                                  3. reads cores_open: c is not below it: moves
//   4. moves what c holds to core 0                what c holds to core 0 itself
// At least one of the two moves the item. What the holder of a closing core pushes there itself is
// its own: it sees the order to stop at its next turn, puts the core down and moves the rest. While
// its callback goes on, the monitor's tick moves it (evacuate_closed). Policies see cores_open and
// never look at a closed core.
//
// Raising adds the cores first, then publishes cores_open with release, then sets them idle. So a
// policy that has seen the new number, and a waker that has claimed a new core, have seen the core.
//
// What the engine keeps, whatever a controller answers:
//   tokens lie between 1 and min(hard maximum, tokens_limit), 0 only at a maximum of 0;
//   soft limits act inside the hard ones: a limit the program moves is in force on return;
//   tokens rise by at most `raise_max` a tick and fall no sooner than `settle_ns` after a rise;
//   at most `make_max` threads are made a tick to reach the soft minimum;
//   a worker that loses its token finishes its callback;
//   each change is in the log, with its reason.
//
// Rejected: more workers for each core (a policy without stealing would run items of one queue at
// the same time, and "holds a core" would no longer mean that nobody else takes from it); cores
// for every thread from the beginning (500 deques of 8 KiB for each pool, and thieves that walk
// over them); a check for a token at each placing (the monitor's tick makes up for it).
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "kernel_iface/linux/topology.hpp"
#include "scheduler/engine.hpp"
#include "scheduler/monitor.hpp"
#include "scheduler/token_state.hpp"

#include <algorithm>
#include <mutex>
#include <new>

namespace rp::sched {

namespace {

constexpr uint32_t raise_max = 16;
constexpr uint32_t make_max = 16;
constexpr int64_t settle_ns = 2'000'000;

} // namespace

uint32_t engine::usable_cpus() noexcept {
    return std::clamp(kernel::machine_topology().usable, 1U, crowd::cores_max);
}

uint32_t engine::most_cores() noexcept {
    return std::min(crowd::cores_max, std::max(64U, 8 * usable_cpus()));
}

// --- cores ---------------------------------------------------------------------------------------

/// Guard: tokens_->lock, so one thread at a time. Idle workers are not woken for the new cores.
void engine::open_cores(uint32_t wanted) noexcept {
    while (cores_.size() < wanted) {
        const auto id = static_cast<core_id>(cores_.size());
        std::unique_ptr<core> made(new (std::nothrow) core(id, blocks_));
        if (made == nullptr) {
            wanted = static_cast<uint32_t>(cores_.size()); // tried again with the next decision
            break;
        }
        made->is_closed = true;
        if (has_blocks_) {
            made->own_blocks.reset(new (std::nothrow) block_queue<>);
            if (made->own_blocks == nullptr) {
                wanted = static_cast<uint32_t>(cores_.size());
                break;
            }
        }
        cores_.add(std::move(made));
    }
    const auto created = static_cast<uint32_t>(cores_.size());
    {
        const std::scoped_lock guard(roster_lock_);
        // mo: release, pairs engine.cores_open (core_count): the cores below it.
        cores_open_.store(wanted, std::memory_order_release);
        for (uint32_t c = 0; c < created; ++c) {
            core& each = *cores_[c];
            if (c >= wanted && !each.is_closed && crowd_.claim(each.id)) {
                each.is_closed = true;
                let_go_of_blocks(each);
            } else if (c < wanted && each.is_closed) {
                each.is_closed = false;
                crowd_.set_idle(each.id, false);
            }
        }
        note_closing();
    }
    fence::heavy();
    for (uint32_t c = wanted; c < created; ++c) {
        evacuate(*cores_[c]);
    }
}

/// Guard: roster_lock_. Is any core without a token still held, or on its way to a worker?
void engine::note_closing() noexcept {
    bool is_closing = false;
    // mo: relaxed, guard: roster_lock_.
    for (size_t c = cores_open_.load(std::memory_order_relaxed); c < cores_.size(); ++c) {
        is_closing = is_closing || !cores_[c]->is_closed;
    }
    set_order(order_closing, is_closing ? order_closing : 0);
}

void engine::evacuate_closed() noexcept {
    for (size_t c = core_count(); c < cores_.size(); ++c) {
        if (cores_[c]->length() != 0) {
            evacuate(*cores_[c]);
        }
    }
}

// --- limits --------------------------------------------------------------------------------------

uint32_t engine::floor_of_threads() const noexcept {
    // mo: relaxed (all below), settings.
    const uint32_t hard = minimum_.load(std::memory_order_relaxed);
    const uint32_t soft = soft_minimum_.load(std::memory_order_relaxed);
    return std::min(std::max(hard, soft), maximum_.load(std::memory_order_relaxed));
}

uint32_t engine::ceiling_of_threads() const noexcept {
    // mo: relaxed (all below), settings.
    const uint32_t hard = maximum_.load(std::memory_order_relaxed);
    const uint32_t soft = soft_maximum_.load(std::memory_order_relaxed);
    return std::min(hard, std::max(soft, floor_of_threads()));
}

pool_sample engine::limits_now() const noexcept {
    pool_sample s;
    // mo: relaxed (all below), figures that may be a few operations apart.
    s.hard_minimum = minimum_.load(std::memory_order_relaxed);
    s.hard_maximum = maximum_.load(std::memory_order_relaxed);
    s.soft_minimum = floor_of_threads();
    s.soft_maximum = ceiling_of_threads();
    s.tokens = cores_open_.load(std::memory_order_relaxed);
    s.threads = threads_.load(std::memory_order_relaxed);
    s.parked = idle_threads_.load(std::memory_order_relaxed);
    s.searching = crowd_.searching();
    s.tokens_limit = most_cores();
    s.cpus = usable_cpus();
    return s;
}

/// A limit has been moved: the answer is in force when this returns.
void engine::reconsider(event_kind what_was_set) noexcept {
    if (events::is_on()) [[unlikely]] {
        // mo: relaxed (both), figures.
        note(what_was_set,
             no_core,
             uint64_t{minimum_.load(std::memory_order_relaxed)},
             maximum_.load(std::memory_order_relaxed));
    }
    const std::scoped_lock guard(tokens_->lock);
    pool_sample s = limits_now();
    decision d = tokens_->chosen->sample(s);
    d.why = reason::user_limits;
    adopt(d, kernel::now_ns(), true);
}

bool engine::set_controller(std::string_view name) noexcept {
    std::unique_ptr<controller> made = make_controller(name);
    if (made == nullptr) {
        return false;
    }
    const controller_traits& wants = made->traits();
    const std::scoped_lock guard(tokens_->lock);
    token_state& t = *tokens_;
    t.chosen = std::move(made);
    t.last_tick_ns = 0; // the first tick begins a sample
    t.is_wanted = false;
    {
        const std::scoped_lock roster(roster_lock_);
        set_order(order_timed, wants.wants_service_time ? order_timed : 0);
    }
    // mo: relaxed, a setting; a block that has begun keeps the rule it began with.
    compensates_.store(wants.compensates, std::memory_order_relaxed);
    // mo: relaxed, a setting for the monitor's next tick.
    is_controlled_.store(wants.wants_samples, std::memory_order_relaxed);
    decision d = t.chosen->sample(limits_now());
    d.why = reason::initial;
    adopt(d, kernel::now_ns(), true);
    return true;
}

// --- decisions -----------------------------------------------------------------------------------

/// Guard of this and all below: tokens_->lock.
void engine::adopt(const decision& d, int64_t now_ns, bool is_at_once) noexcept {
    token_state& t = *tokens_;
    t.target = d;
    const bool is_never = d.next_sample_in_ns == decision::never;
    t.next_sample_ns = is_never ? decision::never : now_ns + d.next_sample_in_ns;
    approach(now_ns, is_at_once);
}

/// Goes from what is in force to the target, as far as the rates allow, and logs the step.
void engine::approach(int64_t now_ns, bool is_at_once) noexcept {
    token_state& t = *tokens_;
    // mo: relaxed (all below), settings; only written under tokens_->lock or by the program.
    const uint32_t hard = maximum_.load(std::memory_order_relaxed);
    const uint32_t most = std::min(hard, most_cores());
    const uint32_t wanted = std::clamp(t.target.tokens, std::min(1U, most), most);
    control_change change;
    change.tokens_before = cores_open_.load(std::memory_order_relaxed);
    uint32_t tokens = wanted;
    if (!is_at_once && wanted > change.tokens_before) {
        tokens = std::min(wanted, change.tokens_before + raise_max);
    } else if (!is_at_once && now_ns - t.last_raise_ns < settle_ns) {
        tokens = change.tokens_before;
    }
    if (tokens > change.tokens_before) {
        t.last_raise_ns = now_ns;
    }
    if (tokens != change.tokens_before || is_at_once) {
        open_cores(tokens);
    }
    const control_change& last = t.log[(t.changes + token_state::log_size - 1) % t.log.size()];
    change.soft_minimum_before = last.soft_minimum;
    change.soft_maximum_before = last.soft_maximum;
    soft_minimum_.store(t.target.soft_minimum, std::memory_order_relaxed);
    soft_maximum_.store(t.target.soft_maximum, std::memory_order_relaxed);
    change.tokens = cores_open_.load(std::memory_order_relaxed);
    change.soft_minimum = floor_of_threads();
    change.soft_maximum = ceiling_of_threads();
    change.threads = threads_.load(std::memory_order_relaxed);
    change.time_ns = now_ns;
    change.why = t.target.why;
    change.controller = t.chosen->traits().name;
    if (change.tokens != change.tokens_before || (is_at_once && t.target.why == reason::initial) ||
        change.soft_minimum != change.soft_minimum_before ||
        change.soft_maximum != change.soft_maximum_before) {
        if (events::is_on()) [[unlikely]] {
            note(event_kind::decision,
                 no_core,
                 uint64_t{change.tokens},
                 static_cast<uint64_t>(change.why));
        }
        change.sequence = t.changes + 1;
        t.log[t.changes++ % t.log.size()] = change;
    }
    const bool is_short = change.threads < change.soft_minimum;
    is_approaching_.store(is_short || change.tokens != wanted, std::memory_order_relaxed);
    if (is_short || change.tokens != wanted) {
        is_controlled_.store(true, std::memory_order_relaxed);
        monitor::watch(*this);
        monitor::rouse();
    }
    if (change.threads > change.soft_maximum) {
        wake_all_idle();
    }
    for (uint32_t c = change.tokens_before; c < change.tokens && has_anything_queued(); ++c) {
        wake_any();
    }
}

/// Makes threads for the soft minimum; the hard one has been seen to by set_minimum.
void engine::provision() noexcept {
    for (uint32_t made = 0; made < make_max; ++made) {
        {
            const std::scoped_lock guard(roster_lock_);
            // mo: relaxed, guard: roster_lock_.
            const uint32_t exist = threads_.load(std::memory_order_relaxed);
            // mo: relaxed, a one-way flag.
            const bool is_over = is_shut_down_.load(std::memory_order_relaxed);
            if (is_over || exist >= floor_of_threads()) {
                break;
            }
            // mo: relaxed, guard: roster_lock_.
            threads_.store(exist + 1, std::memory_order_relaxed);
        }
        if (!start_worker(nullptr, false)) {
            // mo: relaxed, only a tick and a setter write it. Work makes threads on its own.
            is_approaching_.store(false, std::memory_order_relaxed);
            return;
        }
    }
}

control_statistics engine::controlled() const noexcept {
    const std::scoped_lock guard(tokens_->lock);
    control_statistics s;
    s.controller = tokens_->chosen->traits().name;
    // mo: relaxed, a figure.
    s.tokens = cores_open_.load(std::memory_order_relaxed);
    s.tokens_limit = most_cores();
    s.soft_minimum = floor_of_threads();
    s.soft_maximum = ceiling_of_threads();
    s.cpus = usable_cpus();
    s.samples = tokens_->samples;
    s.changes = tokens_->changes;
    return s;
}

uint32_t engine::control_log(control_change* out, uint32_t room) const noexcept {
    const std::scoped_lock guard(tokens_->lock);
    const token_state& t = *tokens_;
    const uint64_t kept = std::min<uint64_t>(t.changes, token_state::log_size);
    const auto count = static_cast<uint32_t>(std::min<uint64_t>(kept, room));
    for (uint32_t i = 0; i < count; ++i) {
        out[i] = t.log[(t.changes - count + i) % token_state::log_size];
    }
    return count;
}

} // namespace rp::sched
