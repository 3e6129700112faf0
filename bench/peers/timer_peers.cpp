// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/machine.hpp"
#include "bench/peers/timer_engines.hpp"

#include <uv.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

namespace rp::peers {

namespace {

// A loop and its timers. libuv's clock moves in milliseconds and stands still between two turns of
// the loop, so a due time that is meant to count from `begin` is counted from the loop's time.
class uv_timers {
public:
    explicit uv_timers(std::size_t timers) : timers_(timers) {
        if (const int fault = uv_loop_init(&loop_); fault != 0) {
            std::fprintf(stderr, "ringpool bench: uv_loop_init: %s\n", uv_strerror(fault));
            std::exit(1);
        }
        for (uv_timer_t& timer : timers_) {
            uv_timer_init(&loop_, &timer);
        }
    }

    ~uv_timers() {
        for (uv_timer_t& timer : timers_) {
            uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
        }
        uv_run(&loop_, UV_RUN_DEFAULT);
        uv_loop_close(&loop_);
    }

    uv_timers(const uv_timers&) = delete;
    uv_timers& operator=(const uv_timers&) = delete;

    uv_loop_t* loop() { return &loop_; }

    std::vector<uv_timer_t>& all() { return timers_; }

    [[nodiscard]] const std::vector<uv_timer_t>& all() const { return timers_; }

private:
    uv_loop_t loop_{};
    std::vector<uv_timer_t> timers_;
};

class libuv_timers final : public timer_set_engine {
public:
    explicit libuv_timers(std::size_t timers) : timers_(timers) {}

    void arm(std::size_t timer, std::uint32_t seconds) override {
        uv_timer_start(
            &timers_.all()[timer], [](uv_timer_t*) {}, std::uint64_t{seconds} * 1000, 0);
    }

    void disarm(std::size_t timer) override { uv_timer_stop(&timers_.all()[timer]); }

    [[nodiscard]] std::size_t armed() const override {
        std::size_t count = 0;
        for (const uv_timer_t& timer : timers_.all()) {
            count += uv_is_active(reinterpret_cast<const uv_handle_t*>(&timer)) != 0 ? 1 : 0;
        }
        return count;
    }

private:
    uv_timers timers_;
};

// The limit: a list of whatever is armed. It could not say which one is due next; it shows what
// touching the timer and its neighbours costs.
class list_timers final : public timer_set_engine {
public:
    explicit list_timers(std::size_t timers) : nodes_(timers) {}

    void arm(std::size_t timer, std::uint32_t seconds) override {
        node& one = nodes_[timer];
        one.due = seconds;
        one.next = head_.next;
        one.previous = &head_;
        head_.next->previous = &one;
        head_.next = &one;
    }

    void disarm(std::size_t timer) override {
        node& one = nodes_[timer];
        one.previous->next = one.next;
        one.next->previous = one.previous;
        one.next = nullptr;
    }

    [[nodiscard]] std::size_t armed() const override {
        std::size_t count = 0;
        for (const node* at = head_.next; at != &head_; at = at->next) {
            count += 1;
        }
        return count;
    }

private:
    struct node {
        node* next = nullptr;
        node* previous = nullptr;
        std::uint64_t due = 0;
    };

    node head_{&head_, &head_};
    std::vector<node> nodes_;
};

bool is_before(std::uint64_t begin_ns, const timer_storm& storm) {
    const std::uint32_t first = *std::min_element(storm.due_ms.begin(), storm.due_ms.end());
    return lab::now_ns() < begin_ns + std::uint64_t{first} * 1'000'000;
}

} // namespace

std::unique_ptr<timer_set_engine> make_libuv_timers(std::size_t timers) {
    return std::make_unique<libuv_timers>(timers);
}

std::unique_ptr<timer_set_engine> make_list_timers(std::size_t timers) {
    return std::make_unique<list_timers>(timers);
}

double fire_libuv(timer_storm& storm) {
    uv_timers timers(storm.due_ms.size());
    uv_update_time(timers.loop());
    const std::uint64_t begin = lab::now_ns();
    for (std::size_t i = 0; i < storm.due_ms.size(); ++i) {
        uv_timer_t& timer = timers.all()[i];
        timer.data = &storm.fired[i];
        uv_timer_start(
            &timer,
            [](uv_timer_t* due) { *static_cast<std::uint8_t*>(due->data) += 1; },
            storm.due_ms[i],
            0);
    }
    const bool in_time = is_before(begin, storm);
    const double before = process_cpu_ns();
    uv_run(timers.loop(), UV_RUN_DEFAULT);
    const double after = process_cpu_ns();
    return in_time ? after - before : -1;
}

double fire_asio(timer_storm& storm) {
    asio::io_context context(1);
    std::deque<asio::steady_timer> timers;
    const auto begin = std::chrono::steady_clock::now();
    const std::uint64_t begin_ns = lab::now_ns();
    for (std::size_t i = 0; i < storm.due_ms.size(); ++i) {
        timers.emplace_back(context, begin + std::chrono::milliseconds(storm.due_ms[i]));
        std::uint8_t& fired = storm.fired[i];
        timers.back().async_wait([&fired](const asio::error_code& fault) { fired += !fault; });
    }
    const bool in_time = is_before(begin_ns, storm);
    const double before = process_cpu_ns();
    context.run();
    const double after = process_cpu_ns();
    return in_time ? after - before : -1;
}

} // namespace rp::peers
