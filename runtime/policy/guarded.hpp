// SPDX-License-Identifier: Apache-2.0
#pragma once
// A policy from outside, and what keeps a pool going when it breaks the contract of
// <ringpool/policy.h>.
//
// Every answer is checked before the engine sees it. The first that breaks the contract evicts the
// policy: from then on each question is answered by `rescue`, which looks into every queue there
// is, so whatever the policy has put somewhere is found. The monitor's tick adds what no single
// answer shows: work that waits while nobody takes any.
//
// What cannot be helped is a hook that does not return, or that writes where it should not.
//
// Eviction is one word that goes from no reason to a reason once. Workers that have not seen it yet
// ask the policy once more, which does no harm: its answers are checked as before.
#include "scheduler/policies/parts/fair.hpp"
#include "scheduler/policies/parts/rest.hpp"
#include "scheduler/policy.hpp"

#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "ringpool/policy.h"

namespace rp::policy {

using sched::action;
using sched::core_id;
using sched::placement;
using sched::queue;
using sched::step;
using sched::task_info;

/// Serves every queue of every core, oldest first where that can be chosen.
struct rescue {
    sched::parts::rest at_rest;

    template <class Context>
    action next(Context& c, core_id self, const step& s) const {
        constexpr action first[] = {
            {action::kind::take_shared, sched::priority_high},
            {action::kind::take_oldest},
            {action::kind::take_line},
            {action::kind::take_inbox, 1},
            {action::kind::take_arrivals},
            {action::kind::take_shared, sched::priority_normal},
            {action::kind::take_sorted},
            {action::kind::poll},
        };
        constexpr auto firsts = static_cast<uint32_t>(std::size(first));
        // A busy source must not keep the others waiting: another is first at each turn.
        if (s.tries < firsts) {
            return first[(s.turn + s.tries) % firsts];
        }
        const uint32_t cls = s.tries - firsts;
        if (cls < RP_CLASSES) {
            return {action::kind::take_class, static_cast<int32_t>(cls)};
        }
        const auto cores = static_cast<uint32_t>(c.cores());
        const uint32_t attempt = cls - RP_CLASSES;
        if (attempt < cores) {
            return {action::kind::steal,
                    static_cast<int32_t>((static_cast<uint32_t>(self) + attempt) % cores)};
        }
        return attempt == cores ? action{action::kind::take_shared, sched::priority_low}
                                : at_rest.after(s);
    }
};

/// The table of a loaded policy with an object of its own for one pool.
class foreign {
public:
    /// `table` is complete: missing hooks of older objects are NULL in it.
    static std::unique_ptr<foreign> create(const rp_policy& table) noexcept;
    ~foreign();
    foreign(const foreign&) = delete;
    foreign& operator=(const foreign&) = delete;

    template <class Context>
    rp_placement place(Context& c, const task_info& task, core_id from) const {
        const rp_task view{reinterpret_cast<uintptr_t>(task.id),
                           task.priority,
                           static_cast<int32_t>(task.from),
                           task.cls,
                           0};
        const bridge<Context> b(c);
        return table_.place(self_, &b.context, &view, from);
    }

    template <class Context>
    rp_action next(Context& c, core_id self, const step& s) const {
        const rp_step view{s.tries, s.spins, s.turn};
        const bridge<Context> b(c);
        return table_.next(self_, &b.context, self, &view);
    }

    template <class Context>
    bool reads(Context& c, core_id self, queue q) const {
        if (table_.reads == nullptr) {
            return q.of != queue::kind::core || q.index == self || steals();
        }
        const bridge<Context> b(c);
        return table_.reads(
                   self_, &b.context, self, rp_queue{static_cast<int32_t>(q.of), q.index}) != 0;
    }

    template <class Context>
    void tick(Context& c) const {
        if (table_.tick != nullptr) {
            const bridge<Context> b(c);
            table_.tick(self_, &b.context);
        }
    }

    template <class Context>
    bool should_yield(Context& c, core_id self, int64_t ran_ns) const {
        if (table_.should_yield == nullptr) {
            return false;
        }
        const bridge<Context> b(c);
        return table_.should_yield(self_, &b.context, self, ran_ns) != 0;
    }

    [[nodiscard]] bool wants_times() const { return (table_.flags & RP_POLICY_TIMES) != 0; }

    [[nodiscard]] bool steals() const { return (table_.flags & RP_POLICY_STEALS) != 0; }

