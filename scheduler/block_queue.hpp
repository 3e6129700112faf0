// SPDX-License-Identifier: Apache-2.0
#pragma once
// A core's own queue in blocks: the worker that holds the core works in a block of its own with
// plain loads and stores; thieves take from the blocks it has left behind. After BWoS (Wang et al.,
// "Formally Verified Block-based Work Stealing for Parallel Processing", OSDI 2023).
//
// Nouns. *block*: `Slots` slots and one word, the *claim*. Blocks are numbered as if the ring of
// `Blocks` went on for ever. *oldest*, *current*: the numbers of the first block in use and of the
// one that takes pushes; both the holder's. *granted*: a block that thieves may take from, which is
// every block in use that is not *held*, that is, worked in by the holder. *newest*: what is left
// of the current block, always held. *front* (first-in-first-out queues only): what is left of the
// oldest block, held once the holder pops from it.
//
// A claim is {round, end, next}: slots next .. end-1 are there for whoever moves `next` on. A held
// block's claim shows nothing to take, whatever is in it. `round` counts the grants of the block.
//
// The race, for the items of one granted block:
//   thief takes k                              holder takes the block back
//   1. c = claim (acquire); next < end         1. c = exchange(claim, {round, 0, 0}) (acquire):
//   2. copies slots next .. next+k-1              what c still offers is the holder's
//   3. claim: c -> {round, end, next + k}      2. pops and pushes there, writing slots
//      (release); on failure drops the         3. grants it (release): claim = {round + 1, ...}
//      copies and starts again
// One word decides, so of two takers one fails. A copy is worth something only if the word did not
// change between 1 and 3 of the thief. Within a round `next` only grows, and every grant starts a
// new round (48 bits: a thief would have to sleep through 2^48 grants of one block), so an equal
// word means that nobody took, pushed or granted in between. And when 3 succeeds, the reads of 2
// happen before step 2 of the holder, who sees the thief's release in the claim; so they cannot
// have returned what the holder writes later. Items are published by the grant alone.
//
// What a push or pop costs: loads and stores to the holder's own line and to its block, no fence
// and no read-modify-write. Crossing into another block is one release store (forward) or one
// exchange (back). Measured, push and pop of one item: 1.5 ns, where the deque takes 1.9 with
// membarrier and 22 without; 1.9 in stretches of 512; 5.6 when each pair crosses to and fro over
// the border of two blocks, the worst case. A steal takes 40 to 80 ns for a block of 64; from the
// deque 400 to 600 for up to 64, most of it membarrier.
//
// What it costs others: the items of a held block cannot be stolen, as many as `Slots` (twice that,
// first in first out). No item is stranded by that, because the blocks belong to the core and not
// to the thread: the monitor gives the core of a worker that sleeps in a callback to another one,
// and a core with work and without a worker is adopted (engine_of.hpp, adopt_orphan). What remains
// is a callback that computes for long before items that others would have time for. Against that
// the holder can give its block away early, share(), before it starts a callback while other cores
// are idle; else the items wait as long as the callbacks before them take.
//
// Rejected: a claim first and the copy after it, with a second counter that tells the holder when
// the copies are made (as in the paper: a thief that loses its processor in between keeps the block
// from being used again, and with it the queue from being pushed to; here a slow thief can only
// fail); a grant of each block by its number alone (last in first out goes back to the same number,
// so equal numbers do not mean equal contents); for pop_oldest of a last-in-first-out queue, taking
// back the oldest block (nobody could steal the oldest items any more, to save the compare-exchange
// of an operation that is rare there).
//
// Invariants: 0 <= current - oldest < Blocks; claims outside of oldest .. current offer nothing;
// only the holder changes a claim that offers nothing.
#include "scheduler/item.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace rp::sched {

/// `Fifo`: pop() takes the oldest item, otherwise the newest. Made and destroyed by one thread;
/// items that are left then are forgotten.
template <unsigned Blocks = 16, unsigned Slots = 64, bool Fifo = false>
class block_queue {
    static_assert(Blocks >= 2 && (Blocks & (Blocks - 1)) == 0, "a power of two");
    static_assert(Slots >= 1 && Slots <= 255, "an index into a block has 8 bits of the claim");

public:
    /// What fits when no block has holes. Blocks that thieves or share() left partly filled are in
    /// use like full ones, so a queue may be full with fewer items.
    static constexpr unsigned capacity = Blocks * Slots;
    static constexpr unsigned block_size = Slots;

    block_queue() noexcept { newest_.open(blocks_[0], {0, 0}); }

    block_queue(const block_queue&) = delete;
    block_queue& operator=(const block_queue&) = delete;

    // --- the holder of the core only -----------------------------------------------------------

    /// False when full: spill first. There is room after a take_oldest() of `block_size` or more.
    [[nodiscard]] bool push(item& it) noexcept {
        if (newest_.last.get() == Slots && !make_room()) [[unlikely]] {
            return false;
        }
        newest_.add(it);
        return true;
    }

