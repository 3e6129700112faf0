// SPDX-License-Identifier: Apache-2.0
#include "scheduler/block_queue.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

using namespace rp::sched;
using rp::test::random_source;

namespace {

using lifo_queue = block_queue<4, 4>;
using fifo_queue = block_queue<4, 4, true>;

template <class Queue>
unsigned push_until_full(Queue& q, std::vector<item>& items) {
    unsigned pushed = 0;
    while (pushed < items.size() && q.push(items[pushed])) {
        ++pushed;
    }
    return pushed;
}

/// Indexes of what a call wrote to `out`.
std::vector<int> numbers(const std::vector<item>& items, item* const* out, unsigned count) {
    std::vector<int> result;
    for (unsigned i = 0; i < count; ++i) {
        result.push_back(static_cast<int>(out[i] - items.data()));
    }
    return result;
}

std::vector<int> from_to(int first, int last) {
    std::vector<int> result;
    for (int i = first; i <= last; ++i) {
        result.push_back(i);
    }
    return result;
}

} // namespace

TEST_CASE("block_queue: the holder pops the newest item first, back through all blocks") {
    lifo_queue q;
    std::vector<item> items(16);
    for (int round = 0; round < 3; ++round) {
        REQUIRE(push_until_full(q, items) == 16);
        for (unsigned i = 16; i > 0; --i) {
            REQUIRE(q.size() == i);
            REQUIRE(q.pop() == &items[i - 1]);
        }
        REQUIRE(q.size() == 0);
        REQUIRE(q.pop() == nullptr);
    }
}

TEST_CASE("block_queue: first in first out, the holder pops the oldest item through all blocks") {
    fifo_queue q;
    std::vector<item> items(16);
    for (int round = 0; round < 3; ++round) {
        REQUIRE(push_until_full(q, items) == 16);
        for (unsigned i = 0; i < 16; ++i) {
            REQUIRE(q.size() == 16 - i);
            REQUIRE(q.pop() == &items[i]);
        }
        REQUIRE(q.size() == 0);
        REQUIRE(q.pop() == nullptr);
    }
}

TEST_CASE("block_queue: going to and fro over the border of two blocks keeps the order") {
    lifo_queue q;
    std::vector<item> items(6);
    for (unsigned i = 0; i < 4; ++i) {
        REQUIRE(q.push(items[i]));
    }
    for (int round = 0; round < 1000; ++round) {
        REQUIRE(q.push(items[4]));
        REQUIRE(q.push(items[5]));
        REQUIRE(q.pop() == &items[5]);
        REQUIRE(q.pop() == &items[4]);
        REQUIRE(q.pop() == &items[3]);
        REQUIRE(q.push(items[3]));
    }
    CHECK(q.size() == 4);
}

TEST_CASE("block_queue: a full queue refuses an item until a block of the oldest is taken out") {
    lifo_queue lifo;
    fifo_queue fifo;
    std::vector<item> items(17);
    item* out[16];
    SUBCASE("newest first") {
        REQUIRE(push_until_full(lifo, items) == 16);
        CHECK_FALSE(lifo.push(items[16]));
        CHECK(lifo.size() == 16);
        CHECK(numbers(items, out, lifo.take_oldest(out, 4)) == from_to(0, 3));
        CHECK(lifo.push(items[16]));
        CHECK(lifo.pop() == &items[16]);
        CHECK(lifo.pop_oldest() == &items[4]);
        CHECK(numbers(items, out, lifo.take_oldest(out, 16)) == from_to(5, 15));
        CHECK(lifo.pop_oldest() == nullptr);
    }
    SUBCASE("oldest first, the front half used up") {
        REQUIRE(push_until_full(fifo, items) == 16);
        CHECK(fifo.pop() == &items[0]);
        CHECK(fifo.pop_oldest() == &items[1]);
        CHECK_FALSE(fifo.push(items[16]));
        CHECK(fifo.size() == 14);
        CHECK(numbers(items, out, fifo.take_oldest(out, 4)) == from_to(2, 5));
        CHECK(fifo.push(items[16]));
        CHECK(numbers(items, out, fifo.take_oldest(out, 16)) == from_to(6, 16));
        CHECK(fifo.pop() == nullptr);
    }
}

TEST_CASE("block_queue: a block that thieves have emptied is used again") {
    lifo_queue q;
    std::vector<item> items(16);
    std::vector<item> more(4);
    REQUIRE(push_until_full(q, items) == 16);
    item* out[16];
    REQUIRE(q.steal(out, 3) == 3);
    CHECK_FALSE(q.push(more[0])); // one item is left of the oldest block
    REQUIRE(q.steal(out, 3) == 1);
    CHECK(out[0] == &items[3]);
    for (item& it : more) {
        CHECK(q.push(it));
    }
    CHECK_FALSE(q.push(more[0]));
    CHECK(q.size() == 16);
}

