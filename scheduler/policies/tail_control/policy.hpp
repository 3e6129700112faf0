// SPDX-License-Identifier: Apache-2.0
#pragma once
// `tail-control`: large requests lose their parallelism while many others wait. See README.md.
#include "scheduler/policies/parts/work_stealing.hpp"

namespace rp::sched::policies {

struct tail_control : parts::work_stealing<parts::random_victim> {
    static constexpr const char* name = "tail-control";
    static constexpr bool follows_requests = true;
    static constexpr uint8_t stolen_parts = action::from_deque | action::from_inbox;
    static constexpr bool reads_everything = false; // not the lines of others

    int64_t large_us = 1000;

    [[nodiscard]] static constexpr bool wants_times() { return true; }

    [[nodiscard]] static constexpr bool runs_completions_inline() { return false; }

    /// What a large request spawns waits in the core's own line, which nobody steals from; what a
    /// small one spawns goes where thieves find it.
    template <class Context>
    placement place(Context& c, const task_info& task, core_id from) const {
        if (from != no_core && task.priority == priority_normal && is_large(c, task.request)) {
            return {queue::core(from), placement::spot::line};
        }
        return work_stealing::place(c, task, from);
    }

    /// Steal first, admit last: what has begun is helped before anything new is begun.
    template <class Context>
    action next(Context& c, core_id self, const step& s) const {
        if (s.tries < own_tries) {
            return work_stealing::next(c, self, s);
        }
        if (c.length(queue::shared(priority_high)) != 0) {
            return {action::kind::take_shared, priority_high};
        }
        using victims = parts::random_victim;
        const uint32_t attempt = s.tries - own_tries;
        const uint32_t rounds = victims::rounds(static_cast<uint32_t>(c.cores()));
        if (attempt < rounds) {
            return {action::kind::steal,
                    victims::at(c, self, attempt),
                    action::amount::half,
                    stolen_parts};
        }
        switch (attempt - rounds) {
        case 0:
            return {action::kind::take_arrivals};
        case 1:
            return {action::kind::take_shared, priority_normal};
        case 2:
            return {action::kind::poll};
        case 3:
            return {action::kind::take_shared, priority_low};
        default:
            return at_rest.after(s);
        }
    }

    template <class Visitor>
    void visit_knobs(Visitor&& knob) {
        knob("large_us", large_us, 1, 60'000'000, "work that makes the only request large");
        at_rest.visit_knobs(knob);
    }

private:
    /// The more requests are being worked on, the less work makes one of them large; with no more
    /// of them than cores there is parallelism to spare.
    template <class Context>
    [[nodiscard]] bool is_large(Context& c, uint16_t request) const {
        const auto cores = static_cast<int64_t>(c.cores());
        const auto active = static_cast<int64_t>(c.active_requests());
        return request != 0 && active > cores &&
               c.request_ns(request) * active > large_us * 1000 * cores;
    }
};

} // namespace rp::sched::policies