    /// The newest item (the oldest, if `Fifo`), or nullptr when there is none.
    [[nodiscard]] item* pop() noexcept {
        if constexpr (Fifo) {
            if (front_.size() != 0) {
                return front_.take_first();
            }
            if (oldest_.get() != current_.get() && take_front_back()) [[unlikely]] {
                return front_.take_first();
            }
            return newest_.size() != 0 ? newest_.take_first() : nullptr;
        } else {
            if (newest_.size() == 0 && !take_newest_back()) [[unlikely]] {
                return nullptr;
            }
            return newest_.take_last();
        }
    }

    /// The oldest item, or nullptr: how the holder keeps old work from being overtaken for ever.
    [[nodiscard]] item* pop_oldest() noexcept {
        if constexpr (Fifo) {
            return pop();
        } else {
            item* it = nullptr;
            return take_oldest(&it, 1) == 1 ? it : nullptr;
        }
    }

    /// Takes up to `count` of the oldest items, oldest first.
    unsigned take_oldest(item** out, unsigned count) noexcept {
        unsigned taken = 0;
        while (taken < count && front_.size() != 0) {
            out[taken++] = front_.take_first();
        }
        while (taken < count && oldest_.get() != current_.get()) {
            taken += take(block_at(oldest_.get()), out + taken, count - taken);
            drop_empty();
        }
        while (taken < count && newest_.size() != 0) {
            out[taken++] = newest_.take_first();
        }
        return taken;
    }

    /// Lets thieves have all that the holder has in its current block. The holder takes the block
    /// back when it pops and finds nothing newer (older, if `Fifo`). False when that is nothing,
    /// or when no other block is free.
    bool share() noexcept { return newest_.size() != 0 && advance(); }

    // --- any thread ----------------------------------------------------------------------------

    /// Takes items out of the oldest granted block, oldest first: what is left of it, at most
    /// `limit`. Returns how many; 0 when no granted block has any.
    unsigned steal(item** out, unsigned limit) noexcept {
        if (limit == 0) {
            return 0;
        }
        // A block that is in use all the time is found, whatever the two numbers do meanwhile:
        // each bound holds for it, and `Blocks` numbers in a row go round the whole ring.
        const uint64_t first = oldest_.get();
        const uint64_t end = std::min(current_.get(), first + Blocks);
        for (uint64_t number = first; number < end; ++number) {
            if (const unsigned taken = take(block_at(number), out, limit); taken != 0) {
                return taken;
            }
        }
        return 0;
    }

    /// How many items there are. Exact for the holder when no thief is at work, and never less
    /// than what is left; a hint for others, who may miss a block that changes hands.
    [[nodiscard]] size_t size() const noexcept {
        return newest_.size() + front_.size() + size_to_steal();
    }

    /// How many of them a thief could take; a hint.
    [[nodiscard]] size_t size_to_steal() const noexcept {
        size_t count = 0;
        const uint64_t first = oldest_.get();
        const uint64_t end = std::min(current_.get(), first + Blocks);
        for (uint64_t number = first; number < end; ++number) {
            // mo: relaxed, a hint; the holder has written or seen what concerns it.
            count +=
                claim(blocks_[number % Blocks].word.load(std::memory_order_relaxed)).available();
        }
        return count;
    }

private:
    struct range {
        unsigned first;
        unsigned last; // exclusive
    };

    /// {round: 48, end: 8, next: 8}
    struct claim {
        explicit claim(uint64_t packed) noexcept : word(packed) {}

        [[nodiscard]] unsigned next() const noexcept { return word & 0xFFU; }

        [[nodiscard]] unsigned end() const noexcept { return (word >> 8U) & 0xFFU; }

        [[nodiscard]] unsigned available() const noexcept { return end() - next(); }

        [[nodiscard]] uint64_t held() const noexcept { return word & ~uint64_t{0xFFFF}; }

        [[nodiscard]] uint64_t granted(range r) const noexcept {
            return held() + 0x10000U + (r.last << 8U) + r.first;
        }

        uint64_t word;
    };

    struct alignas(64) block {
        std::atomic<uint64_t> word{0}; // a claim
        std::array<std::atomic<item*>, Slots> slots{};
    };

    /// A number of the holder's, which thieves and size() look at.
    template <class T>
    class own_number {
    public:
        [[nodiscard]] T get() const noexcept {
            // mo: relaxed, the holder's own, passed on with the core; a hint for others.
            return value_.load(std::memory_order_relaxed);
        }

        void set(T value) noexcept {
            // mo: relaxed, publishes nothing: the claims do.
            value_.store(value, std::memory_order_relaxed);
        }

    private:
        std::atomic<T> value_{0};
    };

    /// Where the holder works: a held block and what is left of it.
    struct held_block {
        std::atomic<item*>* slots = nullptr;
        own_number<unsigned> first;
        own_number<unsigned> last; // exclusive

        void open(block& b, range r) noexcept {
            slots = b.slots.data();
            first.set(r.first);
            last.set(r.last);
        }