    [[nodiscard]] const char* name() const { return table_.name; }

private:
    /// The C view of a context, for the length of one call.
    template <class Context>
    struct bridge {
        rp_policy_context context{&host};
        Context& c;

        explicit bridge(Context& of) noexcept : c(of) {}

        static Context& of(const rp_policy_context* view) {
            return reinterpret_cast<const bridge*>(view)->c;
        }

        static queue queue_of(rp_queue q) { return {static_cast<queue::kind>(q.kind), q.index}; }

        static constexpr rp_policy_host host = {
            sizeof(rp_policy_host),
            [](const rp_policy_context* v) { return of(v).cores(); },
            [](const rp_policy_context* v) { return of(v).random(); },
            [](const rp_policy_context* v) { return of(v).now(); },
            [](const rp_policy_context* v, rp_queue q) { return of(v).length(queue_of(q)); },
            [](const rp_policy_context* v, int32_t core) -> int32_t {
                return of(v).has_holder(core) ? 1 : 0;
            },
            [](const rp_policy_context* v, int32_t core, uint32_t k) {
                return of(v).near(core, k);
            },
            [](const rp_policy_context* v, int32_t core) { return &of(v).scratch(core, 0); },
            [](const rp_policy_context* v, int32_t cls) {
                return of(v).mean_ns(static_cast<unsigned>(cls));
            },
            [](const rp_policy_context* v, int32_t cls) {
                return of(v).seen(static_cast<unsigned>(cls));
            },
            [](const rp_policy_context* v, int32_t cls) {
                return of(v).deadline_ns(static_cast<unsigned>(cls));
            },
        };
    };

    foreign(const rp_policy& table, void* self) noexcept : table_(table), self_(self) {}

    const rp_policy table_;
    void* const self_;
};

/// Why a placement breaks the contract; nullptr when it does not.
[[nodiscard]] const char* problem_of(const rp_placement& p, core_id from, int32_t cores) noexcept;
/// Likewise for an action.
[[nodiscard]] const char* problem_of(const rp_action& a, const step& s, int32_t cores) noexcept;

class guarded : public sched::policy_defaults {
public:
    static constexpr const char* name = "guarded";
    static constexpr bool is_foreign = true;
    static constexpr bool uses_classes = true;
    static constexpr bool has_class_queues = true;
    static constexpr bool reads_alike = false;

    explicit guarded(std::unique_ptr<foreign> inner) : state_(new state{std::move(inner)}) {}

    [[nodiscard]] bool wants_times() const { return state_->inner->wants_times(); }

    [[nodiscard]] static constexpr bool runs_completions_inline() { return false; }

    template <class Context>
    placement place(Context& c, const task_info& task, core_id from) const {
        if (is_evicted()) [[unlikely]] {
            return {queue::shared(task.priority)};
        }
        const rp_placement p = state_->inner->place(c, task, from);
        if (const char* problem = problem_of(p, from, c.cores()); problem != nullptr) [[unlikely]] {
            evict(problem);
            return {queue::shared(task.priority)};
        }
        return {{static_cast<queue::kind>(p.to.kind), p.to.index},
                static_cast<placement::spot>(p.spot),
                p.key};
    }

    template <class Context>
    action next(Context& c, core_id self, const step& s) const {
        if (is_evicted()) [[unlikely]] {
            return state_->way_out.next(c, self, s);
        }
        const rp_action a = state_->inner->next(c, self, s);
        if (const char* problem = problem_of(a, s, c.cores()); problem != nullptr) [[unlikely]] {
            evict(problem);
            return state_->way_out.next(c, self, s);
        }
        if (a.kind == RP_PARK) {
            // mo: relaxed, the watch compares it between ticks.
            state_->parks.fetch_add(1, std::memory_order_relaxed);
        }
        return from_foreign(a);
    }

    template <class Context>
    [[nodiscard]] bool reads(Context& c, core_id self, queue q) const {
        return is_evicted() || state_->inner->reads(c, self, q);
    }

    template <class Context>
    void tick(Context& c) {
        if (!is_evicted()) {
            state_->inner->tick(c);
            watch(c);
        }
    }

    template <class Context>
    [[nodiscard]] bool should_yield(Context& c, core_id self, int64_t ran_ns) const {
        return !is_evicted() && state_->inner->should_yield(c, self, ran_ns);
    }

