// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/closure_engine.hpp"

#include <asio/defer.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>

namespace rp::peers {

namespace {

// asio::post, except for what a task submits as the last thing it does: there asio::defer is what
// asio offers for "I am about to return, run this next", and is the faster one.
class asio_pool {
public:
    explicit asio_pool(unsigned workers) : pool_(workers) {}

    ~asio_pool() {
        pool_.stop();
        pool_.join();
    }

    asio_pool(const asio_pool&) = delete;
    asio_pool& operator=(const asio_pool&) = delete;

    template <class Task>
    void post(Task task) {
        asio::post(pool_, std::move(task));
    }

    template <class Task>
    void spawn(Task task) {
        asio::post(pool_, std::move(task));
    }

    template <class Task>
    void spawn_last(Task task) {
        asio::defer(pool_, std::move(task));
    }

private:
    asio::thread_pool pool_;
};

} // namespace

std::unique_ptr<engine> make_asio(unsigned workers) {
    return std::make_unique<closure_engine<asio_pool>>(workers);
}

} // namespace rp::peers
