// SPDX-License-Identifier: Apache-2.0
#pragma once
// Classes of callbacks: what the literature calls request types.
//
// A class is a callback function; policies that order by service time or deadline know callbacks by
// it. The first class_count - 1 functions that a pool sees get a class each; all others share class
// 0.
//
// Any thread may look up and count. Two workers that count the same class at once may lose one
// another's sample: a moving average does not mind, and a lock would cost more than the average is
// worth.
#include <array>
#include <atomic>
#include <cstdint>

namespace rp::sched {

inline constexpr unsigned class_count = 16;

class class_table {
public:
    /// The class of a function, made on first sight.
    [[nodiscard]] uint8_t of(const void* function) noexcept {
        for (unsigned i = 1; i < class_count; ++i) {
            // mo: relaxed, the key is all there is to an entry.
            const void* known = entries_[i].function.load(std::memory_order_relaxed);
            if (known == nullptr) {
                // mo: relaxed (both), as above.
                if (entries_[i].function.compare_exchange_strong(
                        known, function, std::memory_order_relaxed, std::memory_order_relaxed)) {
                    known = function;
                }
            }
            if (known == function) {
                return static_cast<uint8_t>(i);
            }
        }
        return 0;
    }

    /// A callback of the class has run for so long.
    void ran(uint8_t cls, int64_t ns) noexcept {
        entry& e = entries_[cls];
        // mo: relaxed (all below), see the essay.
        const uint64_t seen = e.seen.load(std::memory_order_relaxed);
        const int64_t mean = e.mean_ns.load(std::memory_order_relaxed);
        e.mean_ns.store(seen == 0 ? ns : mean + (ns - mean) / weight, std::memory_order_relaxed);
        e.seen.store(seen + 1, std::memory_order_relaxed);
    }

    [[nodiscard]] int64_t mean_ns(unsigned cls) const noexcept {
        // mo: relaxed, an estimate.
        return entries_[cls % class_count].mean_ns.load(std::memory_order_relaxed);
    }

    [[nodiscard]] uint64_t seen(unsigned cls) const noexcept {
        // mo: relaxed, an estimate.
        return entries_[cls % class_count].seen.load(std::memory_order_relaxed);
    }

    [[nodiscard]] int64_t deadline_ns(unsigned cls) const noexcept {
        // mo: relaxed, a setting.
        return entries_[cls % class_count].deadline_ns.load(std::memory_order_relaxed);
    }

    void set_deadline_ns(unsigned cls, int64_t ns) noexcept {
        // mo: relaxed, a setting.
        entries_[cls % class_count].deadline_ns.store(ns, std::memory_order_relaxed);
    }

    /// Same functions, same classes, same deadlines; for an engine that takes another's place
    /// before either has run anything.
    void copy(const class_table& from) noexcept {
        for (unsigned i = 0; i < class_count; ++i) {
            // mo: relaxed (all below), nothing runs yet.
            entries_[i].function.store(from.entries_[i].function.load(std::memory_order_relaxed),
                                       std::memory_order_relaxed);
            entries_[i].deadline_ns.store(
                from.entries_[i].deadline_ns.load(std::memory_order_relaxed),
                std::memory_order_relaxed);
        }
    }

private:
    /// An eighth of the new sample: a class is known after some ten callbacks and follows a change
    /// within twenty.
    static constexpr int64_t weight = 8;

    struct entry {
        std::atomic<const void*> function{nullptr};
        std::atomic<int64_t> mean_ns{0};
        std::atomic<uint64_t> seen{0};
        std::atomic<int64_t> deadline_ns{0};
    };

    std::array<entry, class_count> entries_;
};

} // namespace rp::sched
