// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/shapes.hpp"
#include "bench/micro/tally.hpp"

#include <asio/defer.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>

namespace rp::micro {

namespace {

// asio::post, except for the chain: there asio::defer is what asio offers for "I am about to
// return, run this next", and is the faster one.
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
            submit(n);
            break;
        case shape::fan_out:
            asio::post(pool_, [this, n] { submit(n); });
            break;
        case shape::chain:
            asio::post(pool_, [this, n] { hop(n); });
            break;
        case shape::four_producers:
            team().run([this, n](unsigned index) { submit(share_of(n, index)); });
            break;
        }
        await_total(target);
    }

private:
    void submit(std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i) {
            asio::post(pool_, [] { count_one(); });
        }
    }

    void hop(std::uint64_t left) {
        if (left > 1) {
            asio::defer(pool_, [this, left] { hop(left - 1); });
        }
        count_one();
    }

    producer_team& team() {
        if (!team_) {
            team_ = std::make_unique<producer_team>();
        }
        return *team_;
    }

    asio::thread_pool pool_;
    std::unique_ptr<producer_team> team_;
};

} // namespace

std::unique_ptr<engine> make_asio(unsigned workers) {
    return std::make_unique<asio_engine>(workers);
}

} // namespace rp::micro
