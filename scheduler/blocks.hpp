// SPDX-License-Identifier: Apache-2.0
#pragma once
// First-in-first-out queues of unbounded length, built from blocks of pointers.
//
// Why blocks: a list threaded through the items themselves touches one cold object per step (60 to
// 150 ns an item measured under the lock); a block holds 510 pointers in one piece of memory.
// Blocks circulate through a pool, so a steady state allocates nothing.
//
// Why pushing cannot fail: when no block can be had, a fifo falls back to linking the items, which
// always have room for one link.
#include "kernel_iface/linux/spin_lock.hpp"
#include "scheduler/item.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace rp::sched {

struct block {
    static constexpr unsigned capacity = 510;
    block* next = nullptr;
    uint64_t unused = 0; // rounds the block to 4 KiB
    item* slots[capacity];
};

static_assert(sizeof(block) == 4096);

/// Free blocks of one engine.
class block_pool {
public:
    block_pool() = default;
    ~block_pool();
    block_pool(const block_pool&) = delete;
    block_pool& operator=(const block_pool&) = delete;

    [[nodiscard]] block* take() noexcept; ///< nullptr when out of memory
    void give(block* b) noexcept;

private:
    kernel::spin_lock lock_;
    block* free_ = nullptr; // guard: lock_
};

/// Many producers, many consumers, one small lock. Strictly first in, first out.
class fifo {
public:
    explicit fifo(block_pool& pool) noexcept : pool_(pool) {}

    ~fifo();
    fifo(const fifo&) = delete;
    fifo& operator=(const fifo&) = delete;

    void push(item& it) noexcept;
    /// Appends several, first to last, under one lock.
    void push(item* const* items, unsigned count) noexcept;
    /// Takes up to `limit` of the oldest.
    unsigned take(item** out, unsigned limit) noexcept;

    [[nodiscard]] size_t size() const noexcept {
        // Taken first, so that what comes in between makes it too large and never too small.
        const uint64_t before = taken();
        const uint64_t now = pushed();
        return now > before ? now - before : 0;
    }

    /// How many items were ever pushed, and taken.
    [[nodiscard]] uint64_t pushed() const noexcept {
        // mo: relaxed, a hint; whoever must not miss a push orders its own announcement before.
        return pushed_.load(std::memory_order_relaxed);
    }

    [[nodiscard]] uint64_t taken() const noexcept {
        // mo: relaxed, as above.
        return taken_.load(std::memory_order_relaxed);
    }

private:
    void append(item& it) noexcept;

    block_pool& pool_;
    kernel::spin_lock lock_;
    block* head_ = nullptr; // guard of all below: lock_
    block* tail_ = nullptr;
    unsigned head_index_ = 0;
    unsigned tail_index_ = block::capacity;
    item* linked_head_ = nullptr; // items that found no block; younger than every block
    item* linked_tail_ = nullptr;
    std::atomic<uint64_t> pushed_{0}; // written under lock_
    std::atomic<uint64_t> taken_{0};  // written under lock_
};

/// One producer, many consumers: the arrivals of one foreign thread, or a core's own waiting line.
/// The producer pays two plain stores; a consumer takes a batch under a try-lock.
///
/// Invariant: taken <= pushed; item i is in slot i % capacity of block i / capacity.
class lane {
public:
    explicit lane(block_pool& pool) noexcept : pool_(pool) {}

    ~lane();
    lane(const lane&) = delete;
    lane& operator=(const lane&) = delete;

    /// The one producer only. False when out of memory.
    [[nodiscard]] bool push(item& it) noexcept {
        if (tail_used_ == block::capacity && !extend()) [[unlikely]] {
            return false;
        }
        tail_->slots[tail_used_++] = &it;
        // mo: release, pairs lane.pushed (take): the slot, the block link and the item.
        // mo: relaxed, only the producer writes it.
        pushed_.store(pushed_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        return true;
    }

    enum class take_result : uint8_t { taken, empty, busy };
    /// Any thread: up to `limit` of the oldest. `busy`: another consumer is at it.
    take_result take(item** out, unsigned limit, unsigned& count) noexcept;

    [[nodiscard]] size_t size() const noexcept {
        // mo: relaxed, a hint; whoever must not miss a push orders its own announcement before.
        const uint64_t taken = taken_.load(std::memory_order_relaxed);
        // mo: relaxed, as above; read second so that the difference is never negative for long.
        const uint64_t pushed = pushed_.load(std::memory_order_relaxed);
        return pushed > taken ? pushed - taken : 0;
    }

    /// How many items were ever pushed, and taken.
    [[nodiscard]] uint64_t pushed() const noexcept {
        // mo: relaxed, statistics.
        return pushed_.load(std::memory_order_relaxed);
    }

    [[nodiscard]] uint64_t taken() const noexcept {
        // mo: relaxed, compared with itself later.
        return taken_.load(std::memory_order_relaxed);
    }

private:
    [[nodiscard]] bool extend() noexcept;

    block_pool& pool_;
    alignas(64) std::atomic<uint64_t> pushed_{0}; // written by the producer
    block* tail_ = nullptr;                       // the producer's
    unsigned tail_used_ = block::capacity;        // the producer's
    alignas(64) kernel::spin_lock lock_;
    std::atomic<uint64_t> taken_{0}; // written under lock_
    block* head_ = nullptr;  // guard: lock_, set by the producer before its first publication
    unsigned head_used_ = 0; // guard: lock_
};

} // namespace rp::sched
