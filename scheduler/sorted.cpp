// SPDX-License-Identifier: Apache-2.0
#include "scheduler/sorted.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

namespace rp::sched {

sorted_queue::~sorted_queue() {
    delete[] heap_;
}

void sorted_queue::count(size_t size) noexcept {
    // mo: relaxed, see size(); guard: lock_.
    size_.store(size, std::memory_order_relaxed);
}

bool sorted_queue::grow() noexcept {
    const size_t wanted = capacity_ == 0 ? 256 : 2 * capacity_;
    auto* more = new (std::nothrow) entry[wanted];
    if (more == nullptr) {
        return false;
    }
    std::copy(heap_, heap_ + held_, more);
    delete[] heap_;
    heap_ = more;
    capacity_ = wanted;
    return true;
}

void sorted_queue::push(item& it, int64_t key) noexcept {
    const std::scoped_lock guard(lock_);
    if (held_ == capacity_ && !grow()) {
        it.link = nullptr;
        (linked_tail_ != nullptr ? linked_tail_->link : linked_head_) = &it;
        linked_tail_ = &it;
    } else {
        heap_[held_] = {key, sequence_++, &it};
        sift_up(held_++);
    }
    count(size() + 1);
}

item* sorted_queue::take() noexcept {
    if (size() == 0) {
        return nullptr;
    }
    const std::scoped_lock guard(lock_);
    item* it = nullptr;
    if (held_ != 0) {
        it = heap_[0].it;
        heap_[0] = heap_[--held_];
        sift_down(0);
    } else if (linked_head_ != nullptr) {
        it = linked_head_;
        linked_head_ = it->link;
        linked_tail_ = linked_head_ != nullptr ? linked_tail_ : nullptr;
    } else {
        return nullptr;
    }
    count(size() - 1);
    // mo: relaxed, see taken(); guard: lock_.
    taken_.store(taken() + 1, std::memory_order_relaxed);
    return it;
}

void sorted_queue::sift_up(size_t at) noexcept {
    while (at > 0 && heap_[at].comes_before(heap_[(at - 1) / 2])) {
        std::swap(heap_[at], heap_[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

void sorted_queue::sift_down(size_t at) noexcept {
    for (;;) {
        size_t first = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < held_; ++child) {
            first = heap_[child].comes_before(heap_[first]) ? child : first;
        }
        if (first == at) {
            return;
        }
        std::swap(heap_[at], heap_[first]);
        at = first;
    }
}

} // namespace rp::sched
