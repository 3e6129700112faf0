// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/shapes.hpp"
#include "bench/peers/tally.hpp"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

namespace rp::peers {

namespace {

// An arena without a slot for the outside thread, so that `workers` threads run tasks and the
// submitting one does not. task_arena::enqueue from outside; task_group::run from inside, which is
// the faster of the two there.
class tbb_engine final : public engine {
public:
    explicit tbb_engine(unsigned workers)
        : limit_(tbb::global_control::max_allowed_parallelism, workers + 1),
          arena_(static_cast<int>(workers), 0) {
        arena_.initialize();
    }

    ~tbb_engine() override {
        arena_.execute([this] { group_->wait(); });
    }

    void run(shape s, std::uint64_t n) override {
        const std::uint64_t target = total() + n;
        switch (s) {
        case shape::submit_one:
        case shape::submit_1000:
        case shape::try_submit:
            submit_counting(n);
            break;
        case shape::fan_out:
            arena_.enqueue([this, n] {
                for (std::uint64_t i = 0; i < n; ++i) {
                    group_->run([] { count_one(); });
                }
            });
            break;
        case shape::fork_join:
            tree_.plant(n);
            arena_.enqueue([this] { visit(0); });
            break;
        case shape::chain:
            arena_.enqueue([this, n] { hop(n); });
            break;
        case shape::four_producers:
            (*team_).run([this, n](unsigned index) { submit_counting(share_of(n, index)); });
            break;
        }
        await_total(target);
    }

    void submit(task_call call, void* context) override {
        arena_.enqueue([call, context] { call(context); });
    }

private:
    void submit_counting(std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i) {
            arena_.enqueue([] { count_one(); });
        }
    }

    void visit(std::uint64_t node) {
        tree_.visit(node,
                    [this](std::uint64_t child) { group_->run([this, child] { visit(child); }); });
    }

    void hop(std::uint64_t left) {
        if (left > 1) {
            group_->run([this, left] { hop(left - 1); });
        }
        count_one();
    }

    tbb::global_control limit_;
    tbb::task_arena arena_;
    // By pointer: its own destructor may throw, which this class's may not.
    std::unique_ptr<tbb::task_group> group_ = std::make_unique<tbb::task_group>();
    task_tree tree_;
    lazy_team team_;
};

} // namespace

std::unique_ptr<engine> make_tbb(unsigned workers) {
    return std::make_unique<tbb_engine>(workers);
}

} // namespace rp::peers
