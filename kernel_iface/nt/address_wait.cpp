// SPDX-License-Identifier: Apache-2.0
// A futex compares 32 bits; Windows lets programs wait on 1, 2, 4 or 8 bytes. So every sleeper has
// a futex word of its own and stands in the queue of a bucket that its address hashes to.
//
//   sleeper                                 waker, after it changed the value
//   1. enter the queue (bucket lock)        1. search the queue (bucket lock)
//   2. compare the value                    2. take the sleeper out, set its word
//   3. futex_wait(own word)                 3. futex_wake(its word)
//
// One of the two holds the bucket's lock first. If the sleeper does, the waker finds it. If the
// waker does, its change happened before the sleeper's 2, through the lock, whatever order the
// program stored it with. A waker always takes the lock: a look at an empty queue without it would
// need a full fence between the program's store and the look.
//
// The sleeper lives on its thread's stack. Only the holder of the lock takes it out, and from the
// moment its word is set the waker uses the address of that word only: the sleeper may be gone.
#include "kernel_iface/nt/address_wait.hpp"

#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/spin_lock.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>

namespace rp::nt {
namespace {

struct sleeper {
    const void* address = nullptr;
    sleeper* next = nullptr;     // guard: the bucket's lock
    sleeper* previous = nullptr; // guard: the bucket's lock
    std::atomic<uint32_t> is_woken{0};
};

struct alignas(64) bucket {
    kernel::spin_lock lock;
    sleeper* first = nullptr; // guard: lock
    sleeper* last = nullptr;  // guard: lock

    void append(sleeper& one) noexcept {
        one.previous = last;
        (last != nullptr ? last->next : first) = &one;
        last = &one;
    }

    void remove(sleeper& one) noexcept {
        (one.previous != nullptr ? one.previous->next : first) = one.next;
        (one.next != nullptr ? one.next->previous : last) = one.previous;
        one.next = nullptr;
        one.previous = nullptr;
    }
};

constexpr size_t buckets_log2 = 8;

bucket& bucket_of(const void* address) noexcept {
    static std::array<bucket, size_t{1} << buckets_log2> buckets;
    // Multiplicative hashing: the upper bits of the product depend on all bits of the address.
    const uint64_t mixed = reinterpret_cast<uintptr_t>(address) * 0x9e3779b97f4a7c15;
    return buckets[mixed >> (64 - buckets_log2)];
}

template <class Value>
bool equals(const void* address, const void* compare) noexcept {
    Value wanted;
    std::memcpy(&wanted, compare, sizeof wanted);
    // mo: acquire, pairs kernel.program (the program's own store to its variable).
    return __atomic_load_n(static_cast<const Value*>(address), __ATOMIC_ACQUIRE) == wanted;
}

bool is_unchanged(const void* address, const void* compare, size_t size) noexcept {
    switch (size) {
    case 1:
        return equals<uint8_t>(address, compare);
    case 2:
        return equals<uint16_t>(address, compare);
    case 4:
        return equals<uint32_t>(address, compare);
    default:
        return equals<uint64_t>(address, compare);
    }
}

/// Out of the queue, unless a waker was faster; true: nobody woke it.
bool withdraw(bucket& queue, sleeper& self) noexcept {
    const std::lock_guard guard(queue.lock);
    // mo: relaxed, set under the lock only.
    if (self.is_woken.load(std::memory_order_relaxed) != 0) {
        return false;
    }
    queue.remove(self);
    return true;
}

} // namespace

ntstatus wait_on_address(const void* address,
                         const void* compare,
                         size_t size,
                         int64_t deadline_ns) noexcept {
    const bool is_size = size == 1 || size == 2 || size == 4 || size == 8;
    if (!is_size || address == nullptr || compare == nullptr) {
        return status::invalid_parameter;
    }
    if (!is_unchanged(address, compare, size)) {
        return status::success;
    }
    bucket& queue = bucket_of(address);
    sleeper self;
    self.address = address;
    {
        const std::lock_guard guard(queue.lock);
        queue.append(self);
    }
    if (!is_unchanged(address, compare, size)) {
        withdraw(queue, self);
        return status::success;
    }
    const kernel::blocking_scope announced;
    // mo: acquire, pairs address_wait.is_woken (wake_by_address).
    while (self.is_woken.load(std::memory_order_acquire) == 0) {
        const int result = kernel::futex_wait(self.is_woken, 0, deadline_ns);
        if (result == -ETIMEDOUT && withdraw(queue, self)) {
            return status::timeout;
        }
    }
    return status::success;
}

void wake_by_address(const void* address, bool wakes_all) noexcept {
    bucket& queue = bucket_of(address);
    for (;;) {
        std::atomic<uint32_t>* word = nullptr;
        {
            const std::lock_guard guard(queue.lock);
            sleeper* one = queue.first;
            while (one != nullptr && one->address != address) {
                one = one->next;
            }
            if (one == nullptr) {
                return;
            }
            queue.remove(*one);
            word = &one->is_woken;
            // mo: release, pairs address_wait.is_woken (wait_on_address).
            word->store(1, std::memory_order_release);
        }
        kernel::futex_wake(*word, 1);
        if (!wakes_all) {
            return;
        }
    }
}

} // namespace rp::nt
