// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/peers/shapes.hpp"

#include <utility>

namespace rp::peers {

// The shapes on a pool that takes closures. `Pool` is made with a number of workers and says how:
// post() from outside, spawn() from a task, spawn_last() as about the last thing that a task does.
// Its destructor waits for what has been submitted.
template <class Pool>
class closure_engine final : public engine {
public:
    explicit closure_engine(unsigned workers) : pool_(workers) {}

    void run(shape s, std::uint64_t n) override {
        const std::uint64_t target = total() + n;
        switch (s) {
        case shape::submit_one:
        case shape::submit_1000:
        case shape::try_submit:
            submit_counting(n);
            break;
        case shape::fan_out:
            pool_.post([this, n] {
                for (std::uint64_t i = 0; i < n; ++i) {
                    pool_.spawn([] { count_one(); });
                }
            });
            break;
        case shape::fork_join:
            tree_.plant(n);
            pool_.post([this] { visit(0); });
            break;
        case shape::chain:
            pool_.post([this, n] { hop(n); });
            break;
        case shape::four_producers:
            (*team_).run([this, n](unsigned index) { submit_counting(share_of(n, index)); });
            break;
        }
        await_total(target);
    }

    void submit(task_call call, void* context) override {
        pool_.post([call, context] { call(context); });
    }

private:
    void submit_counting(std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i) {
            pool_.post([] { count_one(); });
        }
    }

    void visit(std::uint64_t node) {
        tree_.visit(node, [this](std::uint64_t child) {
            pool_.spawn_last([this, child] { visit(child); });
        });
    }

    void hop(std::uint64_t left) {
        if (left > 1) {
            pool_.spawn_last([this, left] { hop(left - 1); });
        }
        count_one();
    }

    task_tree tree_;
    lazy_team team_;
    Pool pool_; // last: gone before what its tasks use
};

} // namespace rp::peers
