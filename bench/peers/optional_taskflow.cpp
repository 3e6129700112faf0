// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/shapes.hpp"

#include <taskflow/taskflow.hpp>

// Executor::silent_async from outside and from inside: a task without a future and without a graph,
// which is the cheapest that Taskflow takes. A graph known beforehand would be another comparison.

namespace rp::peers {

namespace {

class taskflow_engine final : public engine {
public:
    explicit taskflow_engine(unsigned workers) : executor_(workers) {}

    ~taskflow_engine() override { executor_.wait_for_all(); }

    void run(shape s, std::uint64_t n) override {
        const std::uint64_t target = total() + n;
        switch (s) {
        case shape::submit_one:
        case shape::submit_1000:
        case shape::try_submit:
            submit_counting(n);
            break;
        case shape::fan_out:
            executor_.silent_async([this, n] { submit_counting(n); });
            break;
        case shape::fork_join:
            tree_.plant(n);
            executor_.silent_async([this] { visit(0); });
            break;
        case shape::chain:
            executor_.silent_async([this, n] { hop(n); });
            break;
        case shape::four_producers:
            (*team_).run([this, n](unsigned index) { submit_counting(share_of(n, index)); });
            break;
        }
        await_total(target);
    }

    void submit(task_call call, void* context) override {
        executor_.silent_async([call, context] { call(context); });
    }

private:
    void submit_counting(std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i) {
            executor_.silent_async([] { count_one(); });
        }
    }

    void visit(std::uint64_t node) {
        tree_.visit(node, [this](std::uint64_t child) {
            executor_.silent_async([this, child] { visit(child); });
        });
    }

    void hop(std::uint64_t left) {
        if (left > 1) {
            executor_.silent_async([this, left] { hop(left - 1); });
        }
        count_one();
    }

    tf::Executor executor_;
    task_tree tree_;
    lazy_team team_;
};

} // namespace

std::unique_ptr<engine> make_taskflow(unsigned workers);

std::unique_ptr<engine> make_taskflow(unsigned workers) {
    return std::make_unique<taskflow_engine>(workers);
}

} // namespace rp::peers
