// SPDX-License-Identifier: Apache-2.0
#pragma once
// `darc`: cores reserved for short callbacks. See README.md.
//
// Nouns. A *rank* is a class's place in the order of mean service times, shortest first. The
// *reach* of a core is the highest rank it serves; it serves all shorter ones too, shortest first.
//
// The monitor's tick writes ranks and reaches, workers read them word by word: a mixture of an old
// and a new order serves some class a little early or late, and the last core reaches every class
// in both.
#include "scheduler/classes.hpp"
#include "scheduler/policies/parts/central.hpp"

#include <algorithm>
#include <array>
#include <atomic>

namespace rp::sched::policies {

struct darc : parts::central {
    static constexpr const char* name = "darc";
    static constexpr bool uses_classes = true;
    static constexpr bool has_class_queues = true;
    static constexpr bool reads_alike = false;
    static constexpr bool reads_everything = false;
    /// Every so many turns of a core another class is first, so that the long ones are not starved
    /// where there are too few cores to keep one for them.
    static constexpr uint64_t fairness_period = 16;

    int64_t window_ms = 100;
    int64_t enough = 50;

    darc() = default;

    darc(const darc& other) noexcept
        : central(other), window_ms(other.window_ms), enough(other.enough) {}

    darc& operator=(const darc&) = delete;

    [[nodiscard]] static constexpr bool wants_times() { return true; }

    /// First come, first served until the window has shown what there is.
    template <class Context>
    placement place(Context& /*c*/, const task_info& task, core_id /*from*/) const {
        return {task.priority == priority_normal && is_known(task.cls)
                    ? queue::of_class(task.cls)
                    : queue::shared(task.priority)};
    }

    template <class Context>
    action next(Context& c, core_id self, const step& s) const {
        const action unknown{action::kind::take_shared, priority_normal};
        const unsigned ranks = reach_of(self, c.cores()) + 1;
        unsigned first = 0;
        if (s.turn % fairness_period == fairness_period / 2) {
            // Those that nothing is known of count as one more rank.
            first = static_cast<unsigned>(s.turn / fairness_period % (ranks + 1));
            if (first == ranks && c.length(queue::shared(priority_normal)) != 0) {
                return in_order(s, unknown);
            }
        }
        for (unsigned i = 0; i < ranks; ++i) {
            const unsigned cls = class_at((first + i) % ranks);
            if (c.length(queue::of_class(cls)) != 0) {
                return in_order(s, {action::kind::take_class, static_cast<int32_t>(cls)});
            }
        }
        return in_order(s, unknown);
    }

    template <class Context>
    [[nodiscard]] bool reads(Context& c, core_id self, queue q) const {
        if (q.of != queue::kind::of_class) {
            return q.of == queue::kind::shared;
        }
        const unsigned last = reach_of(self, c.cores());
        for (unsigned rank = 0; rank <= last; ++rank) {
            if (class_at(rank) == static_cast<unsigned>(q.index)) {
                return true;
            }
        }
        return false;
    }

    /// Once in a window: orders the classes and gives each its cores, by its share of the work.
    template <class Context>
    void tick(Context& c) {
        if (c.now() - window_began_ns_ < window_ms * 1'000'000) {
            return;
        }
        window_began_ns_ = c.now();
        std::array<int64_t, class_count> work{};
        int64_t total = 0;
        for (unsigned i = 0; i < class_count; ++i) {
            const auto ran = static_cast<int64_t>(c.seen(i) - seen_before_[i]);
            seen_before_[i] = c.seen(i);
            work[i] = ran * c.mean_ns(i);
            total += work[i];
        }
        if (total != 0) {
            order_classes(c);
            share_cores(c.cores(), work, total);
        }
    }

    template <class Visitor>
    void visit_knobs(Visitor&& knob) {
        knob("window_ms", window_ms, 1, 3'600'000, "time between two reservations");
        knob("enough", enough, 1, 1'000'000, "callbacks of a class before it gets cores");
        at_rest.visit_knobs(knob);
    }

private:
    template <class Context>
    void order_classes(Context& c) {
        std::array<uint8_t, class_count> order{};
        uint32_t known = 0;
        for (unsigned i = 0; i < class_count; ++i) {
            order[i] = static_cast<uint8_t>(i);
            known |= c.seen(i) >= static_cast<uint64_t>(enough) ? 1U << i : 0;
        }
        std::stable_sort(order.begin(), order.end(), [&c](uint8_t a, uint8_t b) {
            return c.mean_ns(a) < c.mean_ns(b);
        });
        for (unsigned rank = 0; rank < class_count; ++rank) {
            // mo: relaxed, see the essay.
            order_[rank].store(order[rank], std::memory_order_relaxed);
        }
        // mo: relaxed, as above.
        known_.store(known, std::memory_order_relaxed);
    }

    /// Rank by rank, each gets what its share comes to, rounded, so that cores below `first_[r]`
    /// belong to ranks below r.
    void share_cores(int32_t cores, const std::array<int64_t, class_count>& work, int64_t total) {
        int64_t before = 0;
        for (unsigned rank = 0; rank < class_count; ++rank) {
            // A class with any work at all keeps a core from those longer than it, while there is
            // one to spare: that is what the reservation is for.
            const int64_t share = (before * cores + total / 2) / total;
            const int64_t kept = before != 0 ? std::max<int64_t>(share, 1) : 0;
            // mo: relaxed, see the essay.
            first_[rank].store(static_cast<uint16_t>(std::min<int64_t>(kept, cores - 1)),
                               std::memory_order_relaxed);
            before += work[class_at(rank)];
        }
    }

    [[nodiscard]] bool is_known(unsigned cls) const {
        // mo: relaxed, see the essay.
        return (known_.load(std::memory_order_relaxed) >> cls & 1U) != 0;
    }

    [[nodiscard]] unsigned class_at(unsigned rank) const {
        // mo: relaxed, see the essay.
        return order_[rank].load(std::memory_order_relaxed);
    }

    [[nodiscard]] unsigned reach_of(core_id self, int32_t cores) const {
        unsigned reach = class_count - 1;
        // mo: relaxed, see the essay.
        while (reach != 0 && self != cores - 1 &&
               first_[reach].load(std::memory_order_relaxed) > self) {
            --reach;
        }
        return reach;
    }

    std::array<std::atomic<uint8_t>, class_count> order_{};
    std::array<std::atomic<uint16_t>, class_count> first_{}; // of the cores its rank may use
    std::atomic<uint32_t> known_{0};

    // The monitor's.
    int64_t window_began_ns_ = 0;
    std::array<uint64_t, class_count> seen_before_{};
};

} // namespace rp::sched::policies
