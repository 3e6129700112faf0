// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/parts.hpp"
#include "scheduler/block_queue.hpp"
#include "scheduler/blocks.hpp"
#include "scheduler/deque.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <vector>

// The queues a core has, as the holder of the core, a thief and a producer from outside use them.

namespace rp::micro {

namespace {

using sched::block_queue;
using sched::deque;
using sched::fifo;
using sched::item;
using sched::lane;

using core_deque = deque<1024>;
using core_blocks = block_queue<>;

constexpr unsigned batch_limit = 64;
using batch_buffer = std::array<item*, batch_limit>;

unsigned steal_from(core_deque& queue, batch_buffer& out) {
    unsigned taken = 0;
    (void)queue.steal(out.data(), batch_limit, taken);
    return taken;
}

unsigned steal_from(core_blocks& queue, batch_buffer& out) {
    return queue.steal(out.data(), batch_limit);
}

// Everything may be stolen from now on, until the next push.
void grant_all(core_deque&) {}

void grant_all(core_blocks& queue) {
    (void)queue.share();
}

// The holder alone pushes `batch` items and pops them.
template <class Queue>
void push_pop(State& state, unsigned batch) {
    constexpr unsigned rounds = 1024;
    const auto queue = std::make_unique<Queue>();
    std::vector<item> items(batch);
    std::uint64_t missing = 0;
    for ([[maybe_unused]] auto _ : state) {
        for (unsigned round = 0; round < rounds; ++round) {
            for (item& it : items) {
                missing += queue->push(it) ? 0 : 1;
            }
            for (unsigned i = 0; i < batch; ++i) {
                missing += queue->pop() != nullptr ? 0 : 1;
            }
        }
    }
    count_operations(state, std::uint64_t{rounds} * batch);
    if (missing != 0 || queue->pop() != nullptr) {
        fail(state, "an item was lost, or came twice");
    }
}

// A thief empties what the holder has filled; only the thief is timed. Several queues, so that this
// is not short beside handing over to it.
template <class Queue>
void steal(State& state) {
    constexpr unsigned queues = 32;
    constexpr unsigned filled = 512;
    std::vector<std::unique_ptr<Queue>> victims;
    for (unsigned i = 0; i < queues; ++i) {
        victims.push_back(std::make_unique<Queue>());
    }
    std::vector<item> items(std::size_t{queues} * filled);
    companion thief;
    for ([[maybe_unused]] auto _ : state) {
        std::size_t pushed = 0;
        for (std::size_t i = 0; i < items.size(); ++i) {
            pushed += victims[i / filled]->push(items[i]) ? 1 : 0;
        }
        for (const auto& queue : victims) {
            grant_all(*queue);
        }
        std::size_t stolen = 0;
        double seconds = 0;
        thief.start([&] {
            batch_buffer out;
            const double begin = seconds_now();
            for (const auto& queue : victims) {
                for (unsigned taken = steal_from(*queue, out); taken != 0;) {
                    stolen += taken;
                    taken = steal_from(*queue, out);
                }
            }
            seconds = seconds_now() - begin;
        });
        thief.wait();
        state.SetIterationTime(seconds);
        if (pushed != items.size() || stolen != pushed) {
            fail(state, "stolen: " + std::to_string(stolen) + " of " + std::to_string(pushed));
            break;
        }
    }
    count_operations(state, items.size());
}

// Every item that somebody takes is marked; each must have been taken once in the end.
class taken_once {
public:
    explicit taken_once(std::size_t count) : items_(count), times_(count) {}

    [[nodiscard]] std::vector<item>& items() { return items_; }

    void mark(item* const* taken, unsigned count) {
        for (unsigned i = 0; i < count; ++i) {
            ++times_[static_cast<std::size_t>(taken[i] - items_.data())];
        }
    }

