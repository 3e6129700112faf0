// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/shapes.hpp"

#include <BS_thread_pool.hpp>

// BS::thread_pool of version 4 and later: detach_task, the call without a future.

namespace rp::peers {

namespace {

// A class in version 4, a template with defaults in version 5.
using pool_type = decltype(BS::thread_pool(1U));

class bs_engine final : public engine {
public:
    explicit bs_engine(unsigned workers) : pool_(workers) {}

    ~bs_engine() override { pool_.wait(); }

    void run(shape s, std::uint64_t n) override {
        const std::uint64_t target = total() + n;
        switch (s) {
        case shape::submit_one:
        case shape::submit_1000:
        case shape::try_submit:
            submit_counting(n);
            break;
        case shape::fan_out:
            pool_.detach_task([this, n] { submit_counting(n); });
            break;
        case shape::fork_join:
            tree_.plant(n);
            pool_.detach_task([this] { visit(0); });
            break;
        case shape::chain:
            pool_.detach_task([this, n] { hop(n); });
            break;
        case shape::four_producers:
            (*team_).run([this, n](unsigned index) { submit_counting(share_of(n, index)); });
            break;
        }
        await_total(target);
    }

    void submit(task_call call, void* context) override {
        pool_.detach_task([call, context] { call(context); });
    }

private:
    void submit_counting(std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i) {
            pool_.detach_task([] { count_one(); });
        }
    }

    void visit(std::uint64_t node) {
        tree_.visit(node, [this](std::uint64_t child) {
            pool_.detach_task([this, child] { visit(child); });
        });
    }

    void hop(std::uint64_t left) {
        if (left > 1) {
            pool_.detach_task([this, left] { hop(left - 1); });
        }
        count_one();
    }

    pool_type pool_;
    task_tree tree_;
    lazy_team team_;
};

} // namespace

std::unique_ptr<engine> make_bs_thread_pool(unsigned workers);

std::unique_ptr<engine> make_bs_thread_pool(unsigned workers) {
    return std::make_unique<bs_engine>(workers);
}

} // namespace rp::peers
