// SPDX-License-Identifier: Apache-2.0
// The block queue alone: its races need more thieves and smaller blocks than a pool would give it.
//
// Holders take turns; whose turn it is passes with release and acquire, like a core. The holder
// makes random calls for a while; thieves steal all the time. Every item is pushed once and has a
// number, the position of its push, so that mistakes show: an item that comes out twice or never, a
// batch out of order, a pop that overtakes (first in first out), contents that were not published.
#include "scheduler/block_queue.hpp"
#include "tests/stress/scale.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using namespace rp::sched;
using rp::test::random_source;
using rp::test::scaled;

namespace {

constexpr uint32_t holders = 2;
constexpr uint32_t thieves = 3;

struct numbered : item {
    uint32_t number = 0; // written by the holder before the push, not atomic on purpose
    std::atomic<uint32_t> times_out{0};
};

template <unsigned Blocks, unsigned Slots, bool Fifo>
class queue_under_stress {
public:
    queue_under_stress(uint32_t total, uint64_t seed) : items_(total), seed_(seed) {}

    void run() {
        std::vector<std::thread> threads;
        for (uint32_t i = 0; i < thieves; ++i) {
            threads.emplace_back([this, i] { rob(i); });
        }
        let_a_thief_begin();
        for (uint32_t i = 0; i < holders; ++i) {
            threads.emplace_back([this, i] { hold(i); });
        }
        for (std::thread& t : threads) {
            t.join();
        }
        size_t wrong = 0;
        for (const numbered& it : items_) {
            // mo: relaxed, the threads are joined.
            wrong += it.times_out.load(std::memory_order_relaxed) != 1 ? 1 : 0;
        }
        CHECK(wrong == 0);
        CHECK(queue_->size() == 0);
        // mo: relaxed, the threads are joined.
        CHECK(mistakes_.load(std::memory_order_relaxed) == 0);
    }

private:
    /// Without it the holders may be through before the first thief has started.
    void let_a_thief_begin() {
        numbered& first = items_[next_++];
        REQUIRE((queue_->push(first) && queue_->share()));
        // mo: relaxed, a counter.
        while (stolen_.load(std::memory_order_relaxed) == 0) {
            std::this_thread::yield();
        }
    }

    void hold(uint32_t own) {
        random_source random(seed_ + own);
        for (;;) {
            // mo: acquire, pairs block_queue_stress.turn (below): the queue as the last one left
            // it.
            uint32_t turn = turn_.load(std::memory_order_acquire);
            while (turn < over && turn % holders != own) {
                // mo: acquire, pairs block_queue_stress.turn (below), as the load.
                turn_.wait(turn, std::memory_order_acquire);
                // mo: acquire, pairs block_queue_stress.turn (below), as above.
                turn = turn_.load(std::memory_order_acquire);
            }
            if (turn >= over) {
                return;
            }
            for (unsigned calls = 0; calls < 1000; ++calls) {
                if (random.below(16) < pushes_of_16_) {
                    push(random);
                } else {
                    take(random);
                }
                if (random.below(64) == 0) {
                    pushes_of_16_ = 4 + static_cast<uint32_t>(random.below(9));
                }
            }
            const bool is_over = next_ == items_.size() && queue_->size() == 0;
            // mo: release, pairs block_queue_stress.turn (above, rob): all that this one did.
            turn_.store(is_over ? over : turn + 1, std::memory_order_release);
            turn_.notify_all();
        }
    }

    void rob(uint32_t own) {
        random_source random(seed_ + holders + own);
        item* out[Slots];
        // mo: acquire, pairs block_queue_stress.turn (hold).
        while (turn_.load(std::memory_order_acquire) < over) {
            const unsigned count =
                queue_->steal(out, 1 + static_cast<unsigned>(random.below(Slots)));
            if (count == 0) {
                std::this_thread::yield();
                continue;
            }
            take_in(out, count);
            // mo: relaxed, a counter.
            stolen_.fetch_add(count, std::memory_order_relaxed);
        }
    }

