// SPDX-License-Identifier: Apache-2.0
#include "scheduler/blocks.hpp"

#include <algorithm>
#include <mutex>
#include <new>

namespace rp::sched {

block_pool::~block_pool() {
    while (free_ != nullptr) {
        block* b = free_;
        free_ = b->next;
        delete b;
    }
}

block* block_pool::take() noexcept {
    {
        const std::scoped_lock guard(lock_);
        if (free_ != nullptr) {
            block* b = free_;
            free_ = b->next;
            b->next = nullptr;
            return b;
        }
    }
    return new (std::nothrow) block;
}

void block_pool::give(block* b) noexcept {
    const std::scoped_lock guard(lock_);
    b->next = free_;
    free_ = b;
}

fifo::~fifo() {
    while (head_ != nullptr) {
        block* b = head_;
        head_ = b->next;
        pool_.give(b);
    }
}

void fifo::append(item& it) noexcept {
    if (linked_tail_ == nullptr && tail_index_ == block::capacity) {
        if (block* b = pool_.take(); b != nullptr) {
            (tail_ != nullptr ? tail_->next : head_) = b;
            tail_ = b;
            tail_index_ = 0;
        }
    }
    if (linked_tail_ == nullptr && tail_index_ < block::capacity) {
        tail_->slots[tail_index_++] = &it;
        return;
    }
    it.link = nullptr;
    (linked_tail_ != nullptr ? linked_tail_->link : linked_head_) = &it;
    linked_tail_ = &it;
}

void fifo::push(item& it) noexcept {
    item* one = &it;
    push(&one, 1);
}

void fifo::push(item* const* items, unsigned count) noexcept {
    const std::scoped_lock guard(lock_);
    for (unsigned i = 0; i < count; ++i) {
        append(*items[i]);
    }
    // mo: relaxed, a hint; consumers look under the lock.
    pushed_.store(pushed() + count, std::memory_order_relaxed);
}

unsigned fifo::take(item** out, unsigned limit) noexcept {
    if (size() == 0) {
        return 0;
    }
    const std::scoped_lock guard(lock_);
    const auto count = static_cast<unsigned>(std::min<size_t>(size(), limit));
    for (unsigned i = 0; i < count; ++i) {
        const bool has_block_item =
            head_ != nullptr && (head_ != tail_ || head_index_ < tail_index_);
        if (!has_block_item) {
            out[i] = linked_head_;
            linked_head_ = linked_head_->link;
            linked_tail_ = linked_head_ != nullptr ? linked_tail_ : nullptr;
            continue;
        }
        out[i] = head_->slots[head_index_++];
        if (head_index_ < block::capacity) {
            continue;
        }
        block* used = head_;
        head_ = used->next;
        head_index_ = 0;
        if (head_ == nullptr) {
            tail_ = nullptr;
            tail_index_ = block::capacity;
        }
        pool_.give(used);
    }
    // mo: relaxed, as in push.
    taken_.store(taken() + count, std::memory_order_relaxed);
    return count;
}

lane::~lane() {
    while (head_ != nullptr) {
        block* b = head_;
        head_ = b->next;
        pool_.give(b);
    }
}

/// The producer's block is full, or it has none yet.
bool lane::extend() noexcept {
    block* b = pool_.take();
    if (b == nullptr) {
        return false;
    }
    (tail_ != nullptr ? tail_->next : head_) = b;
    tail_ = b;
    tail_used_ = 0;
    return true;
}

lane::take_result lane::take(item** out, unsigned limit, unsigned& count) noexcept {
    count = 0;
    if (size() == 0) {
        return take_result::empty;
    }
    if (!lock_.try_lock()) {
        return take_result::busy;
    }
    const std::scoped_lock guard(std::adopt_lock, lock_);
    // mo: relaxed, guard: lock_.
    uint64_t index = taken_.load(std::memory_order_relaxed);
    // mo: acquire, pairs lane.pushed (push).
    const uint64_t pushed = pushed_.load(std::memory_order_acquire);
    while (index < pushed && count < limit) {
        if (head_used_ == block::capacity) {
            // The producer linked the next block before it published item `index`.
            block* used = head_;
            head_ = used->next;
            head_used_ = 0;
            pool_.give(used);
        }
        out[count++] = head_->slots[head_used_++];
        ++index;
    }
    // mo: relaxed, a hint; consumers look under the lock.
    taken_.store(index, std::memory_order_relaxed);
    return count != 0 ? take_result::taken : take_result::empty;
}

} // namespace rp::sched
