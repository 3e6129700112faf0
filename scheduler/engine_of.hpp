// SPDX-License-Identifier: Apache-2.0
#pragma once
// The engine's hot half: placing items and the loop of a core, compiled once for each policy.
#include "kernel_iface/linux/clock.hpp"
#include "scheduler/engine.hpp"
#include "scheduler/engine_context.hpp"
#include "scheduler/near.hpp"
#include "scheduler/visit.hpp"

#include <algorithm>
#include <utility>

namespace rp::sched {

template <class Policy>
class engine_of final : public engine {
public:
    engine_of(Policy policy, const char* name)
        : engine({.runs_completions_inline = policy.runs_completions_inline(),
                  .reads_everything = Policy::reads_everything,
                  .is_watched = Policy::is_foreign,
                  .uses_classes = Policy::uses_classes,
                  .has_blocks = Policy::has_blocks,
                  .has_class_queues = Policy::has_class_queues,
                  .follows_requests = Policy::follows_requests}),
          name_(name), policy_(std::move(policy)) {}

    [[nodiscard]] const char* policy_name() const noexcept override {
        return policy_.shown_name(name_);
    }

    void place(item& it, origin from) noexcept override {
        worker* w = worker::current();
        if (w != nullptr && &w->owner() == this) {
            place_from_worker(*w, it, from);
        } else {
            place_from_outside(it, from == origin::spawn ? origin::external : from);
        }
    }

    bool may_go_on(worker& w, const item& it) noexcept override {
        core* own = w.seat();
        // mo: relaxed, as in work().
        if (own == nullptr || orders_.load(std::memory_order_relaxed) != 0 ||
            own->turn % orphan_period == 0 || !own->fresh.holds_only(it) || own->line.size() != 0) {
            return false;
        }
        if constexpr (Policy::follows_requests) {
            return false; // the next call is another item of its request
        }
        context c{*this, own->random_state};
        const step s{0, 0, own->turn};
        if (policy_.next(c, own->id, s).what != action::kind::take_newest) {
            return false;
        }
        ++own->turn;
        own->items.add(1);
        return true;
    }

    bool should_yield(worker& w) noexcept override {
        core* own = w.enter();
        bool answer = false;
        if (own != nullptr && policy_.wants_times()) {
            context c{*this, own->random_state};
            answer = policy_.should_yield(c, own->id, kernel::now_ns() - w.item_began_ns_);
        }
        w.leave();
        return answer;
    }

private:
    using context = engine_context<engine_of>;
    friend context;

    static constexpr unsigned arrival_batch = 32;
    static constexpr unsigned steal_batch = 128;
    static constexpr unsigned poll_budget = 32;
    /// Whatever the policy says, a core looks for a core that nobody serves this often (items).
    static constexpr uint64_t orphan_period = 16;

    [[nodiscard]] size_t nearest_core(int32_t index) const noexcept {
        return static_cast<uint32_t>(index) < cores_.size() ? static_cast<size_t>(index) : 0;
    }

    [[nodiscard]] static size_t nearest_priority(int32_t index) noexcept {
        return static_cast<uint32_t>(index) < priority_count ? static_cast<size_t>(index)
                                                             : priority_normal;
    }

    [[nodiscard]] bool has_class_queue(int32_t index) const noexcept {
        return static_cast<uint32_t>(index) < class_queues_.size();
    }

    [[nodiscard]] task_info info_of(const item& it, origin from) const noexcept {
        return {&it, it.priority, from, it.cls, it.request};
    }

    void tick_policy() noexcept override {
        static uint64_t monitor_random = 1; // only the monitor's thread ticks
        context c{*this, monitor_random};
        policy_.tick(c);
    }

    // --- placing -------------------------------------------------------------------------------

    [[gnu::noinline]] void place_from_worker(worker& w, item& it, origin from) noexcept {
        const bool was_in_callback = !w.is_in_engine();
        core* own = w.enter_unless_revoked();
        if (own == nullptr || events::is_on() || Policy::follows_requests) [[unlikely]] {
            place_noted(w, it, from, was_in_callback);
            return;
        }
        context c{*this, own->random_state};
        const placement p = policy_.place(c, info_of(it, from), own->id);
        if (Policy::has_blocks || p.to.of != queue::kind::core || p.to.index != own->id ||
            !(p.at == placement::spot::newest
                  ? own->fresh.push(it)
                  : p.at == placement::spot::line && own->line.push(it))) {
            place_as_decided(w, it, p.to, p.key, {from, p.at, was_in_callback});
            return;
        }
        own->placed.add(1);
        if (is_for_next_turn(*own, from)) {
            w.leave_if(was_in_callback);
            return;
        }
        fence::light();
        if (crowd_.wants_wake()) [[unlikely]] {
            wake_and_leave(w, was_in_callback);
            return;
        }
        w.leave_if(was_in_callback);
    }