TEST_CASE("block_queue: a thief takes what is left of the oldest block and never more") {
    lifo_queue q;
    std::vector<item> items(10);
    REQUIRE(push_until_full(q, items) == 10);
    item* out[16];
    CHECK(q.steal(out, 0) == 0);
    CHECK(numbers(items, out, q.steal(out, 1)) == from_to(0, 0));
    CHECK(numbers(items, out, q.steal(out, 16)) == from_to(1, 3));
    CHECK(numbers(items, out, q.steal(out, 16)) == from_to(4, 7));
    CHECK(q.size() == 2);
    CHECK(q.steal(out, 16) == 0); // the holder works in the block of these two
    CHECK(q.pop() == &items[9]);
    CHECK(q.pop() == &items[8]);
    CHECK(q.pop() == nullptr);
}

TEST_CASE("block_queue: first in first out, a thief leaves out the block the holder pops from") {
    fifo_queue q;
    std::vector<item> items(10);
    REQUIRE(push_until_full(q, items) == 10);
    CHECK(q.pop() == &items[0]);
    item* out[16];
    CHECK(numbers(items, out, q.steal(out, 16)) == from_to(4, 7));
    CHECK(q.steal(out, 16) == 0);
    CHECK(q.size() == 5);
    for (const unsigned expected : {1U, 2U, 3U, 8U, 9U}) {
        CHECK(q.pop() == &items[expected]);
    }
    CHECK(q.pop() == nullptr);
}

TEST_CASE("block_queue: the holder finds what thieves have left of the block it goes back to") {
    lifo_queue q;
    std::vector<item> items(5);
    REQUIRE(push_until_full(q, items) == 5);
    item* out[16];
    REQUIRE(q.steal(out, 3) == 3);
    CHECK(q.pop() == &items[4]);
    CHECK(q.pop() == &items[3]);
    CHECK(q.pop() == nullptr);
    CHECK(q.size() == 0);
}

TEST_CASE("block_queue: what the holder shares can be stolen, and comes back when it is not") {
    lifo_queue q;
    std::vector<item> items(6);
    item* out[16];
    CHECK_FALSE(q.share());
    REQUIRE(q.push(items[0]));
    REQUIRE(q.push(items[1]));
    REQUIRE(q.push(items[2]));
    CHECK(q.steal(out, 16) == 0);
    REQUIRE(q.share());
    CHECK_FALSE(q.share());
    CHECK(q.size() == 3);
    CHECK(numbers(items, out, q.steal(out, 1)) == from_to(0, 0));
    CHECK(q.pop() == &items[2]);
    CHECK(q.steal(out, 16) == 0);
    CHECK(q.pop() == &items[1]);
    CHECK(q.pop() == nullptr);
    for (unsigned i = 0; i < 3; ++i) { // one item in each block but the last
        REQUIRE(q.push(items[i]));
        REQUIRE(q.share());
    }
    REQUIRE(q.push(items[3]));
    CHECK_FALSE(q.share());
    CHECK(q.size() == 4);
    CHECK(numbers(items, out, q.take_oldest(out, 16)) == from_to(0, 3));
}

TEST_CASE("block_queue: a block of one slot and two blocks are enough") {
    block_queue<2, 1> lifo;
    block_queue<2, 1, true> fifo;
    std::vector<item> items(3);
    item* stolen = nullptr;
    for (int round = 0; round < 1000; ++round) {
        REQUIRE(push_until_full(lifo, items) == 2);
        REQUIRE(lifo.steal(&stolen, 1) == 1);
        REQUIRE(stolen == &items[0]);
        REQUIRE(lifo.steal(&stolen, 1) == 0);
        REQUIRE(lifo.push(items[2]));
        REQUIRE(lifo.pop() == &items[2]);
        REQUIRE(lifo.pop() == &items[1]);
        REQUIRE(lifo.pop() == nullptr);
        REQUIRE(push_until_full(fifo, items) == 2);
        REQUIRE(fifo.pop() == &items[0]);
        REQUIRE(fifo.push(items[2]));
        REQUIRE(fifo.steal(&stolen, 1) == 1);
        REQUIRE(stolen == &items[1]);
        REQUIRE(fifo.pop() == &items[2]);
        REQUIRE(fifo.pop() == nullptr);
    }
}

namespace {

/// A queue of the standard library that is told what the block queue did, and whether it may.
template <unsigned Blocks, unsigned Slots, bool Fifo>
class block_queue_against_model {
public:
    explicit block_queue_against_model(uint64_t seed) : random_(seed), items_(4 * Blocks * Slots) {
        for (item& it : items_) {
            free_.push_back(&it);
        }
    }