    [[nodiscard]] const char* shown_name(const char* created) const {
        return is_evicted() ? state_->evicted_name.c_str() : created;
    }

private:
    /// Ticks (of about a millisecond) without progress before the policy is held to be at fault.
    static constexpr uint32_t stalled_ticks = 100;
    static constexpr uint32_t starved_ticks = 500;
    static constexpr uint64_t starved_runs = 1000;

    /// What the watch last saw of a queue.
    struct sighting {
        uint64_t taken = 0;
        uint64_t begun = 0;
        uint32_t ticks = 0;
    };

    struct state {
        explicit state(std::unique_ptr<foreign> of)
            : inner(std::move(of)), evicted_name(std::string(inner->name()) + " (evicted)") {}

        std::unique_ptr<foreign> inner;
        std::string evicted_name;
        rescue way_out;
        std::atomic<const char*> reason{nullptr};
        std::atomic<uint64_t> parks{0}; // answers that were park

        // The monitor's.
        uint64_t begun = 0;
        uint64_t parks_seen = 0;
        uint32_t idle_ticks = 0;
        std::vector<sighting> sightings;
    };

    [[nodiscard]] bool is_evicted() const {
        // mo: relaxed, see the essay.
        return state_->reason.load(std::memory_order_relaxed) != nullptr;
    }

    void evict(const char* reason) const noexcept;

    static action from_foreign(const rp_action& a) {
        return {static_cast<action::kind>(to_kind[a.kind]),
                a.argument,
                static_cast<action::amount>(a.amount),
                static_cast<uint8_t>(a.parts == 0 ? RP_PART_ALL : a.parts)};
    }

    /// P4 and P5, as far as they show from outside: work waits and nobody runs or takes any.
    template <class Context>
    void watch(Context& c) {
        const int32_t cores = c.cores();
        const uint64_t begun = c.begun();
        size_t at = 0;
        bool is_anything_queued = false;
        state_->sightings.resize(static_cast<size_t>(cores) + RP_PRIORITIES + RP_CLASSES + 2);
        const auto look = [&](queue q, size_t length, bool may_starve) {
            sighting& seen = state_->sightings[at++];
            is_anything_queued = is_anything_queued || length != 0;
            const uint64_t taken = c.taken(q);
            if (length == 0 || taken != seen.taken) {
                seen = {taken, begun, 0};
            } else if (++seen.ticks >= starved_ticks && begun - seen.begun >= starved_runs &&
                       !may_starve) {
                evict("P5: a queue has items and none was taken for half a second");
            }
        };
        for (core_id id = 0; id < cores; ++id) {
            look(queue::core(id), c.waiting_in_line(id), false);
        }
        for (unsigned p = 0; p < RP_PRIORITIES; ++p) {
            look(queue::shared(p), c.length(queue::shared(p)), p == sched::priority_low);
        }
        for (unsigned cls = 0; cls < RP_CLASSES; ++cls) {
            look(queue::of_class(cls), c.length(queue::of_class(cls)), false);
        }
        look(queue::sorted(), c.length(queue::sorted()), false);
        look(queue::arrivals(), c.length(queue::arrivals()), false);
        for (core_id id = 0; id < cores; ++id) {
            is_anything_queued = is_anything_queued || c.length(queue::core(id)) != 0;
        }
        // With every core held, callbacks may simply be long; but a worker that parks is in none,
        // and is called back when its core has work, by the monitor at the latest.
        // mo: relaxed, as in next().
        const uint64_t parks = state_->parks.load(std::memory_order_relaxed);
        const bool is_free = c.is_any_idle() || parks != state_->parks_seen;
        state_->parks_seen = parks;
        const bool is_stalled = is_anything_queued && begun == state_->begun && is_free;
        state_->idle_ticks = is_stalled ? state_->idle_ticks + 1 : 0;
        state_->begun = begun;
        if (state_->idle_ticks >= stalled_ticks) {
            evict("P4: items wait, cores are idle, and nobody takes any");
        }
    }

    static constexpr std::array<action::kind, RP_PARK + 1> to_kind = {
        action::kind::take_newest,
        action::kind::take_oldest,
        action::kind::take_line,
        action::kind::take_inbox,
        action::kind::take_arrivals,
        action::kind::take_shared,
        action::kind::take_sorted,
        action::kind::take_class,
        action::kind::steal,
        action::kind::poll,
        action::kind::spin,
        action::kind::park,
    };

    std::unique_ptr<state> state_;
};

} // namespace rp::policy
