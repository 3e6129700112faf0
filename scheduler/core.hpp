// SPDX-License-Identifier: Apache-2.0
#pragma once
// A scheduling slot with its own queues. A worker runs callbacks only while it holds one.
#include "kernel_iface/linux/io_request.hpp"
#include "scheduler/block_queue.hpp"
#include "scheduler/blocks.hpp"
#include "scheduler/deque.hpp"
#include "scheduler/own_count.hpp"
#include "scheduler/policy.hpp"

#include <array>
#include <memory>

namespace rp::sched {

struct core {
    static constexpr unsigned deque_capacity = 1024;

    core(core_id number, block_pool& pool) noexcept
        : id(number), line(pool), inbox(pool), random_state(0x9E3779B97F4A7C15ULL * (number + 1)) {}

    const core_id id;
    deque<deque_capacity> fresh; ///< newest end: the holder's
    lane line;                   ///< producer: the holder
    /// For policies that have them; the holder's as `fresh` is.
    std::unique_ptr<block_queue<>> own_blocks;
    fifo inbox;
    kernel::arm_inbox arms; ///< requests of foreign threads, armed by the next worker that looks
    /// The worker holding this core, or nullptr. A hint for thieves and statistics; ownership
    /// itself is the worker's seat.
    std::atomic<worker*> holder{nullptr};

    // The holder's own; passed on with the core.
    uint64_t turn = 0;
    uint64_t random_state;
    uint32_t wakes_left_out = 0; ///< since the last wake for a lone requeued object
    std::array<uint64_t, scratch_words> policy_words{};

    own_count items;  ///< taken from a queue and run
    own_count placed; ///< put by the holder into the core's own queues

    /// Neither held nor idle: the pool's maximum leaves no room for it. Guard: the roster lock.
    bool is_closed = false;

    /// What others could take from these parts (action::from_...).
    [[nodiscard]] size_t length_of(uint8_t parts) const noexcept {
        return ((parts & action::from_deque) != 0 ? fresh.size() : 0) +
               ((parts & action::from_line) != 0 ? line.size() : 0) +
               ((parts & action::from_inbox) != 0 ? inbox.size() : 0) +
               ((parts & action::from_blocks) != 0 && own_blocks != nullptr
                    ? own_blocks->size_to_steal()
                    : 0);
    }

    [[nodiscard]] size_t length() const noexcept {
        return fresh.size() + line.size() + inbox.size() +
               (own_blocks != nullptr ? own_blocks->size() : 0);
    }
};

/// xorshift64: the only randomness a policy sees.
inline uint32_t next_random(uint64_t& state) noexcept {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    return static_cast<uint32_t>(state >> 32U);
}

} // namespace rp::sched
