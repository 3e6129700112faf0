// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/shapes.hpp"
#include "bench/peers/tally.hpp"

#include <asio/defer.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>

namespace rp::peers {

namespace {

// asio::post, except for what a task submits as the last thing it does: there asio::defer is what
// asio offers for "I am about to return, run this next", and is the faster one.
class asio_engine final : public engine {
public:
    explicit asio_engine(unsigned workers) : pool_(workers) {}

    ~asio_engine() override {
        pool_.stop();
        pool_.join();
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
            asio::post(pool_, [this, n] { submit_counting(n); });
            break;
        case shape::fork_join:
            tree_.plant(n);
            asio::post(pool_, [this] { visit(0); });
            break;
        case shape::chain:
            asio::post(pool_, [this, n] { hop(n); });
            break;
        case shape::four_producers:
            (*team_).run([this, n](unsigned index) { submit_counting(share_of(n, index)); });
            break;
        }
        await_total(target);
    }

    void submit(task_call call, void* context) override {
        asio::post(pool_, [call, context] { call(context); });
    }

private:
    void submit_counting(std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i) {
            asio::post(pool_, [] { count_one(); });
        }
    }

    void visit(std::uint64_t node) {
        tree_.visit(node, [this](std::uint64_t child) {
            asio::defer(pool_, [this, child] { visit(child); });
        });
    }

    void hop(std::uint64_t left) {
        if (left > 1) {
            asio::defer(pool_, [this, left] { hop(left - 1); });
        }
        count_one();
    }

    asio::thread_pool pool_;
    task_tree tree_;
    lazy_team team_;
};

} // namespace

std::unique_ptr<engine> make_asio(unsigned workers) {
    return std::make_unique<asio_engine>(workers);
}

} // namespace rp::peers