    /// place_from_worker(), while events are noted, or when the core is gone or about to go.
    [[gnu::noinline]] void
    place_noted(worker& w, item& it, origin from, bool was_in_callback) noexcept {
        core* own = w.enter();
        if constexpr (Policy::follows_requests) {
            join_request(it, from, w.request_);
        }
        if (own == nullptr) {
            place_without_core(it, from);
            w.leave_if(was_in_callback);
            return;
        }
        context c{*this, own->random_state};
        const placement p = policy_.place(c, info_of(it, from), own->id);
        if (events::is_on()) [[unlikely]] {
            note_placed(it, from, p.to, own->id);
        }
        place_as_decided(w, it, p.to, p.key, {from, p.at, was_in_callback});
    }

    struct circumstances {
        origin from;
        placement::spot at;
        bool was_in_callback;
    };

    /// A placement in parts, all of which fit into registers: place() then needs no stack.
    [[gnu::noinline]] void place_as_decided(
        worker& w, item& it, queue to, decltype(placement::key) key, circumstances how) noexcept {
        core& own = *w.seat();
        if (to.of == queue::kind::core && to.index == own.id) {
            place_on_own_core(own, it, how.at, how.from);
        } else {
            place_elsewhere(it, to, key);
        }
        w.leave_if(how.was_in_callback);
    }

    [[gnu::noinline]] void wake_and_leave(worker& w, bool was_in_callback) noexcept {
        wake_any();
        w.leave_if(was_in_callback);
    }

    /// Right after the push: is the item the only one, and left to the caller?
    bool is_for_next_turn(core& own, origin from) noexcept {
        return Policy::stolen_parts == 0 ||
               (own.fresh.size() + own.line.size() <= 1 && is_left_to_holder(own, from));
    }

    /// What a callback spawns or queues again belongs to the callback's request.
    void join_request(item& it, origin from, uint16_t running) noexcept {
        if (from == origin::spawn || from == origin::requeue) {
            it.request = running;
            requests_->join(running);
        } else { // a completion or a deadline
            it.request = requests_->open();
        }
    }

    void place_on_own_core(core& own, item& it, placement::spot at, origin from) noexcept {
        own.placed.add(1);
        if constexpr (Policy::has_blocks) {
            if (at == placement::spot::blocks) {
                push_to_blocks(own, it);
                share_if_wanted(own);
                return;
            }
        }
        if (at == placement::spot::slot) {
            empty_slot(own);
        }
        if (at == placement::spot::newest || at == placement::spot::slot) {
            if (!own.fresh.push(it)) {
                spill(own);
                (void)own.fresh.push(it);
            }
        } else if (!own.line.push(it)) {
            own.inbox.push(it);
        }
        if (is_for_next_turn(own, from)) {
            return;
        }
        fence::light();
        wake_if_wanted();
    }

    /// A lone fresh item wakes nobody: the caller takes it at its next turn, and if its callback
    /// goes on, the next submit or the monitor's tick wakes a sibling. A lone requeued object is
    /// another matter, because its caller is about to run the call it has just claimed; but when
    /// the workers woken for such objects found them gone already, most of these wakes are left
    /// out.
    bool is_left_to_holder(core& own, origin from) noexcept {
        if (from != origin::requeue) {
            return from == origin::spawn;
        }
        if (own.wakes_left_out < crowd_.wakes_to_leave_out()) {
            ++own.wakes_left_out;
            return true;
        }
        own.wakes_left_out = 0;
        return false;
    }

    static void push_to_blocks(core& own, item& it) noexcept {
        if (!own.own_blocks->push(it)) {
            item* oldest[block_queue<>::block_size];
            const unsigned count = own.own_blocks->take_oldest(oldest, block_queue<>::block_size);
            own.inbox.push(oldest, count);
            (void)own.own_blocks->push(it);
        }
    }

    /// What the holder has in its current block nobody else can take, so it lets go of it while
    /// there is a core that would.
    void share_if_wanted(core& own) noexcept {
        fence::light();
        if (crowd_.idle() != 0 && own.own_blocks->share()) {
            fence::light();
            wake_if_wanted();
        }
    }

    /// What was next to run goes to the end of the line.
    static void empty_slot(core& own) noexcept {
        while (item* displaced = own.fresh.size() != 0 ? own.fresh.pop_oldest() : nullptr) {
            if (!own.line.push(*displaced)) {
                own.inbox.push(*displaced);
            }
        }
    }

