// SPDX-License-Identifier: Apache-2.0
#pragma once
// A core's own queue: the worker that holds the core pushes and pops at the bottom without a fence
// or an atomic read-modify-write; thieves take from the top under a small lock and pay for both
// sides.
//
// Nouns. *bottom*: index after the newest item; the holder's. *top*: index of the oldest item; the
// lock's. *released*: every slot below it has been copied out, so the holder may overwrite it.
//
// The race, for the last items (THE protocol of Cilk-5 with an asymmetric fence):
//   holder pops                              thief takes k (holding the lock)
//   1. bottom = b (gives up index b)         1. top = t + k (claims t .. t+k-1)
//   2. light()                               2. heavy()
//   3. reads top; top <= b: b is its own     3. reads bottom; t + k <= bottom: they are its own
//      otherwise: takes the lock and             otherwise: top = max(t, bottom), takes fewer
//      decides by the settled top
// The fences make at least one of the two see the other. When both do, the thief retracts and the
// holder, waiting for the lock, finds the settled top.
//
// Why slots are copied after the claim and not before: between a copy and the claim the holder
// could pop that index and push another item there. Hence `released`, which keeps the holder from
// wrapping around onto claimed slots that are still being copied.
//
// Rejected: Chase-Lev with a seq_cst fence in pop (4.7 ns a pop, more than everything else in it);
// a private batch the owner does not share (a callback may block for ever, so every item must stay
// stealable at all times); a growing array (a full deque spills its oldest half in blocks instead).
//
// Invariant: 0 <= bottom - top <= Capacity, except between the two steps of the race.
#include "kernel_iface/linux/spin_lock.hpp"
#include "scheduler/fence.hpp"
#include "scheduler/item.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

namespace rp::sched {

template <unsigned Capacity>
class deque {
    static_assert(Capacity >= 2 && (Capacity & (Capacity - 1)) == 0, "a power of two");

public:
    static constexpr unsigned capacity = Capacity;

    // --- the holder of the core only -----------------------------------------------------------

    /// False when full: spill first.
    [[nodiscard]] bool push(item& it) noexcept {
        // mo: relaxed, only the holder writes bottom.
        const int64_t b = bottom_.load(std::memory_order_relaxed);
        if (b - released_seen_ >= Capacity) {
            // mo: acquire, pairs deque.released (release_below): the copies are finished.
            released_seen_ = released_.load(std::memory_order_acquire);
            if (b - released_seen_ >= Capacity) {
                return false;
            }
        }
        // mo: relaxed, published by bottom.
        slot(b).store(&it, std::memory_order_relaxed);
        // mo: release, pairs deque.bottom (steal): the slot and the item behind it.
        bottom_.store(b + 1, std::memory_order_release);
        return true;
    }

    /// The newest item, or nullptr. May fail spuriously while a thief is deciding.
    [[nodiscard]] item* pop() noexcept {
        // mo: relaxed, only the holder writes bottom.
        const int64_t b = bottom_.load(std::memory_order_relaxed) - 1;
        // mo: relaxed, an empty deque is left alone; a stale top makes the slow path decide.
        if (top_.load(std::memory_order_relaxed) > b) {
            return nullptr;
        }
        // mo: relaxed, ordered by the fence pair of the essay.
        bottom_.store(b, std::memory_order_relaxed);
        fence::light();
        // mo: relaxed, ordered by the fence pair of the essay.
        if (top_.load(std::memory_order_relaxed) <= b) {
            // mo: relaxed, the holder itself or a former holder of the core wrote the slot.
            return slot(b).load(std::memory_order_relaxed);
        }
        return pop_contended(b);
    }

    /// Is this the one item? Thieves may be taking it at this moment.
    [[nodiscard]] bool holds_only(const item& it) noexcept {
        // mo: relaxed, only the holder writes bottom.
        const int64_t b = bottom_.load(std::memory_order_relaxed);
        // mo: relaxed (both), a hint.
        return b - top_.load(std::memory_order_relaxed) == 1 &&
               slot(b - 1).load(std::memory_order_relaxed) == &it;
    }

    /// The oldest item, or nullptr: how the holder keeps old work from being overtaken for ever.
    [[nodiscard]] item* pop_oldest() noexcept {
        item* it = nullptr;
        return take_oldest(&it, 1) == 1 ? it : nullptr;
    }

