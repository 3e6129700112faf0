// SPDX-License-Identifier: Apache-2.0
// Life, limits and statistics of an engine, and the arrival lanes of foreign threads.
#include "scheduler/engine.hpp"

#include "kernel_iface/linux/thread.hpp"
#include "kernel_iface/linux/topology.hpp"
#include "scheduler/monitor.hpp"
#include "scheduler/token_state.hpp"
#include "scheduler/visit.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <new>

namespace rp::sched {

namespace {

uint64_t next_serial() noexcept {
    static std::atomic<uint64_t> serial{1};
    // mo: relaxed, only uniqueness matters.
    return serial.fetch_add(1, std::memory_order_relaxed);
}

/// Engines that are alive, so that an exiting thread gives its lanes back to those only.
struct live_engines {
    std::mutex lock;
    std::vector<std::pair<uint64_t, engine*>> engines; // guard: lock
};

live_engines& alive() {
    static auto* const all =
        new live_engines; // never destroyed: threads may outlive static objects
    return *all;
}

} // namespace

/// The lanes of one thread. At thread exit they are left, with whatever is still in them, for the
/// next foreign thread that comes along. An exit hook does it and not the destructor of a
/// thread_local: other exit hooks submit too (the end of a thread signals its handle), and a
/// thread_local first used then would never be destroyed. Those make new lanes and a new hook, for
/// which the thread's end comes back. The main thread keeps its lanes to the end of the process.
struct lane_owner {
    struct owned {
        uint64_t serial;
        engine::lane_entry* entry;
    };

    std::vector<owned> lanes;

    lane_owner() = default;
    lane_owner(const lane_owner&) = delete;
    lane_owner& operator=(const lane_owner&) = delete;

    ~lane_owner() {
        engine::cached_lane_ = {};
        const std::scoped_lock guard(alive().lock);
        for (const owned& o : lanes) {
            for (const auto& [serial, e] : alive().engines) {
                if (serial == o.serial) {
                    const std::scoped_lock lanes_guard(e->lanes_lock_);
                    o.entry->is_owned = false;
                }
            }
        }
    }