    void spill(core& own) noexcept {
        item* oldest[core::deque_capacity / 2];
        const unsigned count = own.fresh.take_oldest(oldest, core::deque_capacity / 2);
        own.inbox.push(oldest, count);
    }

    [[gnu::noinline]] void place_from_outside(item& it, origin from) noexcept {
        const visit inside(*this);
        if constexpr (Policy::follows_requests) {
            it.request = requests_->open();
        }
        place_without_core(it, from);
    }

    void place_without_core(item& it, origin from) noexcept {
        [[gnu::tls_model("initial-exec")]] static thread_local uint64_t random_state = 0;
        if (random_state == 0) [[unlikely]] {
            random_state = 0x2545F4914F6CDD1DULL ^ reinterpret_cast<uintptr_t>(&random_state);
        }
        context c{*this, random_state};
        const placement p = policy_.place(c, info_of(it, from), no_core);
        if (events::is_on()) [[unlikely]] {
            note_placed(it, from, p.to, no_core);
        }
        place_elsewhere(it, p.to, p.key);
    }

    void place_elsewhere(item& it, queue to, decltype(placement::key) key) noexcept {
        if (to.of == queue::kind::core) {
            const size_t index = nearest_core(to.index);
            cores_[index]->inbox.push(it);
            fence::light();
            if (crowd_.is_idle(static_cast<core_id>(index))) {
                wake_core(static_cast<core_id>(index));
            } else if (index >= core_count()) [[unlikely]] {
                evacuate(*cores_[index]); // closed meanwhile: see engine_tokens.cpp
            }
            return;
        }
        switch (to.of) {
        case queue::kind::sorted:
            sorted_.push(it, key);
            break;
        case queue::kind::of_class:
            (has_class_queue(to.index) ? *class_queues_[static_cast<size_t>(to.index)]
                                       : shared_[it.priority])
                .push(it);
            break;
        case queue::kind::arrivals: {
            lane* own_lane = arrival_lane();
            if (own_lane == nullptr || !own_lane->push(it)) {
                shared_[it.priority].push(it);
            }
            break;
        }
        default:
            shared_[nearest_priority(to.index)].push(it);
            break;
        }
        fence::light();
        if constexpr (Policy::reads_alike) {
            wake_if_wanted();
        } else {
            wake_reader(to);
        }
    }

    /// Wakes an idle core that takes from this queue.
    void wake_reader(queue q) noexcept {
        if (crowd_.idle() == 0) {
            return;
        }
        uint64_t unused_random = 1;
        context c{*this, unused_random};
        for (core_id id = 0; id < c.cores(); ++id) {
            if (crowd_.is_idle(id) && policy_.reads(c, id, q)) {
                wake_core(id);
                return;
            }
        }
    }

    // --- the loop ------------------------------------------------------------------------------

    void work(worker& w) noexcept override {
        step s;
        core* own = w.seat();
        if constexpr (Policy::keeps_near) {
            keep_near(w, own);
        }
        while (own != nullptr) {
            // mo: relaxed, a request; seen one turn later at worst.
            if (orders_.load(std::memory_order_relaxed) != 0 && must_stop(*own)) [[unlikely]] {
                return;
            }
            if (own->turn % orphan_period == 0 && s.tries == 0 && s.spins == 0 &&
                crowd_.idle() != 0) {
                adopt_orphan(w, own);
            }
            context c{*this, own->random_state};
            s.turn = own->turn;
            const action a = policy_.next(c, own->id, s);
            if (a.what == action::kind::park) {
                return;
            }
            if (a.what == action::kind::spin) {
                spin(a.argument);
                s.tries = 0;
                ++s.spins;
                continue;
            }
            if (a.what == action::kind::poll) {
                const unsigned reaped = poll(w, poll_budget, s.tries != 0);
                s.tries = reaped != 0 ? 0 : s.tries + 1;
                s.spins = reaped != 0 ? 0 : s.spins;
                own = w.seat();
                if (own != nullptr) {
                    own->turn += reaped;
                }
                continue;
            }
            item* it = a.what == action::kind::take_newest ? own->fresh.pop() : take(*own, w, a);
            if (it == nullptr) {
                ++s.tries;
                continue;
            }
            if (events::is_on()) [[unlikely]] {
                note_taken(*it, own->id, a);
            }
            // A maximum that was lowered before the item was submitted holds for it (R-POOL-8).
            // mo: relaxed, the queue that the item came from has ordered it.
            const uint32_t orders = orders_.load(std::memory_order_relaxed);
            if (orders != 0 && must_stop(*own)) [[unlikely]] {
                put_back(*it, w);
                return;
            }
            ++own->turn;
            own->items.add(1);
            s.tries = 0;
            s.spins = 0;
            if (w.is_searching_) [[unlikely]] {
                stop_searching(w, own->length() != 0 || has_arrivals());
            }
            if constexpr (Policy::has_blocks) {
                share_if_wanted(*own);
            }
            run(*it, w, orders);
            own = w.seat();
        }
    }

