// SPDX-License-Identifier: Apache-2.0
#ifndef RINGPOOL_POLICY_HPP
#define RINGPOOL_POLICY_HPP
// A scheduling policy as a C++ class:
//
//   struct newest_first : ringpool::policy {
//       ringpool::placement place(ringpool::context, const ringpool::task&, int from) {
//           return from < 0 ? ringpool::to_shared(1) : ringpool::to_core(from, RP_SPOT_NEWEST);
//       }
//       ringpool::action next(ringpool::context, int core, const ringpool::step& s);
//   };
//   RINGPOOL_POLICY(newest_first, "newest-first", "What it does, in one sentence")
//
// One object is made for each pool. place and next are mandatory; reads, tick and should_yield have
// the defaults below. All are called by many threads at once. <ringpool/policy.h> has the words and
// the contract.
#include <ringpool/policy.h>

#include <cstdint>
#include <new>
#include <type_traits>

namespace ringpool {

using task = rp_task;
using step = rp_step;
using queue = rp_queue;

/// An rp_action; the functions below make them.
using action = rp_action;
/// An rp_placement; likewise.
using placement = rp_placement;

[[nodiscard]] constexpr queue core_queue(int core) noexcept {
    return {RP_QUEUE_CORE, core};
}

[[nodiscard]] constexpr queue shared_queue(int priority) noexcept {
    return {RP_QUEUE_SHARED, priority};
}

[[nodiscard]] constexpr queue arrivals_queue() noexcept {
    return {RP_QUEUE_ARRIVALS, 0};
}

[[nodiscard]] constexpr queue sorted_queue() noexcept {
    return {RP_QUEUE_SORTED, 0};
}

[[nodiscard]] constexpr queue class_queue(int cls) noexcept {
    return {RP_QUEUE_CLASS, cls};
}

// --- placements ----------------------------------------------------------------------------------

[[nodiscard]] constexpr placement to_core(int core, rp_spot spot = RP_SPOT_LINE) noexcept {
    return {core_queue(core), spot, 0, 0};
}

[[nodiscard]] constexpr placement to_shared(int priority) noexcept {
    return {shared_queue(priority), 0, 0, 0};
}

[[nodiscard]] constexpr placement to_arrivals() noexcept {
    return {arrivals_queue(), 0, 0, 0};
}

[[nodiscard]] constexpr placement to_sorted(std::int64_t key) noexcept {
    return {sorted_queue(), 0, 0, key};
}

[[nodiscard]] constexpr placement to_class(int cls) noexcept {
    return {class_queue(cls), 0, 0, 0};
}

// --- actions -------------------------------------------------------------------------------------

[[nodiscard]] constexpr action take_newest() noexcept {
    return {RP_TAKE_NEWEST, 0, 0, 0};
}

[[nodiscard]] constexpr action take_oldest() noexcept {
    return {RP_TAKE_OLDEST, 0, 0, 0};
}

[[nodiscard]] constexpr action take_line(int how_many = 1) noexcept {
    return {RP_TAKE_LINE, how_many, 0, 0};
}

[[nodiscard]] constexpr action take_inbox(int how_many = 1) noexcept {
    return {RP_TAKE_INBOX, how_many, 0, 0};
}

[[nodiscard]] constexpr action take_arrivals() noexcept {
    return {RP_TAKE_ARRIVALS, 0, 0, 0};
}

[[nodiscard]] constexpr action take_shared(int priority) noexcept {
    return {RP_TAKE_SHARED, priority, 0, 0};
}

[[nodiscard]] constexpr action take_sorted() noexcept {
    return {RP_TAKE_SORTED, 0, 0, 0};
}

[[nodiscard]] constexpr action take_class(int cls) noexcept {
    return {RP_TAKE_CLASS, cls, 0, 0};
}

[[nodiscard]] constexpr action
steal(int victim, rp_amount amount = RP_STEAL_HALF, int parts = RP_PART_ALL) noexcept {
    return {RP_STEAL, victim, amount, parts};
}

[[nodiscard]] constexpr action poll() noexcept {
    return {RP_POLL, 0, 0, 0};
}

[[nodiscard]] constexpr action spin(int ns) noexcept {
    return {RP_SPIN, ns, 0, 0};
}

[[nodiscard]] constexpr action park() noexcept {
    return {RP_PARK, 0, 0, 0};
}

/// What a policy sees of its pool. Valid during the call it was given to.
class context {
public:
    explicit context(const rp_policy_context* c) noexcept : c_(c) {}