    /// Null when there is no memory: the shared queue serves what this thread submits.
    static lane_owner* mine() noexcept {
        [[gnu::tls_model("initial-exec")]] static thread_local lane_owner* owner = nullptr;
        if (owner == nullptr) {
            std::unique_ptr<lane_owner> made(new (std::nothrow) lane_owner);
            const auto give_back = [](void* ending) {
                owner = nullptr;
                delete static_cast<lane_owner*>(ending);
            };
            if (made != nullptr && kernel::at_thread_exit(give_back, made.get()) == 0) {
                owner = made.release();
            }
        }
        return owner;
    }
};

engine::engine(const traits& of_policy)
    : runs_completions_inline_(of_policy.runs_completions_inline),
      reads_everything_(of_policy.reads_everything), is_watched_(of_policy.is_watched),
      uses_classes_(of_policy.uses_classes), has_blocks_(of_policy.has_blocks),
      cores_(most_cores()), serial_(next_serial()), tokens_(std::make_unique<token_state>()) {
    for (unsigned i = 0; of_policy.has_class_queues && i < class_count; ++i) {
        class_queues_.push_back(std::make_unique<fifo>(blocks_));
    }
    if (of_policy.follows_requests) {
        requests_ = std::make_unique<request_table>();
    }
    if (!set_controller(controller_names()[0]) || core_count() != usable_cpus()) {
        throw std::bad_alloc(); // engine::create catches it
    }
}

engine::~engine() {
    for (auto& entry : lanes_) {
        // mo: relaxed, nobody else is left.
        delete entry.load(std::memory_order_relaxed);
    }
    for_each_worker([](worker& w) { delete &w; });
    for (auto& chunk : crew_) {
        // mo: relaxed, nobody else is left.
        delete chunk.load(std::memory_order_relaxed);
    }
}

// Whoever comes by the list calls what the template's half overrides (dumps ask for the policy's
// name, which changes when it is evicted). So an engine is in it from after its whole constructor
// to before its destructor.

void engine::enrol() {
    const std::scoped_lock guard(alive().lock);
    alive().engines.emplace_back(serial_, this);
    if (events::is_on()) [[unlikely]] {
        note(event_kind::pool_made, no_core, uint64_t{0}, 0);
    }
}

void engine::destroy(engine& e) noexcept {
    {
        const std::scoped_lock guard(alive().lock);
        std::erase_if(alive().engines, [&e](const auto& each) { return each.second == &e; });
    }
    delete &e;
}

bool engine::for_each_alive(void (*f)(engine&, void*), void* argument) noexcept {
    constexpr int64_t patience_ns = 100'000'000;
    const int64_t until = kernel::now_ns() + patience_ns;
    while (!alive().lock.try_lock()) {
        if (kernel::now_ns() > until) {
            return false;
        }
        kernel::cpu_relax();
    }
    const std::scoped_lock guard(std::adopt_lock, alive().lock);
    for (const auto& [serial, e] : alive().engines) {
        f(*e, argument);
    }
    return true;
}

void engine::retain() noexcept {
    // mo: relaxed, the caller has a reference already.
    references_.fetch_add(1, std::memory_order_relaxed);
}

bool engine::try_retain() noexcept {
    // mo: relaxed, the CAS below orders it.
    uint32_t count = references_.load(std::memory_order_relaxed);
    while (count != 0) {
        // mo: acquire, pairs engine.references (release).
        if (references_.compare_exchange_weak(
                count, count + 1, std::memory_order_acquire, std::memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

void engine::release() noexcept {
    // mo: acq_rel, pairs engine.references (every other release).
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        monitor::forget(*this);
        if (visit::is_visited(*this)) {
            monitor::bury(*this);
        } else {
            destroy(*this);
        }
    }
}

bool engine::bury_if_unvisited(engine& e) noexcept {
    if (visit::is_visited(e)) {
        return false;
    }
    destroy(e);
    return true;
}

void engine::shut_down() noexcept {
    // mo: seq_cst, pairs engine.shut_down (park): a worker that misses it is woken below.
    is_shut_down_.store(true, std::memory_order_seq_cst);
    if (events::is_on()) [[unlikely]] {
        note(event_kind::pool_closed, no_core, uint64_t{0}, 0);
    }
    wake_all_idle();
}

bool engine::may_run_inline() const noexcept {
    worker* w = worker::current();
    return runs_completions_inline_ && w != nullptr && &w->owner_ == this && w->is_reaping_ &&
           w->seat() != nullptr &&
           // mo: relaxed, a request, as in work().
           (orders_.load(std::memory_order_relaxed) & ~order_timed) == 0;
}

void engine::set_maximum(uint32_t threads) noexcept {
    threads = std::min(threads, threads_max);
    uint32_t owed = 0;
    {
        const std::scoped_lock guard(roster_lock_);
        // mo: relaxed, written under the roster lock, read as a hint elsewhere.
        maximum_.store(threads, std::memory_order_relaxed);
        // mo: relaxed, as above. R-POOL-10: the last of minimum and maximum wins.
        minimum_.store(std::min(minimum_.load(std::memory_order_relaxed), threads),
                       std::memory_order_relaxed);
        // mo: relaxed, as above.
        const uint32_t exist = threads_.load(std::memory_order_relaxed);
        owed = exist > threads ? exist - threads : 0;
        set_order(order_surplus, owed);
    }
    reconsider(event_kind::maximum_set);
    if (owed != 0) {
        wake_all_idle();
    }
    fence::heavy();
    // mo: relaxed, a setting.
    const uint32_t open = cores_open_.load(std::memory_order_relaxed);
    for (uint32_t c = 0; c < open && has_anything_queued(); ++c) {
        wake_any();
    }
}

void engine::raise_maximum(uint32_t threads) noexcept {
    // mo: relaxed, a setting; concurrent setters race by contract (R-POOL-18).
    if (threads > maximum_.load(std::memory_order_relaxed)) {
        set_maximum(threads);
    }
}

bool engine::set_minimum(uint32_t threads) noexcept {
    threads = std::min(threads, threads_max);
    // mo: relaxed, a setting; concurrent setters race by contract (R-POOL-18).
    if (threads > maximum_.load(std::memory_order_relaxed)) {
        set_maximum(threads); // R-POOL-10: the last of minimum and maximum wins
    }
    uint32_t before = 0;
    {
        const std::scoped_lock guard(roster_lock_);
        // mo: relaxed, guard: roster_lock_.
        before = minimum_.load(std::memory_order_relaxed);
        // mo: relaxed (both), guard: roster_lock_. Before the threads are made: above a
        // controller's soft maximum they would leave again.
        minimum_.store(std::min(threads, maximum_.load(std::memory_order_relaxed)),
                       std::memory_order_relaxed);
    }
    bool is_made = true;
    while (is_made && count_thread_below_minimum()) {
        is_made = start_worker(nullptr, false);
    }
    if (!is_made) {
        const std::scoped_lock guard(roster_lock_);
        // mo: relaxed (both), guard: roster_lock_.
        minimum_.store(std::min(before, maximum_.load(std::memory_order_relaxed)),
                       std::memory_order_relaxed);
    }
    reconsider(event_kind::minimum_set);
    return is_made;
}

/// Counts one more thread, which the caller makes, unless there are as many as the minimum.
bool engine::count_thread_below_minimum() noexcept {
    const std::scoped_lock guard(roster_lock_);
    // mo: relaxed, guard: roster_lock_.
    const uint32_t exist = threads_.load(std::memory_order_relaxed);
    // mo: relaxed, guard: roster_lock_.
    if (exist >= minimum_.load(std::memory_order_relaxed)) {
        return false;
    }
    // mo: relaxed, guard: roster_lock_.
    threads_.store(exist + 1, std::memory_order_relaxed);
    return true;
}

void engine::set_stack_bytes(size_t bytes) noexcept {
    // mo: relaxed, a setting for threads made later (R-POOL-13).
    stack_bytes_.store(bytes, std::memory_order_relaxed);
}

void engine::set_idle_timeout_ms(uint32_t milliseconds) noexcept {
    // mo: relaxed, a setting; sleeping workers are woken to notice it.
    idle_timeout_ns_.store(int64_t{milliseconds} * 1'000'000, std::memory_order_relaxed);
    wake_all_idle();
}

bool engine::has_started() const noexcept {
    bool has_run = false;
    for_each_worker([&has_run](const worker& w) {
        // mo: relaxed, asked by a program that orders its own calls.
        has_run = has_run || w.started_.load(std::memory_order_relaxed) != 0;
    });
    return has_run || has_anything_queued() || has_waiting_arms();
}

bool engine::take_settings(const engine& from) noexcept {
    classes_.copy(from.classes_);
    // mo: relaxed (all below), settings.
    set_maximum(from.maximum_.load(std::memory_order_relaxed));
    set_stack_bytes(from.stack_bytes_.load(std::memory_order_relaxed));
    idle_timeout_ns_.store(from.idle_timeout_ns_.load(std::memory_order_relaxed),
                           std::memory_order_relaxed);
    return set_controller(from.controlled().controller) &&
           set_minimum(from.minimum_.load(std::memory_order_relaxed));
}

engine_statistics engine::statistics() const noexcept {
    engine_statistics s;
    // mo: relaxed (all below), figures that may be a few operations apart.
    s.threads = threads_.load(std::memory_order_relaxed);
    s.threads_peak = threads_peak_.load(std::memory_order_relaxed);
    s.threads_minimum = minimum_.load(std::memory_order_relaxed);
    s.threads_maximum = maximum_.load(std::memory_order_relaxed);
    s.cores = core_count();
    s.idle = idle_threads_.load(std::memory_order_relaxed);
    s.wakes = wakes_.load(std::memory_order_relaxed);
    s.rescues = rescues_.load(std::memory_order_relaxed);
    s.completions = foreign_completions_.load(std::memory_order_relaxed);
    for_each_worker([&s](const worker& w) {
        s.callbacks += w.callbacks_.load(std::memory_order_relaxed);
        s.steals += w.steals_.load(std::memory_order_relaxed);
        s.parks += w.parks_.load(std::memory_order_relaxed);
        s.completions += w.completions_.load(std::memory_order_relaxed);
        if (w.busy_.load(std::memory_order_relaxed) == 0 &&
            w.seat_.load(std::memory_order_relaxed) == 0) {
            ++s.blocked;
        }
    });
    return s;
}

// --- arrival lanes -------------------------------------------------------------------------------

constinit thread_local engine::lane_cache engine::cached_lane_;

lane* engine::find_arrival_lane() noexcept {
    lane_owner* mine = lane_owner::mine();
    if (mine == nullptr) {
        return nullptr;
    }
    for (const auto& o : mine->lanes) {
        if (o.serial == serial_) {
            cached_lane_ = {serial_, &o.entry->items};
            return cached_lane_.items;
        }
    }
    lane_entry* entry = nullptr;
    {
        const std::scoped_lock guard(lanes_lock_);
        // mo: relaxed, guard: lanes_lock_.
        const uint32_t count = lane_count_.load(std::memory_order_relaxed);
        for (uint32_t i = 0; i < count && entry == nullptr; ++i) {
            // mo: relaxed, guard: lanes_lock_.
            lane_entry* each = lanes_[i].load(std::memory_order_relaxed);
            entry = each->is_owned ? nullptr : each;
        }
        if (entry == nullptr && count < lanes_max) {
            entry = new (std::nothrow) lane_entry(blocks_);
            if (entry != nullptr) {
                // mo: relaxed, published by the count.
                lanes_[count].store(entry, std::memory_order_relaxed);
                // mo: release, pairs engine.lanes (take_arrivals).
                lane_count_.store(count + 1, std::memory_order_release);
            }
        }
        if (entry == nullptr) {
            return nullptr; // more than lanes_max threads at once: the shared queue serves them
        }
        entry->is_owned = true;
    }
    mine->lanes.push_back({serial_, entry});
    cached_lane_ = {serial_, &entry->items};
    return cached_lane_.items;
}

size_t engine::arrivals_length() const noexcept {
    // mo: acquire, pairs engine.lanes (arrival_lane).
    const uint32_t count = lane_count_.load(std::memory_order_acquire);
    size_t length = 0;
    for (uint32_t i = 0; i < count; ++i) {
        // mo: relaxed, published by the count.
        length += lanes_[i].load(std::memory_order_relaxed)->items.size();
    }
    return length;
}

uint64_t engine::arrivals_taken() const noexcept {
    // mo: acquire, pairs engine.lanes (arrival_lane).
    const uint32_t count = lane_count_.load(std::memory_order_acquire);
    uint64_t taken = 0;
    for (uint32_t i = 0; i < count; ++i) {
        // mo: relaxed, published by the count.
        taken += lanes_[i].load(std::memory_order_relaxed)->items.taken();
    }
    return taken;
}

uint64_t engine::callbacks_begun() const noexcept {
    uint64_t begun = 0;
    for_each_worker([&begun](const worker& w) {
        // mo: relaxed, compared with itself later.
        begun += w.started_.load(std::memory_order_relaxed);
    });
    return begun;
}

bool engine::has_arrivals() const noexcept {
    return arrivals_length() != 0;
}

unsigned engine::take_arrivals(item** out, unsigned limit, uint32_t start) noexcept {
    // mo: acquire, pairs engine.lanes (arrival_lane).
    const uint32_t count = lane_count_.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < count; ++i) {
        // mo: relaxed, published by the count.
        lane_entry* entry = lanes_[(start + i) % count].load(std::memory_order_relaxed);
        unsigned taken = 0;
        if (entry->items.take(out, limit, taken) == lane::take_result::taken) {
            return taken;
        }
    }
    return 0;
}

bool engine::has_work_to_share(const core& c, uint8_t parts) noexcept {
    // mo: relaxed, a hint: the monitor looks after a lone item whose holder turns out to be stuck.
    return c.length_of(parts) > (c.holder.load(std::memory_order_relaxed) != nullptr ? 1U : 0U);
}

} // namespace rp::sched