    bool run(unsigned steps) {
        for (unsigned i = 0; i < steps; ++i) {
            // Long stretches of mostly pushes and of mostly pops reach both ends of the ring.
            if (i % 256 == 0) {
                pushes_of_16_ = 4 + static_cast<unsigned>(random_.below(9));
            }
            const bool is_right = random_.below(16) < pushes_of_16_ ? push() : take();
            if (!is_right || queue_->size() != model_.size()) {
                return false;
            }
        }
        return refusals_ != 0 && empty_pops_ != 0 && steals_ != 0;
    }

private:
    bool push() {
        item* it = free_.front();
        if (queue_->push(*it)) {
            free_.pop_front();
            model_.push_back(it);
            return true;
        }
        ++refusals_;
        item* out[Slots];
        return model_.size() >= Blocks && oldest_left(out, queue_->take_oldest(out, Slots)) &&
               push_again();
    }

    bool push_again() {
        const size_t before = refusals_;
        return push() && refusals_ == before;
    }

    bool take() {
        item* out[2 * Slots];
        const auto wanted = static_cast<unsigned>(random_.below(2 * Slots + 1));
        switch (random_.below(16)) {
        case 0:
            return oldest_left(out, queue_->take_oldest(out, wanted)) &&
                   (model_.empty() || wanted == 0 || last_count_ != 0);
        case 1:
            return is_one_of(queue_->pop_oldest(), true);
        case 2:
            return !queue_->share() || !model_.empty();
        case 3:
        case 4:
            return is_stolen(out, wanted);
        default:
            return is_one_of(queue_->pop(), Fifo);
        }
    }

    bool is_one_of(item* it, bool is_oldest) {
        if (model_.empty()) {
            ++empty_pops_;
            return it == nullptr;
        }
        const bool is_right = it == (is_oldest ? model_.front() : model_.back());
        if (is_oldest) {
            model_.pop_front();
        } else {
            model_.pop_back();
        }
        free_.push_back(it);
        return is_right;
    }

    bool oldest_left(item** out, unsigned count) {
        last_count_ = count;
        return is_run_at(0, out, count);
    }

    /// At most two blocks are held first in first out, otherwise one, which is the newest.
    bool is_stolen(item** out, unsigned limit) {
        const size_t left_out_at_most = Fifo ? Slots - 1 : 0;
        const size_t before = model_.size();
        const unsigned count = queue_->steal(out, limit);
        if (count == 0) {
            return limit == 0 || before <= Slots + left_out_at_most;
        }
        ++steals_;
        const auto at =
            static_cast<size_t>(std::find(model_.begin(), model_.end(), out[0]) - model_.begin());
        return count <= std::min(limit, Slots) && at <= left_out_at_most &&
               is_run_at(at, out, count);
    }

    /// The model has these items from index `at` on, in this order; they leave it.
    bool is_run_at(size_t at, item** out, unsigned count) {
        if (at + count > model_.size() ||
            !std::equal(out, out + count, model_.begin() + static_cast<ptrdiff_t>(at))) {
            return false;
        }
        const auto first = model_.begin() + static_cast<ptrdiff_t>(at);
        free_.insert(free_.end(), first, first + count);
        model_.erase(first, first + count);
        return true;
    }

    random_source random_;
    std::vector<item> items_;
    std::deque<item*> free_;
    std::deque<item*> model_;
    std::unique_ptr<block_queue<Blocks, Slots, Fifo>> queue_ =
        std::make_unique<block_queue<Blocks, Slots, Fifo>>();
    unsigned pushes_of_16_ = 8;
    unsigned last_count_ = 0;
    size_t refusals_ = 0;
    size_t empty_pops_ = 0;
    size_t steals_ = 0;
};

} // namespace

TEST_CASE("block_queue: random calls give what a simple queue gives, newest first") {
    const uint64_t seed = rp::test::seed();
    CAPTURE(seed);
    CHECK(block_queue_against_model<2, 1, false>(seed).run(50'000));
    CHECK(block_queue_against_model<4, 3, false>(seed).run(50'000));
    CHECK(block_queue_against_model<8, 4, false>(seed).run(50'000));
}

TEST_CASE("block_queue: random calls give what a simple queue gives, oldest first") {
    const uint64_t seed = rp::test::seed();
    CAPTURE(seed);
    CHECK(block_queue_against_model<2, 1, true>(seed).run(50'000));
    CHECK(block_queue_against_model<4, 3, true>(seed).run(50'000));
    CHECK(block_queue_against_model<8, 4, true>(seed).run(50'000));
}
