// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/dispatcher.hpp"

#include "kernel_iface/linux/futex.hpp"

namespace rp::nt {
namespace {

void wake_thread(void* argument) noexcept {
    auto& word = static_cast<thread_record*>(argument)->wake_word;
    // mo: release, pairs thread.wake_word (wait_objects): the claim or signal happened before.
    word.fetch_add(1, std::memory_order_release);
    kernel::futex_wake(word, 1);
}

} // namespace

void wake_batch::add(thread_record& record) noexcept {
    add(wake_thread, &record);
}

void waitable::link(wait_block& block) noexcept {
    block.next = nullptr;
    block.previous = newest_;
    block.is_linked = true;
    (newest_ == nullptr ? oldest_ : newest_->next) = &block;
    newest_ = &block;
}

void waitable::unlink(wait_block& block) noexcept {
    if (!block.is_linked) {
        return;
    }
    (block.previous == nullptr ? oldest_ : block.previous->next) = block.next;
    (block.next == nullptr ? newest_ : block.next->previous) = block.previous;
    block.is_linked = false;
}

void waitable::serve_waiters(wake_batch& batch) noexcept {
    wait_block* following = nullptr;
    for (wait_block* block = oldest_; block != nullptr; block = following) {
        following = block->next;
        waiter& one = *block->owner;
        // No waiter is the owner of a mutex it waits for, so what one cannot have, none can.
        if (!is_available(one.thread_)) {
            return;
        }
        if (one.wants_all_) {
            one.wake(batch);
            continue;
        }
        // A waiter that was satisfied elsewhere or timed out unlinks its block itself.
        if (one.claim(block->index)) {
            one.is_abandoned_ = consume(one.thread_);
            unlink(*block);
            one.wake(batch);
        }
    }
}

void waitable::reschedule_waiters(wake_batch& batch) noexcept {
    for (wait_block* block = oldest_; block != nullptr; block = block->next) {
        block->owner->look_again(batch);
    }
}

} // namespace rp::nt
