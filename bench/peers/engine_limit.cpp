// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/shapes.hpp"
#include "bench/peers/tally.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

// What no pool can beat: the hand-over itself, with nothing of a pool around it.
//   submit_one      one locked addition to a count of pending calls, which one consumer thread
//                   takes as a whole and calls that often
//   submit_1000,    one pointer through a single-producer single-consumer ring to one consumer
//   try_submit      thread, which calls it
//   four_producers  four such rings
//   fan_out         a Chase-Lev deque on one thread: pushes in batches, then pops by the owner
//   fork_join,      one unsynchronised stack on one thread, each task called by pointer
//   chain
//   submit()        a futex wake of a thread that sleeps
// It has one consumer whatever number of workers is asked for.

namespace rp::peers {

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

// Chase and Lev's deque without growth, as its owner uses it; the orders are those of Le, Pop,
// Cohen and Zappa Nardelli (2013). Nobody steals here: what remains is what a push and a pop cost.
class owner_deque {
public:
    static constexpr std::int64_t slots = 1024;

    void push(task* item) {
        // mo: relaxed, only the owner writes it
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
        // mo: relaxed, published by bottom
        items_[static_cast<std::size_t>(bottom % slots)].store(item, std::memory_order_relaxed);
        // mo: release, pairs owner_deque.bottom (pop)
        bottom_.store(bottom + 1, std::memory_order_release);
    }

    task* pop() {
        // mo: acquire, pairs owner_deque.bottom (push); the owner reads what it wrote itself
        const std::int64_t bottom = bottom_.load(std::memory_order_acquire) - 1;
        // mo: relaxed, ordered by the fence
        bottom_.store(bottom, std::memory_order_relaxed);
        // mo: seq_cst, pairs owner_deque.fence (pop); a thief would have the other one
        std::atomic_thread_fence(std::memory_order_seq_cst);
        // mo: relaxed, ordered by the fence
        std::int64_t top = top_.load(std::memory_order_relaxed);
        task* item = nullptr;
        if (top <= bottom) {
            // mo: relaxed, only the owner writes it
            item = items_[static_cast<std::size_t>(bottom % slots)].load(std::memory_order_relaxed);
            if (top != bottom) {
                return item;
            }
            // mo: seq_cst, pairs owner_deque.fence (pop); the last one is raced for
            if (!top_.compare_exchange_strong(
                    top, top + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) {
                item = nullptr;
            }
        }
        // mo: relaxed, nothing is published
        bottom_.store(bottom + 1, std::memory_order_relaxed);
        return item;
    }

private:
    alignas(128) std::atomic<std::int64_t> bottom_{0};
    alignas(128) std::atomic<std::int64_t> top_{0};
    alignas(128) std::array<std::atomic<task*>, slots> items_{};
};

class limit_engine final : public engine {
public:
    ~limit_engine() override {
        if (consumer_.joinable()) {
            // mo: relaxed, the join below orders everything
            stop_.store(true, std::memory_order_relaxed);
            consumer_.join();
        }
    }

    void run(shape s, std::uint64_t n) override {
        const std::uint64_t target = total() + n;
        switch (s) {
        case shape::submit_one:
            need_consumer();
            for (std::uint64_t i = 0; i < n; ++i) {
                // mo: release, pairs limit.pending (take_pending)
                pending_.fetch_add(1, std::memory_order_release);
            }
            break;
        case shape::submit_1000:
        case shape::try_submit:
            need_consumer();
            push(0, n);
            break;
        case shape::fan_out:
            fan(n);
            break;
        case shape::fork_join:
            tree_.plant(n);
            nodes_.assign(1, 0);
            run_tree();
            break;
        case shape::chain:
            left_ = n;
            stack_.assign(1, &hopping_);
            run_stack();
            break;
        case shape::four_producers:
            need_consumer();
            (*team_).run([this, n](unsigned index) { push(index, share_of(n, index)); });
            break;
        }
        await_total(target);
    }

    void submit(task_call call, void* context) override { sleeper().wake(call, context); }

private:
    // A thread that waits for one word.
    class sleeping_thread {
    public:
        sleeping_thread() : thread_([this] { work(); }) {}

        ~sleeping_thread() {
            wake(nullptr, nullptr);
            thread_.join();
        }

        sleeping_thread(const sleeping_thread&) = delete;
        sleeping_thread& operator=(const sleeping_thread&) = delete;

        void wake(task_call call, void* context) {
            call_ = call;
            context_ = context;
            // mo: release, pairs sleeping_thread.round (work)
            round_.fetch_add(1, std::memory_order_release);
            ::syscall(SYS_futex, &round_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
        }

    private:
        void work() {
            for (std::uint32_t seen = 0;;) {
                // mo: acquire, pairs sleeping_thread.round (wake)
                while (round_.load(std::memory_order_acquire) == seen) {
                    ::syscall(SYS_futex, &round_, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
                }
                seen += 1;
                if (call_ == nullptr) {
                    return;
                }
                call_(context_);
            }
        }

        task_call call_ = nullptr;
        void* context_ = nullptr;
        std::atomic<std::uint32_t> round_{0};
        std::thread thread_;
    };

    void need_consumer() {
        if (!consumer_.joinable()) {
            consumer_ = std::thread([this] { consume(); });
        }
    }

    sleeping_thread& sleeper() {
        if (!sleeper_) {
            sleeper_ = std::make_unique<sleeping_thread>();
        }
        return *sleeper_;
    }

    void push(unsigned ring, std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i) {
            rings_[ring].push(&counting_);
        }
    }

    void fan(std::uint64_t n) {
        while (n != 0) {
            const std::uint64_t batch = std::min<std::uint64_t>(n, owner_deque::slots);
            for (std::uint64_t i = 0; i < batch; ++i) {
                deque_.push(&counting_);
            }
            while (task* const item = deque_.pop()) {
                item->call(*item);
            }
            n -= batch;
        }
    }

    void run_tree() {
        while (!nodes_.empty()) {
            const std::uint64_t node = nodes_.back();
            nodes_.pop_back();
            tree_.visit(node, [this](std::uint64_t child) { nodes_.push_back(child); });
        }
    }

    void run_stack() {
        while (!stack_.empty()) {
            task* const item = stack_.back();
            stack_.pop_back();
            item->call(*item);
        }
    }

    bool take_pending() {
        // mo: relaxed, a look before the exchange
        if (pending_.load(std::memory_order_relaxed) == 0) {
            return false;
        }
        // mo: acquire, pairs limit.pending (run)
        for (std::uint64_t k = pending_.exchange(0, std::memory_order_acquire); k != 0; --k) {
            counting_.call(counting_);
        }
        return true;
    }

    void consume() {
        patience empty;
        // mo: relaxed, see the destructor
        while (!stop_.load(std::memory_order_relaxed)) {
            bool found = take_pending();
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

    task counting_{call_count};
    task hopping_{call_hop, this};
    alignas(128) std::atomic<std::uint64_t> pending_{0};
    std::array<spsc_ring, producer_team::size> rings_;
    owner_deque deque_;
    std::vector<task*> stack_;
    std::vector<std::uint64_t> nodes_;
    task_tree tree_;
    std::uint64_t left_ = 0;
    std::atomic<bool> stop_{false};
    lazy_team team_;
    std::unique_ptr<sleeping_thread> sleeper_;
    std::thread consumer_;
};

} // namespace

std::unique_ptr<engine> make_limit(unsigned) {
    return std::make_unique<limit_engine>();
}

} // namespace rp::peers
