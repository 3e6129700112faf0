// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/guarded.hpp"

#include <new>

namespace rp::policy {

static_assert(static_cast<int>(queue::kind::core) == RP_QUEUE_CORE);
static_assert(static_cast<int>(queue::kind::shared) == RP_QUEUE_SHARED);
static_assert(static_cast<int>(queue::kind::arrivals) == RP_QUEUE_ARRIVALS);
static_assert(static_cast<int>(queue::kind::sorted) == RP_QUEUE_SORTED);
static_assert(static_cast<int>(queue::kind::of_class) == RP_QUEUE_CLASS);
static_assert(static_cast<int>(placement::spot::line) == RP_SPOT_LINE);
static_assert(static_cast<int>(placement::spot::newest) == RP_SPOT_NEWEST);
static_assert(static_cast<int>(placement::spot::slot) == RP_SPOT_SLOT);
static_assert(static_cast<int>(action::amount::half) == RP_STEAL_HALF);
static_assert(static_cast<int>(action::amount::one) == RP_STEAL_ONE);
static_assert(static_cast<int>(action::amount::most) == RP_STEAL_MOST);
static_assert(static_cast<int>(sched::origin::external) == RP_FROM_OUTSIDE);
static_assert(static_cast<int>(sched::origin::timer) == RP_FROM_TIMER);
static_assert(action::from_deque == RP_PART_DEQUE && action::from_line == RP_PART_LINE &&
              action::from_inbox == RP_PART_INBOX);
static_assert(sched::priority_count == RP_PRIORITIES);
static_assert(sched::scratch_words == RP_SCRATCH_WORDS);

std::unique_ptr<foreign> foreign::create(const rp_policy& table) noexcept {
    void* self = nullptr;
    if (table.create != nullptr && (self = table.create()) == nullptr) {
        return nullptr;
    }
    std::unique_ptr<foreign> made(new (std::nothrow) foreign(table, self));
    if (made == nullptr && table.destroy != nullptr) {
        table.destroy(self);
    }
    return made;
}

foreign::~foreign() {
    if (table_.destroy != nullptr) {
        table_.destroy(self_);
    }
}

namespace {

constexpr bool is_below(int32_t value, int32_t limit) noexcept {
    return value >= 0 && value < limit;
}

bool is_queue(rp_queue q, core_id from, int32_t cores) noexcept {
    switch (q.kind) {
    case RP_QUEUE_CORE:
        return is_below(q.index, cores) || (q.index >= 0 && q.index == from);
    case RP_QUEUE_SHARED:
        return is_below(q.index, RP_PRIORITIES);
    case RP_QUEUE_CLASS:
        return is_below(q.index, RP_CLASSES);
    case RP_QUEUE_ARRIVALS:
        return from == RP_NO_CORE;
    default:
        return q.kind == RP_QUEUE_SORTED;
    }
}

} // namespace

const char* problem_of(const rp_placement& p, core_id from, int32_t cores) noexcept {
    if (!is_queue(p.to, from, cores)) {
        return "P1: place named a queue that does not exist";
    }
    return is_below(p.spot, RP_SPOT_SLOT + 1) ? nullptr : "P1: place named an unknown spot";
}

const char* problem_of(const rp_action& a, const step& s, int32_t cores) noexcept {
    if (!is_below(a.kind, RP_PARK + 1)) {
        return "P2: next named an unknown action";
    }
    const bool is_search_over = a.kind == RP_SPIN || a.kind == RP_PARK;
    if (!is_search_over && s.tries >= 64 + 8 * static_cast<uint32_t>(cores)) {
        return "P3: a fruitless search does not end";
    }
    if (a.kind == RP_SPIN && s.spins >= 4096) {
        return "P3: next spins and never parks";
    }
    bool is_in_range = true;
    switch (a.kind) {
    case RP_TAKE_LINE:
        is_in_range = is_below(a.argument, 33);
        break;
    case RP_TAKE_INBOX:
        is_in_range = a.argument >= 1 && a.argument <= 32;
        break;
    case RP_TAKE_SHARED:
        is_in_range = is_below(a.argument, RP_PRIORITIES);
        break;
    case RP_TAKE_CLASS:
        is_in_range = is_below(a.argument, RP_CLASSES);
        break;
    case RP_STEAL:
        is_in_range = is_below(a.argument, cores) && is_below(a.amount, RP_STEAL_MOST + 1) &&
                      is_below(a.parts, RP_PART_ALL + 1);
        break;
    case RP_SPIN:
        is_in_range = is_below(a.argument, 20'001);
        break;
    default:
        break;
    }
    return is_in_range ? nullptr : "P2: the argument of an action is out of its range";
}

void guarded::evict(const char* reason) const noexcept {
    const char* none = nullptr;
    // mo: relaxed (both), see the essay.
    if (state_->reason.compare_exchange_strong(
            none, reason, std::memory_order_relaxed, std::memory_order_relaxed)) {
        std::fprintf(stderr,
                     "ringpool: policy '%s' is evicted from its pool: %s; the pool goes on with "
                     "the built-in order\n",
                     state_->inner->name(),
                     reason);
    }
}

} // namespace rp::policy
