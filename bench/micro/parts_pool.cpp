// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/parts.hpp"

#include <atomic>
#include <memory>
#include <vector>

// Work that divides itself, and the life of pools and groups.

namespace rp::micro {

namespace {

// ---- fork and join: a binary tree, each node a callback

// A node starts its two children and returns; the last of them to be finished finishes the parent.
class task_tree {
public:
    task_tree(own_pool& pool, unsigned depth) : pool_(pool), nodes_((1U << depth) - 1) {
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            nodes_[i].tree = this;
        }
    }

    ~task_tree() { CloseHandle(finished_); }

    task_tree(const task_tree&) = delete;
    task_tree& operator=(const task_tree&) = delete;

    [[nodiscard]] std::size_t size() const { return nodes_.size(); }

    // How many nodes the root has counted; 0 when a node could not be submitted.
    std::size_t run() {
        if (!submit(0)) {
            return 0;
        }
        WaitForSingleObject(finished_, INFINITE);
        return nodes_.front().below;
    }

private:
    struct node {
        task_tree* tree = nullptr;
        std::size_t below = 0; // this one and its children's; written by who finishes it
        std::atomic<unsigned> open{0};
    };

    bool submit(std::size_t index) {
        return TrySubmitThreadpoolCallback(on_node, &nodes_[index], pool_.environment()) != FALSE;
    }

    static void CALLBACK on_node(PTP_CALLBACK_INSTANCE, PVOID context) {
        auto& self = *static_cast<node*>(context);
        self.tree->grow(static_cast<std::size_t>(&self - self.tree->nodes_.data()));
    }

    void grow(std::size_t index) {
        const std::size_t left = 2 * index + 1;
        if (left >= nodes_.size()) {
            finish(index, 1);
            return;
        }
        // mo: relaxed, published by the submissions.
        nodes_[index].open.store(2, std::memory_order_relaxed);
        for (const std::size_t child : {left, left + 1}) {
            if (!submit(child)) {
                finish(child, 0); // the count says that some are missing
            }
        }
    }

    void finish(std::size_t index, std::size_t below) {
        nodes_[index].below = below;
        while (index != 0) {
            index = (index - 1) / 2;
            // mo: acq_rel, pairs tree.open (itself): the last one has seen the other child.
            if (nodes_[index].open.fetch_sub(1, std::memory_order_acq_rel) != 1) {
                return;
            }
            nodes_[index].below = 1 + nodes_[2 * index + 1].below + nodes_[2 * index + 2].below;
        }
        SetEvent(finished_);
    }

    own_pool& pool_;
    std::vector<node> nodes_;
    HANDLE finished_ = required(CreateEventA(nullptr, FALSE, FALSE, nullptr), "CreateEvent");
};

void fork_join(State& state, unsigned workers) {
    constexpr unsigned depth = 14;
    own_pool pool(workers);
    task_tree tree(pool, depth);
    for ([[maybe_unused]] auto _ : state) {
        const std::size_t ran = tree.run();
        if (ran != tree.size()) {
            fail(state, std::to_string(ran) + " of " + std::to_string(tree.size()) + " nodes ran");
            break;
        }
    }
    count_operations(state, tree.size());
}

// ---- groups

// A pool of one thread which is kept in a callback, so that everything else stays pending.
class held_pool {
public:
    held_pool() : pool_(1) {
        gate_ = required(CreateThreadpoolWork(on_gate, this, pool_.environment()), "gate");
        SubmitThreadpoolWork(gate_);
        WaitForSingleObject(is_held_, INFINITE);
    }

    ~held_pool() {
        SetEvent(is_open_);
        WaitForThreadpoolWorkCallbacks(gate_, FALSE);
        CloseThreadpoolWork(gate_);
        CloseHandle(is_held_);
        CloseHandle(is_open_);
    }

    held_pool(const held_pool&) = delete;
    held_pool& operator=(const held_pool&) = delete;

