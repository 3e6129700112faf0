// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/closure_engine.hpp"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <memory>

namespace rp::peers {

namespace {

// An arena without a slot for the outside thread, so that `workers` threads run tasks and the
// submitting one does not. task_arena::enqueue from outside; task_group::run from inside, which is
// the faster of the two there.
class tbb_pool {
public:
    explicit tbb_pool(unsigned workers)
        : limit_(tbb::global_control::max_allowed_parallelism, workers + 1),
          arena_(static_cast<int>(workers), 0) {
        arena_.initialize();
    }

    ~tbb_pool() {
        arena_.execute([this] { group_->wait(); });
    }

    tbb_pool(const tbb_pool&) = delete;
    tbb_pool& operator=(const tbb_pool&) = delete;

    template <class Task>
    void post(Task task) {
        arena_.enqueue(std::move(task));
    }

    template <class Task>
    void spawn(Task task) {
        group_->run(std::move(task));
    }

    template <class Task>
    void spawn_last(Task task) {
        group_->run(std::move(task));
    }

private:
    tbb::global_control limit_;
    tbb::task_arena arena_;
    // By pointer: its own destructor may throw, which this class's may not.
    std::unique_ptr<tbb::task_group> group_ = std::make_unique<tbb::task_group>();
};

} // namespace

std::unique_ptr<engine> make_tbb(unsigned workers) {
    return std::make_unique<closure_engine<tbb_pool>>(workers);
}

} // namespace rp::peers