    /// Takes up to `count` of the oldest items, oldest first. No fence: the only other party that
    /// works at the bottom is the caller.
    unsigned take_oldest(item** out, unsigned count) noexcept {
        const std::scoped_lock guard(lock_);
        // mo: relaxed, guard: lock_.
        const int64_t t = top_.load(std::memory_order_relaxed);
        // mo: relaxed, only the holder writes bottom.
        const int64_t b = bottom_.load(std::memory_order_relaxed);
        const auto taken = static_cast<unsigned>(std::clamp<int64_t>(b - t, 0, count));
        // mo: relaxed, thieves read it under the lock.
        top_.store(t + taken, std::memory_order_relaxed);
        copy_out(out, t, taken);
        return taken;
    }

    // --- any thread ----------------------------------------------------------------------------

    enum class steal_result : uint8_t { stolen, empty, lost };

    /// Takes up to half of the items (at least one), oldest first. `lost`: another thief is at it.
    steal_result steal(item** out, unsigned limit, unsigned& taken) noexcept {
        taken = 0;
        if (size() == 0) {
            return steal_result::empty;
        }
        if (!lock_.try_lock()) {
            return steal_result::lost;
        }
        const std::scoped_lock guard(std::adopt_lock, lock_);
        // mo: relaxed, guard: lock_.
        const int64_t t = top_.load(std::memory_order_relaxed);
        // mo: acquire, pairs deque.bottom (push).
        int64_t b = bottom_.load(std::memory_order_acquire);
        if (b <= t) {
            return steal_result::empty;
        }
        int64_t claimed = std::min<int64_t>((b - t + 1) / 2, limit);
        // mo: relaxed, ordered by the fence pair of the essay.
        top_.store(t + claimed, std::memory_order_relaxed);
        fence::heavy();
        // mo: acquire, pairs deque.bottom (push).
        b = bottom_.load(std::memory_order_acquire);
        if (t + claimed > b) {
            claimed = std::max<int64_t>(b - t, 0);
            // mo: relaxed, a waiting holder reads it under the lock.
            top_.store(t + claimed, std::memory_order_relaxed);
        }
        taken = static_cast<unsigned>(claimed);
        copy_out(out, t, taken);
        return taken != 0 ? steal_result::stolen : steal_result::empty;
    }

    /// A hint for other threads, exact for the holder when no thief is at work.
    [[nodiscard]] unsigned size() const noexcept {
        // mo: relaxed, a hint: stale costs one attempt more or less.
        const int64_t b = bottom_.load(std::memory_order_relaxed);
        // mo: relaxed, as above.
        const int64_t t = top_.load(std::memory_order_relaxed);
        return b > t ? static_cast<unsigned>(b - t) : 0;
    }

private:
    std::atomic<item*>& slot(int64_t index) noexcept {
        return slots_[static_cast<uint64_t>(index) & (Capacity - 1)];
    }

    item* pop_contended(int64_t b) noexcept {
        const std::scoped_lock guard(lock_);
        // mo: relaxed, guard: lock_ (settled).
        if (top_.load(std::memory_order_relaxed) <= b) {
            // mo: relaxed, as in pop.
            return slot(b).load(std::memory_order_relaxed);
        }
        // mo: relaxed, under the lock nobody decides by it; the index was stolen.
        bottom_.store(b + 1, std::memory_order_relaxed);
        return nullptr;
    }

    void copy_out(item** out, int64_t from, unsigned count) noexcept {
        for (unsigned i = 0; i < count; ++i) {
            // mo: relaxed, published by deque.bottom.
            out[i] = slot(from + i).load(std::memory_order_relaxed);
        }
        // mo: release, pairs deque.released (push): the slots have been read.
        released_.store(from + count, std::memory_order_release);
    }

    alignas(64) std::atomic<int64_t> bottom_{0};
    int64_t released_seen_ = 0; // the holder's
    alignas(64) std::atomic<int64_t> top_{0};
    std::atomic<int64_t> released_{0};
    kernel::spin_lock lock_;
    alignas(64) std::array<std::atomic<item*>, Capacity> slots_{};
};

} // namespace rp::sched
