// SPDX-License-Identifier: Apache-2.0
// A slim reader/writer lock is one 64-bit word; zero is a free lock:
//
//   bits 0..29   holders: how many readers, or all ones for a writer
//   bit 30       readers sleep, on the lower half of the word
//   bit 31       writers sleep, on the upper half
//   bits 32..63  the turn, which every release that wakes somebody advances
//
// A reader gets in unless a writer holds the lock or sleeps for it, so readers cannot starve
// writers. The last holder clears both sleep bits, frees the lock and advances the turn in ONE
// compare-exchange, and then wakes one writer and all readers by address only: from that exchange
// on the next owner may free the memory the lock lives in.
//
// The race, for a writer W (a reader does the same with bit 30 and the lower half):
//
//   W going to sleep                        the last holder
//   1. set bit 31, noting the turn          1. clear bit 31 and advance the turn
//   2. futex_wait(upper half, turn)         2. futex_wake(upper half)
//
// If 1 comes before the holder's 1, the turn differs from the noted one: W's futex_wait returns at
// once, or W sleeps already and the wake finds it. If it comes after, the lock was free and W's
// exchange failed. A writer that slept cannot know whether others still do and therefore takes the
// lock with bit 31 set; the price is one wake too many after the last of them.
//
// Rejected: leaving the readers' bit set when a writer is woken, so that only the writer runs. When
// the wake finds no sleeping writer, somebody has to come back for the readers, and that second
// access races with the freed memory.
//
// Invariant: bit 30 set implies that a writer holds the lock or bit 31 is set.
#include "kernel_iface/nt/srw_lock.hpp"

#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"

#include <atomic>
#include <bit>
#include <climits>
#include <cstdint>

