// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/peers/tally.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// The shapes in which tasks come into a pool, and the engines that run them. Every task of every
// shape does the same: count_one() (tally.hpp).

namespace rp::peers {

enum class shape {
    submit_one,     // one object submitted n times from outside, then a wait for all n
    submit_1000,    // the same over 1000 objects in turn
    try_submit,     // a new fire-and-forget task each time
    fan_out,        // one task submits n from inside (ringpool: over 1000 objects)
    fork_join,      // a binary tree of n tasks, each but the leaves submits two; the last child
                    // to end joins its parent, nobody blocks
    chain,          // A submits B, B submits A, ... n times
    four_producers, // four outside threads submit n / 4 each
};

inline constexpr std::array all_shapes{shape::submit_one,
                                       shape::submit_1000,
                                       shape::try_submit,
                                       shape::fan_out,
                                       shape::fork_join,
                                       shape::chain,
                                       shape::four_producers};

std::string_view name_of(shape s);

// What submit() runs: any code, so that a shape can look at the clock when its task starts.
using task_call = void (*)(void* context);

class engine {
public:
    engine() = default;
    virtual ~engine() = default;
    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;

    // Runs n tasks in the shape and returns when all of them have run, or when no task has ended
    // for so long that some must be lost. fork_join wants n to be a tree (tree_tasks).
    virtual void run(shape s, std::uint64_t n) = 0;

    // One task from outside. The one before must have started.
    virtual void submit(task_call call, void* context) = 0;
};

enum class role { ours, peer, limit };

struct engine_kind {
    std::string name;
    role part = role::peer;
    // With a number of worker threads.
    std::unique_ptr<engine> (*make)(unsigned workers) = nullptr;
    // Which shapes it can run; nullptr: all of them.
    bool (*runs)(shape s) = nullptr;

    [[nodiscard]] bool can_run(shape s) const { return runs == nullptr || runs(s); }
};

std::unique_ptr<engine> make_ringpool(unsigned workers);
std::unique_ptr<engine> make_tbb(unsigned workers);
std::unique_ptr<engine> make_asio(unsigned workers);
std::unique_ptr<engine> make_libuv(unsigned workers);
std::unique_ptr<engine> make_limit(unsigned workers);

// Engines that live in this process: ringpool, its peers and the limit. libuv is not among them:
// its pool is one for a process and keeps its first size (child.hpp).
const std::vector<engine_kind>& all_engines();

// libuv's pool takes tasks from the thread of its loop only.
bool libuv_runs(shape s);

// Runs the shape in this process and answers nanoseconds per task; the first batch brings threads
// and memory into being and is not counted. `fault` says when tasks were lost or run twice.
double measure_shape(
    const engine_kind& kind, unsigned workers, shape s, std::uint64_t n, std::string& fault);

// Four threads that wait, all run one function together, and wait again; so that their creation is
// outside what is measured.
class producer_team {
public:
    static constexpr unsigned size = 4;

    producer_team();
    ~producer_team();
    producer_team(const producer_team&) = delete;
    producer_team& operator=(const producer_team&) = delete;

    // Calls job(0) .. job(size - 1), each on its own thread; returns when all have returned.
    void run(const std::function<void(unsigned)>& job);

private:
    void work(unsigned index);

    const std::function<void(unsigned)>* job_ = nullptr;
    std::atomic<std::uint32_t> round_{0};
    std::atomic<std::uint32_t> busy_{0};
    std::vector<std::thread> threads_;
};

// Made by the first shape that needs it.
class lazy_team {
public:
    producer_team& operator*() {
        if (!team_) {
            team_ = std::make_unique<producer_team>();
        }
        return *team_;
    }

private:
    std::unique_ptr<producer_team> team_;
};

// The n-th part of a batch for producer `index`; the parts add up to n.
std::uint64_t share_of(std::uint64_t n, unsigned index);

// The largest full binary tree of at most n nodes: 2^k - 1.
std::uint64_t tree_tasks(std::uint64_t n);

// The tree of fork_join in heap order. Every engine runs this code; what differs is how it brings a
// child to a worker. The root counts as run when its subtrees have joined, so that the count of a
// tree whose join went wrong is short of one.
class task_tree {
public:
    // `nodes` is 2^k - 1.
    void plant(std::uint64_t nodes) {
        inner_ = nodes / 2;
        arrived_ = std::vector<std::atomic<std::uint32_t>>(inner_);
    }

    // The task of one node: spawn(child) must make a task that visits the child.
    template <class Spawn>
    void visit(std::uint64_t node, Spawn&& spawn) {
        if (node < inner_) {
            if (node != 0) {
                count_one();
            }
            spawn(2 * node + 1);
            spawn(2 * node + 2);
            return;
        }
        count_one();
        while (node != 0) {
            node = (node - 1) / 2;
            // mo: acq_rel, pairs task_tree.arrived (visit); the second child has seen the first
            if (arrived_[node].fetch_add(1, std::memory_order_acq_rel) == 0) {
                return;
            }
            if (node == 0) {
                count_one();
            }
        }
    }

private:
    std::uint64_t inner_ = 0;
    std::vector<std::atomic<std::uint32_t>> arrived_;
};

} // namespace rp::peers
