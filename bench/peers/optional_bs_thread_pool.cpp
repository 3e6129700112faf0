// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/closure_engine.hpp"

#include <BS_thread_pool.hpp>

// BS::thread_pool of version 4 and later: detach_task, the call without a future.

namespace rp::peers {

namespace {

// A class in version 4, a template with defaults in version 5.
using pool_type = decltype(BS::thread_pool(1U));

class bs_pool {
public:
    explicit bs_pool(unsigned workers) : pool_(workers) {}

    ~bs_pool() { pool_.wait(); }

    bs_pool(const bs_pool&) = delete;
    bs_pool& operator=(const bs_pool&) = delete;

    template <class Task>
    void post(Task task) {
        pool_.detach_task(std::move(task));
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
    pool_type pool_;
};

} // namespace

std::unique_ptr<engine> make_bs_thread_pool(unsigned workers);

std::unique_ptr<engine> make_bs_thread_pool(unsigned workers) {
    return std::make_unique<closure_engine<bs_pool>>(workers);
}

} // namespace rp::peers
