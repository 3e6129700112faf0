// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a policy sees of an engine: policy.hpp says what each member means. `Engine` is
// engine_of<Policy>, which makes this class its friend.
#include "kernel_iface/linux/clock.hpp"
#include "scheduler/core.hpp"
#include "scheduler/near.hpp"

#include <cstddef>
#include <cstdint>

namespace rp::sched {

template <class Engine>
struct engine_context {
    const Engine& self;
    uint64_t& random_state;

    [[nodiscard]] int32_t cores() const noexcept { return static_cast<int32_t>(self.core_count()); }

    uint32_t random() noexcept { return next_random(random_state); }

    [[nodiscard]] static int64_t now() noexcept { return kernel::now_ns(); }

    [[nodiscard]] size_t length(queue q) const noexcept {
        switch (q.of) {
        case queue::kind::core:
            return self.cores_[self.nearest_core(q.index)]->length();
        case queue::kind::shared:
            return self.shared_[Engine::nearest_priority(q.index)].size();
        case queue::kind::sorted:
            return self.sorted_.size();
        case queue::kind::of_class:
            return self.has_class_queue(q.index)
                       ? self.class_queues_[static_cast<size_t>(q.index)]->size()
                       : 0;
        default:
            return self.arrivals_length();
        }
    }

    /// Progress, for who watches over a policy: how many items first-in-first-out queues have given
    /// out, and how many callbacks the pool has begun.
    [[nodiscard]] uint64_t taken(queue q) const noexcept {
        switch (q.of) {
        case queue::kind::core: {
            const core& each = *self.cores_[self.nearest_core(q.index)];
            return each.line.taken() + each.inbox.taken();
        }
        case queue::kind::shared:
            return self.shared_[Engine::nearest_priority(q.index)].taken();
        case queue::kind::sorted:
            return self.sorted_.taken();
        case queue::kind::of_class:
            return self.has_class_queue(q.index)
                       ? self.class_queues_[static_cast<size_t>(q.index)]->taken()
                       : 0;
        default:
            return self.arrivals_taken();
        }
    }

    /// What waits in the first-in-first-out queues of a core.
    [[nodiscard]] size_t waiting_in_line(core_id c) const noexcept {
        return self.cores_[self.nearest_core(c)]->length_of(action::from_line | action::from_inbox);
    }

    [[nodiscard]] uint64_t begun() const noexcept { return self.callbacks_begun(); }

    [[nodiscard]] bool is_any_idle() const noexcept { return self.crowd_.idle() != 0; }

    [[nodiscard]] bool has_holder(core_id c) const noexcept {
        // mo: relaxed, a hint.
        return self.cores_[self.nearest_core(c)]->holder.load(std::memory_order_relaxed) != nullptr;
    }

    [[nodiscard]] core_id near(core_id c, uint32_t k) const noexcept {
        return nearest_other_core(c, k, cores());
    }

    [[nodiscard]] uint64_t& scratch(core_id c, unsigned i) const noexcept {
        return self.cores_[self.nearest_core(c)]->policy_words[i % scratch_words];
    }

    [[nodiscard]] int64_t mean_ns(unsigned cls) const noexcept {
        return self.classes_.mean_ns(cls);
    }

    [[nodiscard]] uint64_t seen(unsigned cls) const noexcept { return self.classes_.seen(cls); }

    [[nodiscard]] int64_t deadline_ns(unsigned cls) const noexcept {
        return self.classes_.deadline_ns(cls);
    }

    [[nodiscard]] uint32_t active_requests() const noexcept {
        return self.requests_ != nullptr ? self.requests_->active() : 0;
    }

    [[nodiscard]] int64_t request_ns(uint16_t request) const noexcept {
        return self.requests_ != nullptr ? self.requests_->work_ns(request) : 0;
    }
};

} // namespace rp::sched