        /// Others may catch the two numbers in the middle of open().
        [[nodiscard]] unsigned size() const noexcept {
            const unsigned from = first.get();
            const unsigned to = last.get();
            return to > from ? to - from : 0;
        }

        void add(item& it) noexcept {
            const unsigned at = last.get();
            // mo: relaxed, published by the grant of the block, or with the core.
            slots[at].store(&it, std::memory_order_relaxed);
            last.set(at + 1);
        }

        item* take_first() noexcept {
            const unsigned at = first.get();
            first.set(at + 1);
            // mo: relaxed, the holder itself or a former holder of the core wrote the slot.
            return slots[at].load(std::memory_order_relaxed);
        }

        item* take_last() noexcept {
            const unsigned at = last.get() - 1;
            last.set(at);
            // mo: relaxed, as in take_first.
            return slots[at].load(std::memory_order_relaxed);
        }
    };

    block& block_at(uint64_t number) noexcept { return blocks_[number % Blocks]; }

    /// The thief's side of the race. 0: the block offers nothing.
    static unsigned take(block& b, item** out, unsigned limit) noexcept {
        // mo: acquire, pairs block_queue.grant (advance): the slots and the items behind them.
        claim c(b.word.load(std::memory_order_acquire));
        while (c.available() != 0) {
            const unsigned count = std::min(c.available(), limit);
            for (unsigned i = 0; i < count; ++i) {
                // mo: relaxed, ordered by the claim on both sides.
                out[i] = b.slots[c.next() + i].load(std::memory_order_relaxed);
            }
            // mo: release, pairs block_queue.claim (take_back, drop_empty): the slots have been
            // read. On failure acquire, pairs block_queue.grant (advance), as above.
            if (b.word.compare_exchange_weak(
                    c.word, c.word + count, std::memory_order_release, std::memory_order_acquire)) {
                return count;
            }
        }
        return 0;
    }

    /// The holder's side: what thieves have left of a granted block, which is held from now on.
    static range take_back(block& b) noexcept {
        // mo: acquire, pairs block_queue.claim (take): thieves have read the slots they took.
        claim c(b.word.load(std::memory_order_acquire));
        if (c.available() != 0) {
            // mo: acquire, pairs block_queue.claim (take).
            c.word = b.word.exchange(c.held(), std::memory_order_acquire);
        }
        return {c.next(), c.end()};
    }

    /// Forgets the oldest blocks that have been emptied. The front, while there is something left
    /// of it, is the oldest block, though its claim offers nothing.
    void drop_empty() noexcept {
        uint64_t oldest = oldest_.get();
        if (front_.size() != 0) {
            return;
        }
        // mo: acquire, pairs block_queue.claim (take): the block may be written again.
        while (oldest != current_.get() &&
               claim(block_at(oldest).word.load(std::memory_order_acquire)).available() == 0) {
            ++oldest;
        }
        oldest_.set(oldest);
    }

    /// Grants the current block and goes on in the next one. False when that is still in use.
    bool advance() noexcept {
        drop_empty();
        const uint64_t next = current_.get() + 1;
        if (next - oldest_.get() == Blocks) {
            return false;
        }
        block& left = block_at(next - 1);
        // mo: relaxed, only the holder changes a claim that offers nothing.
        const claim c(left.word.load(std::memory_order_relaxed));
        // mo: release, pairs block_queue.grant (take): the slots and the items behind them.
        left.word.store(c.granted({newest_.first.get(), newest_.last.get()}),
                        std::memory_order_release);
        current_.set(next);
        newest_.open(block_at(next), {0, 0});
        return true;
    }

    [[gnu::noinline]] bool make_room() noexcept {
        if (newest_.size() == 0) { // few items keep to one block, which stays in the cache
            newest_.open(block_at(current_.get()), {0, 0});
            return true;
        }
        return advance();
    }

    /// Makes the youngest block with something left the current one. False when there is none.
    [[gnu::noinline]] bool take_newest_back() noexcept {
        while (oldest_.get() != current_.get()) {
            current_.set(current_.get() - 1);
            block& b = block_at(current_.get());
            newest_.open(b, take_back(b));
            if (newest_.size() != 0) {
                return true;
            }
        }
        newest_.open(block_at(current_.get()), {0, 0});
        return false;
    }

    /// Makes the oldest block with something left the front. False when only the current one has.
    [[gnu::noinline]] bool take_front_back() noexcept {
        while (oldest_.get() != current_.get()) {
            block& b = block_at(oldest_.get());
            front_.open(b, take_back(b));
            if (front_.size() != 0) {
                return true;
            }
            oldest_.set(oldest_.get() + 1);
        }
        return false;
    }

    alignas(64) held_block newest_;
    held_block front_; // empty unless Fifo
    // Written once for each block, so that thieves find them in their caches.
    alignas(64) own_number<uint64_t> oldest_;
    own_number<uint64_t> current_;
    std::array<block, Blocks> blocks_;
};

} // namespace rp::sched
