// SPDX-License-Identifier: Apache-2.0
#pragma once
// Requests: an item that came from outside, a completion or a timer, and everything it spawned.
//
// A request lives from the placing of its first item until none of its items is queued or running.
// It has a slot while it lives; when all slots are taken, later ones are not followed (number 0).
//
// Counting: an item counts from its placing to its return, so a spawned item is counted before the
// one that spawned it has returned, and the count reaches zero once.
#include "kernel_iface/linux/spin_lock.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

namespace rp::sched {

class request_table {
public:
    static constexpr uint16_t slots = 4096;

    request_table() noexcept {
        for (uint16_t i = 1; i < slots; ++i) {
            records_[i].next_free = static_cast<uint16_t>(i + 1 < slots ? i + 1 : 0);
        }
    }

    /// A new request with one item; 0 when there are too many.
    [[nodiscard]] uint16_t open() noexcept {
        uint16_t number = 0;
        {
            const std::scoped_lock guard(lock_);
            number = free_;
            if (number == 0) {
                return 0;
            }
            free_ = records_[number].next_free;
        }
        record& r = records_[number];
        // mo: relaxed (all below), nobody else knows the number yet; the item's queue publishes it.
        r.work_ns.store(0, std::memory_order_relaxed);
        r.items.store(1, std::memory_order_relaxed);
        // mo: relaxed, a hint.
        active_.fetch_add(1, std::memory_order_relaxed);
        return number;
    }

    /// One more item, from a running item of the same request.
    void join(uint16_t number) noexcept {
        if (number != 0) {
            // mo: relaxed, the running item keeps the request alive.
            records_[number].items.fetch_add(1, std::memory_order_relaxed);
        }
    }

    /// An item has returned after `ns`.
    void leave(uint16_t number, int64_t ns) noexcept {
        if (number == 0) {
            return;
        }
        record& r = records_[number];
        // mo: relaxed, an estimate.
        r.work_ns.fetch_add(ns, std::memory_order_relaxed);
        // mo: acq_rel, pairs request.items (leave): the last one gives the slot back after all.
        if (r.items.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            // mo: relaxed, a hint.
            active_.fetch_sub(1, std::memory_order_relaxed);
            const std::scoped_lock guard(lock_);
            r.next_free = free_;
            free_ = number;
        }
    }

    [[nodiscard]] int64_t work_ns(uint16_t number) const noexcept {
        // mo: relaxed, an estimate.
        return records_[number % slots].work_ns.load(std::memory_order_relaxed);
    }

    [[nodiscard]] uint32_t active() const noexcept {
        // mo: relaxed, a hint.
        return active_.load(std::memory_order_relaxed);
    }

private:
    struct record {
        std::atomic<int64_t> work_ns{0};
        std::atomic<uint32_t> items{0};
        uint16_t next_free = 0; // guard: lock_
    };

    kernel::spin_lock lock_;
    uint16_t free_ = 1; // guard: lock_
    std::atomic<uint32_t> active_{0};
    std::array<record, slots> records_;
};

} // namespace rp::sched