namespace rp::nt {
namespace {

static_assert(sizeof(RTL_SRWLOCK) == sizeof(std::atomic<uint64_t>));
static_assert(std::endian::native == std::endian::little, "the halves of the word");

constexpr uint64_t holders_mask = (1U << 30) - 1;
constexpr uint64_t writer_holds = holders_mask;
constexpr uint64_t readers_max = holders_mask - 1;
constexpr uint64_t readers_sleep = 1U << 30;
constexpr uint64_t writers_sleep = 1U << 31;
constexpr uint64_t one_turn = uint64_t{1} << 32;

/// SRWLOCK is C and initialised by the program itself, so the atomic cannot be a member.
std::atomic<uint64_t>& word_of(RTL_SRWLOCK& lock) noexcept {
    return *static_cast<std::atomic<uint64_t>*>(static_cast<void*>(&lock));
}

/// What the kernel compares when it puts a thread to sleep; this side never reads it by halves.
std::atomic<uint32_t>& half_of(RTL_SRWLOCK& lock, int index) noexcept {
    return *(static_cast<std::atomic<uint32_t>*>(static_cast<void*>(&lock)) + index);
}

bool is_free(uint64_t word) noexcept {
    return (word & holders_mask) == 0;
}

bool admits_readers(uint64_t word) noexcept {
    return (word & writers_sleep) == 0 && (word & holders_mask) < readers_max;
}

/// The word after a short while of hoping that the holder leaves; not when others sleep already.
template <class Admits>
uint64_t spin_for(const std::atomic<uint64_t>& word, Admits admits) noexcept {
    constexpr int rounds_max = 100; // about 2 us: less than a sleep and a wake cost
    // mo: relaxed, the exchange that follows decides.
    uint64_t seen = word.load(std::memory_order_relaxed);
    for (int round = 0; round < rounds_max && !admits(seen); ++round) {
        if ((seen & (readers_sleep | writers_sleep)) != 0) {
            break;
        }
        kernel::cpu_relax();
        // mo: relaxed, the exchange that follows decides.
        seen = word.load(std::memory_order_relaxed);
    }
    return seen;
}

/// Sets `bit` in the word unless it changed; true: `seen` is the word as it is now.
bool announce_sleeper(std::atomic<uint64_t>& word, uint64_t& seen, uint64_t bit) noexcept {
    if ((seen & bit) != 0) {
        return true;
    }
    // mo: relaxed, publishes nothing; the kernel compares the word again before it sleeps.
    if (!word.compare_exchange_weak(
            seen, seen | bit, std::memory_order_relaxed, std::memory_order_relaxed)) {
        return false;
    }
    seen |= bit;
    return true;
}

void exclusive_slow(RTL_SRWLOCK& lock) noexcept {
    std::atomic<uint64_t>& word = word_of(lock);
    uint64_t others = 0;
    for (;;) {
        uint64_t seen = spin_for(word, is_free);
        if (is_free(seen)) {
            // mo: acquire, pairs srw_lock.word (release).
            if (word.compare_exchange_weak(seen,
                                           seen | writer_holds | others,
                                           std::memory_order_acquire,
                                           std::memory_order_relaxed)) {
                return;
            }
        } else if (announce_sleeper(word, seen, writers_sleep)) {
            const kernel::blocking_scope announced;
            const auto turn = static_cast<uint32_t>(seen >> 32);
            kernel::futex_wait(half_of(lock, 1), turn, kernel::no_deadline);
            others = writers_sleep;
        }
    }
}

void shared_slow(RTL_SRWLOCK& lock) noexcept {
    std::atomic<uint64_t>& word = word_of(lock);
    for (;;) {
        uint64_t seen = spin_for(word, admits_readers);
        if (admits_readers(seen)) {
            // mo: acquire, pairs srw_lock.word (release).
            if (word.compare_exchange_weak(
                    seen, seen + 1, std::memory_order_acquire, std::memory_order_relaxed)) {
                return;
            }
        } else if (announce_sleeper(word, seen, readers_sleep)) {
            const kernel::blocking_scope announced;
            const auto state = static_cast<uint32_t>(seen);
            kernel::futex_wait(half_of(lock, 0), state, kernel::no_deadline);
        }
    }
}

/// Gives `hold` back. The caller has checked that the lock is held that way.
void release(RTL_SRWLOCK& lock, uint64_t hold) noexcept {
    std::atomic<uint64_t>& word = word_of(lock);
    // mo: relaxed, the exchange decides.
    uint64_t seen = word.load(std::memory_order_relaxed);
    uint64_t next = 0;
    uint64_t sleepers = 0;
    do {
        next = seen - hold;
        sleepers = is_free(next) ? next & (readers_sleep | writers_sleep) : 0;
        if (sleepers != 0) {
            next = (next & ~(readers_sleep | writers_sleep)) + one_turn;
        }
        // mo: release, pairs srw_lock.word (acquire_exclusive, acquire_shared).
    } while (!word.compare_exchange_weak(
        seen, next, std::memory_order_release, std::memory_order_relaxed));
    // From here on only the address of the lock may be used.
    if ((sleepers & writers_sleep) != 0) {
        kernel::futex_wake(half_of(lock, 1), 1);
    }
    if ((sleepers & readers_sleep) != 0) {
        kernel::futex_wake(half_of(lock, 0), INT_MAX);
    }
}

} // namespace

bool try_acquire_exclusive(RTL_SRWLOCK& lock) noexcept {
    std::atomic<uint64_t>& word = word_of(lock);
    // mo: relaxed, the exchange decides.
    uint64_t seen = word.load(std::memory_order_relaxed);
    while (is_free(seen)) {
        // mo: acquire, pairs srw_lock.word (release).
        if (word.compare_exchange_weak(
                seen, seen | writer_holds, std::memory_order_acquire, std::memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

bool try_acquire_shared(RTL_SRWLOCK& lock) noexcept {
    std::atomic<uint64_t>& word = word_of(lock);
    // mo: relaxed, the exchange decides.
    uint64_t seen = word.load(std::memory_order_relaxed);
    while (admits_readers(seen)) {
        // mo: acquire, pairs srw_lock.word (release).
        if (word.compare_exchange_weak(
                seen, seen + 1, std::memory_order_acquire, std::memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

void acquire_exclusive(RTL_SRWLOCK& lock) noexcept {
    if (!try_acquire_exclusive(lock)) {
        exclusive_slow(lock);
    }
}

void acquire_shared(RTL_SRWLOCK& lock) noexcept {
    if (!try_acquire_shared(lock)) {
        shared_slow(lock);
    }
}

ntstatus release_exclusive(RTL_SRWLOCK& lock) noexcept {
    // mo: relaxed, a lock the caller holds exclusively keeps these bits.
    const uint64_t holders = word_of(lock).load(std::memory_order_relaxed) & holders_mask;
    if (holders != writer_holds) {
        return status::resource_not_owned;
    }
    release(lock, writer_holds);
    return status::success;
}

ntstatus release_shared(RTL_SRWLOCK& lock) noexcept {
    // mo: relaxed, while the caller is one of the readers there is at least one and no writer.
    const uint64_t holders = word_of(lock).load(std::memory_order_relaxed) & holders_mask;
    if (holders == 0 || holders == writer_holds) {
        return status::resource_not_owned;
    }
    release(lock, 1);
    return status::success;
}

} // namespace rp::nt