    void push(random_source& random) {
        if (next_ == items_.size()) {
            return;
        }
        numbered& it = items_[next_];
        it.number = next_;
        if (!queue_->push(it)) {
            if (random.below(2) == 0) {
                return;
            }
            item* out[Slots];
            take_in(out, queue_->take_oldest(out, Slots));
            if (!queue_->push(it)) {
                mistake();
                return;
            }
        }
        ++next_;
    }

    void take(random_source& random) {
        const uint64_t kind = random.below(32);
        if (kind == 0) {
            (void)queue_->share();
        } else if (kind == 1) {
            item* out[2 * Slots];
            const auto wanted = static_cast<unsigned>(random.below(2 * Slots + 1));
            take_in(out, queue_->take_oldest(out, wanted));
        } else {
            const size_t length = queue_->size();
            item* it = kind < 4 ? queue_->pop_oldest() : queue_->pop();
            if (it != nullptr) {
                take_in(&it, 1);
                check_order(*it);
            }
            // The holder sees everything that nobody took, and nothing comes from nowhere.
            if (it != nullptr ? length == 0 : queue_->size() != 0) {
                mistake();
            }
        }
    }

    /// First in first out, whatever thieves take, the holder goes forward only.
    void check_order(const item& it) {
        const uint32_t number = static_cast<const numbered&>(it).number;
        if (Fifo && has_popped_ && number <= last_popped_) {
            mistake();
        }
        last_popped_ = number;
        has_popped_ = true;
    }

    /// Items come out in the order of their pushes, each with what was written before its push.
    void take_in(item* const* out, unsigned count) {
        for (unsigned i = 0; i < count; ++i) {
            auto& it = static_cast<numbered&>(*out[i]);
            if (&it != &items_[it.number] ||
                (i != 0 && it.number <= static_cast<numbered*>(out[i - 1])->number)) {
                mistake();
            }
            // mo: relaxed, summed up after the threads are joined.
            it.times_out.fetch_add(1, std::memory_order_relaxed);
        }
    }

    void mistake() {
        // mo: relaxed, a counter.
        mistakes_.fetch_add(1, std::memory_order_relaxed);
    }

    static constexpr uint32_t over = 0x80000000;

    std::unique_ptr<block_queue<Blocks, Slots, Fifo>> queue_ =
        std::make_unique<block_queue<Blocks, Slots, Fifo>>();
    std::vector<numbered> items_;
    const uint64_t seed_;
    std::atomic<uint32_t> turn_{0}; // modulo `holders`: who holds the queue; `over`: nobody
    std::atomic<uint32_t> mistakes_{0};
    std::atomic<uint32_t> stolen_{0};

    // The holder's.
    uint32_t next_ = 0;
    uint32_t pushes_of_16_ = 8;
    uint32_t last_popped_ = 0;
    bool has_popped_ = false;
};

template <unsigned Blocks, unsigned Slots, bool Fifo>
void stress_block_queue(uint32_t total) {
    const uint64_t seed = rp::test::seed();
    CAPTURE(seed);
    queue_under_stress<Blocks, Slots, Fifo>(scaled(total), seed).run();
}

} // namespace

TEST_CASE("block_queue: every item comes out exactly once, newest first") {
    SUBCASE("two blocks of one slot") {
        stress_block_queue<2, 1, false>(1'000'000);
    }
    SUBCASE("small blocks") {
        stress_block_queue<4, 3, false>(2'000'000);
    }
    SUBCASE("blocks as they are used") {
        stress_block_queue<16, 64, false>(2'000'000);
    }
}

TEST_CASE("block_queue: every item comes out exactly once, oldest first and in order") {
    SUBCASE("two blocks of one slot") {
        stress_block_queue<2, 1, true>(1'000'000);
    }
    SUBCASE("small blocks") {
        stress_block_queue<4, 3, true>(2'000'000);
    }
    SUBCASE("blocks as they are used") {
        stress_block_queue<16, 64, true>(2'000'000);
    }
}
