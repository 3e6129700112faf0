// SPDX-License-Identifier: Apache-2.0
// The 16 bytes of an SLIST_HEADER, in our meaning; zero is an empty list:
//
//   bytes 0..3    the lock of those who take entries out
//   bytes 4..7    how many entries there are, modulo 2^32
//   bytes 8..15   the first entry
//
// Pushing is one compare-exchange and never waits. Taking out is exclusive: the first entry cannot
// leave the list, and so neither be freed nor come back, between the moment its Next is read and
// the compare-exchange that unlinks it. A push meanwhile only makes that exchange fail.
//
// Rejected: the 16-byte compare-exchange with a sequence number that Windows uses. A popping thread
// then reads Next of an entry that another one may have popped and freed; Windows catches the fault
// in the kernel and repeats, which a library cannot.
#include "kernel_iface/nt/slist.hpp"

#include "kernel_iface/linux/spin_lock.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace rp::nt {
namespace {

struct header {
    kernel::spin_lock takers;
    std::atomic<uint32_t> count;
    std::atomic<SLIST_ENTRY*> first;
};

static_assert(sizeof(header) == sizeof(SLIST_HEADER) && alignof(header) <= alignof(SLIST_HEADER));
static_assert(offsetof(header, first) == 8);

/// SLIST_HEADER is C and may be zero-initialised by the program itself.
header& header_of(SLIST_HEADER& list) noexcept {
    return *reinterpret_cast<header*>(&list);
}

} // namespace

SLIST_ENTRY* push_entry(SLIST_HEADER& list, SLIST_ENTRY& entry) noexcept {
    header& head = header_of(list);
    // mo: relaxed, a count. Counted first, so that it never falls below the entries to be taken.
    head.count.fetch_add(1, std::memory_order_relaxed);
    // mo: relaxed, the exchange decides.
    SLIST_ENTRY* seen = head.first.load(std::memory_order_relaxed);
    do {
        entry.Next = seen;
        // mo: acq_rel, pairs slist.first (pop_entry, flush_entries); acquire for the caller, who
        // may read the entry it gets.
    } while (!head.first.compare_exchange_weak(
        seen, &entry, std::memory_order_acq_rel, std::memory_order_relaxed));
    return seen;
}

SLIST_ENTRY* pop_entry(SLIST_HEADER& list) noexcept {
    header& head = header_of(list);
    // mo: relaxed, an empty list needs no lock.
    if (head.first.load(std::memory_order_relaxed) == nullptr) {
        return nullptr;
    }
    const std::lock_guard guard(head.takers);
    // mo: acquire, pairs slist.first (push_entry).
    SLIST_ENTRY* seen = head.first.load(std::memory_order_acquire);
    // mo: acq_rel, pairs slist.first (push_entry, flush_entries); acquire after a failure too.
    while (seen != nullptr &&
           !head.first.compare_exchange_weak(
               seen, seen->Next, std::memory_order_acq_rel, std::memory_order_acquire)) {
    }
    if (seen != nullptr) {
        // mo: relaxed, a count.
        head.count.fetch_sub(1, std::memory_order_relaxed);
    }
    return seen;
}

SLIST_ENTRY* flush_entries(SLIST_HEADER& list) noexcept {
    header& head = header_of(list);
    const std::lock_guard guard(head.takers);
    // mo: acquire, pairs slist.first (push_entry).
    SLIST_ENTRY* taken = head.first.exchange(nullptr, std::memory_order_acquire);
    uint32_t count = 0;
    for (const SLIST_ENTRY* entry = taken; entry != nullptr; entry = entry->Next) {
        ++count;
    }
    // mo: relaxed, a count.
    head.count.fetch_sub(count, std::memory_order_relaxed);
    return taken;
}

USHORT count_entries(SLIST_HEADER& list) noexcept {
    // mo: relaxed, a count. 16 bits, as the field has on Windows.
    return static_cast<USHORT>(header_of(list).count.load(std::memory_order_relaxed));
}

} // namespace rp::nt