    // And begins again.
    [[nodiscard]] bool holds() {
        const bool all = std::all_of(times_.begin(), times_.end(), [](auto n) { return n == 1; });
        std::fill(times_.begin(), times_.end(), std::uint8_t{0});
        return all;
    }

private:
    std::vector<item> items_;
    std::vector<std::uint8_t> times_;
};

// The holder pushes two and pops one, and spills when it is full, while a thief is at it.
template <class Queue>
void hold_beside_thief(State& state) {
    const auto queue = std::make_unique<Queue>();
    taken_once ledger(100'000);
    std::atomic<bool> is_over{false};
    companion thief;
    for ([[maybe_unused]] auto _ : state) {
        // mo: relaxed, passed on by start().
        is_over.store(false, std::memory_order_relaxed);
        thief.start([&] {
            batch_buffer out;
            // mo: acquire, pairs hold.over (hold_beside_thief).
            while (!is_over.load(std::memory_order_acquire)) {
                ledger.mark(out.data(), steal_from(*queue, out));
            }
        });
        batch_buffer out;
        unsigned since_pop = 0;
        for (item& it : ledger.items()) {
            while (!queue->push(it)) {
                ledger.mark(out.data(), queue->take_oldest(out.data(), batch_limit));
            }
            if (++since_pop == 2) {
                since_pop = 0;
                item* const popped = queue->pop();
                ledger.mark(&popped, popped != nullptr ? 1 : 0);
            }
        }
        // mo: release, pairs hold.over (hold_beside_thief).
        is_over.store(true, std::memory_order_release);
        thief.wait();
        for (unsigned taken = batch_limit; taken != 0;) {
            taken = queue->take_oldest(out.data(), batch_limit);
            ledger.mark(out.data(), taken);
        }
        state.PauseTiming();
        const bool is_right = ledger.holds();
        state.ResumeTiming();
        if (!is_right) {
            fail(state, "an item was lost, or taken twice");
            break;
        }
    }
    count_operations(state, ledger.items().size());
}

bool push_to(lane& queue, item& it) {
    return queue.push(it);
}

bool push_to(fifo& queue, item& it) {
    queue.push(it);
    return true;
}

unsigned take_from(lane& queue, batch_buffer& out) {
    unsigned count = 0;
    (void)queue.take(out.data(), batch_limit, count);
    return count;
}

unsigned take_from(fifo& queue, batch_buffer& out) {
    return queue.take(out.data(), batch_limit);
}

// One thread puts 64 in and takes them out.
template <class Queue>
void put_take(State& state) {
    constexpr unsigned rounds = 256;
    sched::block_pool pool;
    Queue queue(pool);
    std::vector<item> items(batch_limit);
    batch_buffer out;
    std::uint64_t missing = 0;
    for ([[maybe_unused]] auto _ : state) {
        for (unsigned round = 0; round < rounds; ++round) {
            for (item& it : items) {
                missing += push_to(queue, it) ? 0 : 1;
            }
            missing += batch_limit - take_from(queue, out);
            missing += out.back() != &items.back() ? 1 : 0;
        }
    }
    count_operations(state, std::uint64_t{rounds} * batch_limit);
    if (missing != 0) {
        fail(state, "an item was lost, or out of order");
    }
}

// A second thread produces, this one consumes.
template <class Queue>
void pass_over(State& state) {
    sched::block_pool pool;
    Queue queue(pool);
    std::vector<item> items(200'000);
    companion producer;
    for ([[maybe_unused]] auto _ : state) {
        producer.start([&] {
            for (item& it : items) {
                // Out of memory: the consumer drains, so that blocks come back.
                while (!push_to(queue, it)) {
                    std::this_thread::yield();
                }
            }
        });
        batch_buffer out;
        std::size_t next = 0;
        bool is_in_order = true;
        while (next < items.size()) {
            const unsigned taken = take_from(queue, out);
            for (unsigned i = 0; i < taken; ++i) {
                is_in_order = is_in_order && out[i] == &items[next + i];
            }
            next += taken;
            if (taken == 0) {
                std::this_thread::yield();
            }
        }
        producer.wait();
        if (!is_in_order) {
            fail(state, "an item was out of order");
            break;
        }
    }
    count_operations(state, items.size());
}

} // namespace

void register_queue_parts() {
    for (const unsigned batch : {1U, 16U, 512U}) {
        const std::string suffix = "/push_pop/batch:" + std::to_string(batch);
        add_part("deque" + suffix, [batch](State& state) { push_pop<core_deque>(state, batch); });
        add_part("block_queue" + suffix,
                 [batch](State& state) { push_pop<core_blocks>(state, batch); });
    }
    add_timed_part("deque/steal", steal<core_deque>);
    add_timed_part("block_queue/steal", steal<core_blocks>);
    add_part("deque/hold_beside_thief", hold_beside_thief<core_deque>);
    add_part("block_queue/hold_beside_thief", hold_beside_thief<core_blocks>);
    add_part("lane/push_take", put_take<lane>);
    add_part("lane/pass_over", pass_over<lane>);
    add_part("inbox/push_take", put_take<fifo>);
    add_part("inbox/pass_over", pass_over<fifo>);
}

} // namespace rp::micro
