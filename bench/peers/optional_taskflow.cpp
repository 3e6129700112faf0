// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/closure_engine.hpp"

#include <taskflow/taskflow.hpp>

// Executor::silent_async from outside and from inside: a task without a future and without a graph,
// which is the cheapest that Taskflow takes. A graph known beforehand would be another comparison.

namespace rp::peers {

namespace {

class taskflow_pool {
public:
    explicit taskflow_pool(unsigned workers) : executor_(workers) {}

    ~taskflow_pool() { executor_.wait_for_all(); }

    taskflow_pool(const taskflow_pool&) = delete;
    taskflow_pool& operator=(const taskflow_pool&) = delete;

    template <class Task>
    void post(Task task) {
        executor_.silent_async(std::move(task));
    }

    template <class Task>
    void spawn(Task task) {
        post(std::move(task));
    }

    template <class Task>
    void spawn_last(Task task) {
        post(std::move(task));
    }

private:
    tf::Executor executor_;
};

} // namespace

std::unique_ptr<engine> make_taskflow(unsigned workers);

std::unique_ptr<engine> make_taskflow(unsigned workers) {
    return std::make_unique<closure_engine<taskflow_pool>>(workers);
}

} // namespace rp::peers