    void put_back(item& it, worker& w) noexcept {
        const uint16_t request = it.request;
        if constexpr (Policy::follows_requests) {
            w.request_ = request;
        }
        place(it, origin::requeue);
        if constexpr (Policy::follows_requests) {
            requests_->leave(request, 0); // placing it has counted it once more
            w.request_ = 0;
        }
    }

    /// Stamps and accounts are for policies that want them. The item may be gone, or queued again,
    /// when it returns.
    void run(item& it, worker& w, uint32_t orders) noexcept {
        if (!policy_.wants_times()) {
            if ((orders & order_timed) != 0) [[unlikely]] {
                (void)run_timed(it, w);
            } else {
                it.run(it, w);
            }
            return;
        }
        const uint8_t cls = it.cls;
        const uint16_t request = it.request;
        w.request_ = request;
        const int64_t ran_ns = run_timed(it, w);
        classes_.ran(cls, ran_ns);
        if constexpr (Policy::follows_requests) {
            requests_->leave(request, ran_ns);
            w.request_ = 0;
        }
    }

    static void keep_near(worker& w, const core* own) noexcept {
        if (own == nullptr || cache_domains() < 2 || w.near_llc_ == cache_domain(own->id)) {
            return;
        }
        w.near_llc_ = cache_domain(own->id);
        stay_in_cache_domain(w.near_llc_);
    }

    /// A core that has work but no worker (its worker was lost in a callback and the pool has no
    /// thread to spare) is served by whoever gets to it, so no queue is stranded.
    [[gnu::noinline]] void adopt_orphan(worker& w, core*& own) noexcept {
        const auto cores = static_cast<core_id>(cores_.size());
        for (core_id k = 1; k < cores; ++k) {
            const core_id other = (own->id + k) % cores;
            if (!crowd_.is_idle(other) || cores_[static_cast<size_t>(other)]->length() == 0) {
                continue;
            }
            if (!crowd_.claim(other)) {
                continue;
            }
            core* left = w.give_up_seat();
            w.take_seat(*cores_[static_cast<size_t>(other)]);
            own = w.seat();
            if (left != nullptr) {
                left->turn += 1; // its own fairness clock must not stand still
                const bool is_closed = put_down(*left, false);
                fence::heavy();
                if (is_closed) {
                    evacuate(*left);
                } else if (left->length() != 0) {
                    wake_core(left->id);
                }
            }
            return;
        }
    }

    // --- taking; engine_take.hpp ---------------------------------------------------------------

    item* take(core& own, worker& w, const action& a) noexcept;
    item* keep_batch(core& own, item** batch, unsigned count) noexcept;
    item* steal(core& own, worker& w, core& victim, const action& a) noexcept;

    static unsigned room(const core& own, unsigned wanted) noexcept {
        const unsigned free = core::deque_capacity - own.fresh.size();
        return free / 2 < wanted ? (free / 2 > 0 ? free / 2 : 1) : wanted;
    }

    [[nodiscard]] bool has_work_for(core_id self) const noexcept override {
        uint64_t unused_random = 1;
        context c{*this, unused_random};
        for (unsigned p = 0; p < priority_count; ++p) {
            if (shared_[p].size() != 0 && policy_.reads(c, self, queue::shared(p))) {
                return true;
            }
        }
        if (policy_.reads(c, self, queue::arrivals()) && has_arrivals()) {
            return true;
        }
        if (sorted_.size() != 0 && policy_.reads(c, self, queue::sorted())) {
            return true;
        }
        for (unsigned i = 0; i < class_queues_.size(); ++i) {
            if (class_queues_[i]->size() != 0 && policy_.reads(c, self, queue::of_class(i))) {
                return true;
            }
        }
        const uint32_t open = core_count(); // what others still have is evacuated, not looked for
        for (uint32_t i = 0; i < open; ++i) {
            const auto& other = cores_[i];
            if (other->length() != 0 && policy_.reads(c, self, queue::core(other->id)) &&
                (other->id == self || has_work_to_share(*other, Policy::stolen_parts))) {
                return true;
            }
        }
        return false;
    }

    const char* const name_;
    Policy policy_;
};

} // namespace rp::sched

#include "scheduler/engine_take.hpp" // IWYU pragma: keep
