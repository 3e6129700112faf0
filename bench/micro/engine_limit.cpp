// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/shapes.hpp"
#include "bench/micro/tally.hpp"

#include <sched.h>

// What no pool can beat: the hand-over itself, with nothing of a pool around it.
//   submissions from outside: one pointer through a single-producer single-consumer ring to one
//                             consumer thread, which calls it; four producers: four such rings
//   fan-out, chain:           one unsynchronised stack on one thread, each task called by pointer
// It has one consumer whatever number of workers is asked for.

namespace rp::micro {

namespace {

struct task {
    void (*call)(task&);
    void* context = nullptr;
};

// Spins for about as long as a hand-over takes, then lets another thread have the CPU: producer and
// consumer may have to share one.
class patience {
public:
    void lose() {
        if (++lost_ % 1024 == 0) {
            ::sched_yield();
        }
    }

private:
    unsigned lost_ = 0;
};

// Lamport's ring with cached indices.
class spsc_ring {
public:
    void push(task* item) {
        // mo: relaxed, only the producer writes it
        const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
        patience full;
        while (tail - cached_head_ == slots) {
            // mo: acquire, pairs spsc head (drain)
            cached_head_ = head_.load(std::memory_order_acquire);
            if (tail - cached_head_ == slots) {
                full.lose();
            }
        }
        items_[tail % slots] = item;
        // mo: release, pairs spsc tail (drain)
        tail_.store(tail + 1, std::memory_order_release);
    }

    // Calls everything that is there; false when nothing was.
    bool drain() {
        // mo: relaxed, only the consumer writes it
        std::uint64_t head = head_.load(std::memory_order_relaxed);
        // mo: acquire, pairs spsc tail (push)
        const std::uint64_t tail = tail_.load(std::memory_order_acquire);
        if (head == tail) {
            return false;
        }
        for (; head != tail; ++head) {
            task* const item = items_[head % slots];
            item->call(*item);
        }
        // mo: release, pairs spsc head (push)
        head_.store(tail, std::memory_order_release);
        return true;
    }

private:
    static constexpr std::uint64_t slots = 4096;

    alignas(128) std::atomic<std::uint64_t> tail_{0};
    std::uint64_t cached_head_ = 0;
    alignas(128) std::atomic<std::uint64_t> head_{0};
    alignas(128) std::array<task*, slots> items_{};
};

class limit_engine final : public engine {
public:
    limit_engine() : consumer_([this] { consume(); }) {}

    ~limit_engine() override {
        // mo: relaxed, the join below orders everything
        stop_.store(true, std::memory_order_relaxed);
        consumer_.join();
    }

    void run(shape s, std::uint64_t n) override {
        const std::uint64_t target = total() + n;
        switch (s) {
        case shape::submit_one:
        case shape::submit_1000:
        case shape::try_submit:
            push(0, n);
            break;
        case shape::fan_out:
            for (std::uint64_t i = 0; i < n; ++i) {
                stack_.push_back(&counting_);
            }
            run_stack();
            break;
        case shape::chain:
            left_ = n;
            stack_.assign(1, &hopping_);
            run_stack();
            break;
        case shape::four_producers:
            team().run([this, n](unsigned index) { push(index, share_of(n, index)); });
            break;
        }
        await_total(target);
    }

private:
    void push(unsigned ring, std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i) {
            rings_[ring].push(&counting_);
        }
    }

    void run_stack() {
        while (!stack_.empty()) {
            task* const item = stack_.back();
            stack_.pop_back();
            item->call(*item);
        }
    }

    void consume() {
        patience empty;
        // mo: relaxed, see the destructor
        while (!stop_.load(std::memory_order_relaxed)) {
            bool found = false;
            for (auto& ring : rings_) {
                found = ring.drain() || found;
            }
            if (!found) {
                empty.lose();
            }
        }
    }

    static void call_count(task&) { count_one(); }

    static void call_hop(task& self) {
        auto& engine = *static_cast<limit_engine*>(self.context);
        engine.left_ -= 1;
        if (engine.left_ != 0) {
            engine.stack_.push_back(&self);
        }
        count_one();
    }

    producer_team& team() {
        if (!team_) {
            team_ = std::make_unique<producer_team>();
        }
        return *team_;
    }

    task counting_{call_count};
    task hopping_{call_hop, this};
    std::array<spsc_ring, producer_team::size> rings_;
    std::vector<task*> stack_;
    std::uint64_t left_ = 0;
    std::atomic<bool> stop_{false};
    std::unique_ptr<producer_team> team_;
    std::thread consumer_;
};

} // namespace

std::unique_ptr<engine> make_limit(unsigned) {
    return std::make_unique<limit_engine>();
}

} // namespace rp::micro
