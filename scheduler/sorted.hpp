// SPDX-License-Identifier: Apache-2.0
#pragma once
// One central queue ordered by a key, smallest first; equal keys first in, first out.
//
// A binary heap of {key, sequence, item} under one small lock. The entries hold the keys, so that
// sifting touches no item. Pushing cannot fail: when the heap cannot grow, items wait in a list
// through their links and are taken when the heap is empty (an order lost, never an item).
//
// Rejected: a skip list or a MultiQueue (relaxed order is a policy of its own, and would have to
// say so); a heap for each core (the smallest key of all is the point).
#include "kernel_iface/linux/spin_lock.hpp"
#include "scheduler/item.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace rp::sched {

class sorted_queue {
public:
    sorted_queue() = default;
    ~sorted_queue();
    sorted_queue(const sorted_queue&) = delete;
    sorted_queue& operator=(const sorted_queue&) = delete;

    void push(item& it, int64_t key) noexcept;
    [[nodiscard]] item* take() noexcept; ///< nullptr when empty

    [[nodiscard]] size_t size() const noexcept {
        // mo: relaxed, a hint; whoever must not miss a push orders its own announcement before.
        return size_.load(std::memory_order_relaxed);
    }

    /// How many have been taken so far.
    [[nodiscard]] uint64_t taken() const noexcept {
        // mo: relaxed, compared with itself later.
        return taken_.load(std::memory_order_relaxed);
    }

private:
    struct entry {
        int64_t key;
        uint64_t sequence;
        item* it;

        [[nodiscard]] bool comes_before(const entry& other) const noexcept {
            return key != other.key ? key < other.key : sequence < other.sequence;
        }
    };

    [[nodiscard]] bool grow() noexcept;
    void sift_up(size_t at) noexcept;
    void sift_down(size_t at) noexcept;
    void count(size_t size) noexcept;

    kernel::spin_lock lock_;
    entry* heap_ = nullptr; // guard of all below: lock_
    size_t held_ = 0;
    size_t capacity_ = 0;
    uint64_t sequence_ = 0;
    item* linked_head_ = nullptr; // items that found no room in the heap
    item* linked_tail_ = nullptr;
    std::atomic<size_t> size_{0};
    std::atomic<uint64_t> taken_{0};
};

} // namespace rp::sched