    [[nodiscard]] PTP_POOL get() const { return pool_.get(); }

private:
    static void CALLBACK on_gate(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
        auto& self = *static_cast<held_pool*>(context);
        SetEvent(self.is_held_);
        WaitForSingleObject(self.is_open_, INFINITE);
    }

    own_pool pool_;
    HANDLE is_held_ = required(CreateEventA(nullptr, FALSE, FALSE, nullptr), "CreateEvent");
    HANDLE is_open_ = required(CreateEventA(nullptr, TRUE, FALSE, nullptr), "CreateEvent");
    PTP_WORK gate_ = nullptr;
};

struct ledger_of_group {
    std::uint64_t cancelled = 0; // by the closing thread
    std::atomic<std::uint64_t> ran{0};

    static void CALLBACK on_work(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
        // mo: relaxed, read when the group is closed.
        static_cast<ledger_of_group*>(context)->ran.fetch_add(1, std::memory_order_relaxed);
    }

    static void CALLBACK on_cancel(PVOID context, PVOID) {
        ++static_cast<ledger_of_group*>(context)->cancelled;
    }
};

// A group of 100 000 work objects, each with a pending call, is closed and its calls are cancelled.
void close_group(State& state) {
    constexpr std::uint64_t members = 100'000;
    held_pool pool;
    TP_CALLBACK_ENVIRON environment;
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool.get());
    for ([[maybe_unused]] auto _ : state) {
        ledger_of_group ledger;
        const PTP_CLEANUP_GROUP group = required(CreateThreadpoolCleanupGroup(), "group");
        SetThreadpoolCallbackCleanupGroup(&environment, group, ledger_of_group::on_cancel);
        for (std::uint64_t i = 0; i < members; ++i) {
            SubmitThreadpoolWork(required(
                CreateThreadpoolWork(ledger_of_group::on_work, &ledger, &environment), "work"));
        }
        const double begin = seconds_now();
        CloseThreadpoolCleanupGroupMembers(group, TRUE, nullptr);
        state.SetIterationTime(seconds_now() - begin);
        CloseThreadpoolCleanupGroup(group);
        // mo: relaxed, the group has waited.
        const std::uint64_t ran = ledger.ran.load(std::memory_order_relaxed);
        if (ledger.cancelled != members || ran != 0) {
            fail(state,
                 std::to_string(ledger.cancelled) + " cancelled and " + std::to_string(ran) +
                     " ran, of " + std::to_string(members));
            break;
        }
    }
    count_operations(state, members);
    DestroyThreadpoolEnvironment(&environment);
}

// ---- pools

void make_pool(State& state) {
    for ([[maybe_unused]] auto _ : state) {
        CloseThreadpool(required(CreateThreadpool(nullptr), "CreateThreadpool"));
    }
    count_operations(state, 1);
}

// With a thread, and a callback that has run on it.
void use_pool_once(State& state) {
    std::uint64_t pools = 0;
    ledger_of_group ledger;
    for ([[maybe_unused]] auto _ : state) {
        own_pool pool(1);
        const PTP_WORK work = required(
            CreateThreadpoolWork(ledger_of_group::on_work, &ledger, pool.environment()), "work");
        SubmitThreadpoolWork(work);
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        CloseThreadpoolWork(work);
        ++pools;
    }
    count_operations(state, 1);
    // mo: relaxed, each has been waited for.
    if (ledger.ran.load(std::memory_order_relaxed) != pools) {
        fail(state, "a callback has not run, or twice");
    }
}

} // namespace

void register_pool_parts() {
    for (const unsigned workers : {1U, 2U}) {
        add_part("fork_join/workers:" + std::to_string(workers),
                 [workers](State& state) { fork_join(state, workers); });
    }
    add_timed_part("group/close_100000_pending", close_group);
    add_part("pool/create_close", make_pool);
    add_part("pool/create_run_close", use_pool_once);
}

} // namespace rp::micro
