// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// The shapes of work that are compared, and the engines that run them. Every task of every shape
// does the same: count_one() (tally.hpp).

namespace rp::micro {

enum class shape {
    submit_one,     // one object submitted n times from outside, then a wait for all n
    submit_1000,    // the same over 1000 objects in turn
    try_submit,     // a new fire-and-forget task each time
    fan_out,        // one task submits n from inside (ringpool: over 1000 objects)
    chain,          // A submits B, B submits A, ... n times
    four_producers, // four outside threads submit n / 4 each
};

inline constexpr std::array all_shapes{shape::submit_one,
                                       shape::submit_1000,
                                       shape::try_submit,
                                       shape::fan_out,
                                       shape::chain,
                                       shape::four_producers};

std::string_view name_of(shape s);

class engine {
public:
    engine() = default;
    virtual ~engine() = default;
    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;

    // Runs n tasks in the shape and returns when all of them have run.
    virtual void run(shape s, std::uint64_t n) = 0;
};

// What an engine is called, whether it is the limit rather than a competitor, and how it is made
// with a number of worker threads.
struct engine_kind {
    std::string name;
    bool is_limit = false;
    std::unique_ptr<engine> (*make)(unsigned workers) = nullptr;
};

std::unique_ptr<engine> make_ringpool(unsigned workers);
std::unique_ptr<engine> make_tbb(unsigned workers);
std::unique_ptr<engine> make_asio(unsigned workers);
std::unique_ptr<engine> make_limit(unsigned workers);

const std::vector<engine_kind>& all_engines();

// Four threads that wait, all run one function together, and wait again; so that their creation is
// outside what is measured.
class producer_team {
public:
    static constexpr unsigned size = 4;

    producer_team();
    ~producer_team();
    producer_team(const producer_team&) = delete;
    producer_team& operator=(const producer_team&) = delete;

    // Calls job(0) .. job(size - 1), each on its own thread; returns when all have returned.
    void run(const std::function<void(unsigned)>& job);

private:
    void work(unsigned index);

    const std::function<void(unsigned)>* job_ = nullptr;
    std::atomic<std::uint32_t> round_{0};
    std::atomic<std::uint32_t> busy_{0};
    std::vector<std::thread> threads_;
};

// The n-th part of a batch for producer `index`; the parts add up to n.
std::uint64_t share_of(std::uint64_t n, unsigned index);

} // namespace rp::micro