    [[nodiscard]] int cores() const { return c_->host->cores(c_); }

    [[nodiscard]] std::uint32_t random() const { return c_->host->random(c_); }

    [[nodiscard]] std::int64_t now() const { return c_->host->now(c_); }

    [[nodiscard]] std::size_t length(queue q) const { return c_->host->length(c_, q); }

    [[nodiscard]] bool has_holder(int core) const { return c_->host->has_holder(c_, core) != 0; }

    [[nodiscard]] int near(int core, unsigned k) const { return c_->host->near(c_, core, k); }

    [[nodiscard]] std::uint64_t& scratch(int core, unsigned word) const {
        return c_->host->scratch(c_, core)[word];
    }

    [[nodiscard]] std::int64_t mean_ns(int cls) const { return c_->host->mean_ns(c_, cls); }

    [[nodiscard]] std::uint64_t seen(int cls) const { return c_->host->seen(c_, cls); }

    [[nodiscard]] std::int64_t deadline_ns(int cls) const { return c_->host->deadline_ns(c_, cls); }

private:
    const rp_policy_context* c_;
};

/// The base of a policy: what it need not say.
struct policy {
    static constexpr bool steals = true;
    static constexpr bool wants_times = false;

    /// May `core` ever take from `q`?
    bool reads(context /*c*/, int core, queue q) const {
        return q.kind != RP_QUEUE_CORE || q.index == core;
    }

    void tick(context /*c*/) {}

    bool should_yield(context /*c*/, int /*core*/, std::int64_t /*ran_ns*/) { return false; }
};

/// The table of a policy class.
template <class Policy>
const rp_policy* table(const char* name, const char* text) noexcept {
    static_assert(std::is_base_of_v<policy, Policy>, "derive it from ringpool::policy");
    static rp_policy made = {};
    made.size = sizeof made;
    made.abi = RP_POLICY_ABI;
    made.flags = (Policy::steals ? std::uint32_t{RP_POLICY_STEALS} : 0U) |
                 (Policy::wants_times ? std::uint32_t{RP_POLICY_TIMES} : 0U);
    made.name = name;
    made.text = text;
    made.create = []() -> void* { return new (std::nothrow) Policy; };
    made.destroy = [](void* self) { delete static_cast<Policy*>(self); };
    made.place = [](void* self, const rp_policy_context* c, const rp_task* t, std::int32_t from) {
        return static_cast<Policy*>(self)->place(context(c), *t, from);
    };
    made.next = [](void* self, const rp_policy_context* c, std::int32_t core, const rp_step* s) {
        return static_cast<Policy*>(self)->next(context(c), core, *s);
    };
    made.reads =
        [](void* self, const rp_policy_context* c, std::int32_t core, rp_queue q) -> std::int32_t {
        if constexpr (Policy::steals) {
            if (q.kind == RP_QUEUE_CORE) {
                return 1;
            }
        }
        return static_cast<Policy*>(self)->reads(context(c), core, q) ? 1 : 0;
    };
    made.tick = [](void* self, const rp_policy_context* c) {
        static_cast<Policy*>(self)->tick(context(c));
    };
    made.should_yield = [](void* self,
                           const rp_policy_context* c,
                           std::int32_t core,
                           std::int64_t ran_ns) -> std::int32_t {
        return static_cast<Policy*>(self)->should_yield(context(c), core, ran_ns) ? 1 : 0;
    };
    return &made;
}

} // namespace ringpool

/// Makes a shared object a policy that can be loaded; once in it, outside any namespace.
#define RINGPOOL_POLICY(type, name, text)                                                          \
    extern "C" const rp_policy* rp_policy_table(void) {                                            \
        return ringpool::table<type>(name, text);                                                  \
    }

#endif
