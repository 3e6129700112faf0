// SPDX-License-Identifier: Apache-2.0
// The engine under every policy, with items that are nothing but counters.
#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/ring_caps.hpp"
#include "scheduler/engine.hpp"
#include "tests/unit/scheduler/gate.hpp"
#include "tests/unit/scheduler/owned_engine.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <atomic>
#include <deque>
#include <thread>
#include <vector>

using namespace rp;
using namespace rp::sched;
using rp::test::gate;
using rp::test::owned_engine;

namespace {

template <class Function>
struct task : item {
    explicit task(Function f) : function(std::move(f)) {
        run = [](item& self, worker& w) noexcept {
            auto& t = static_cast<task&>(self);
            w.begin_callback();
            t.function();
            w.end_callback();
        };
    }

    Function function;
};

template <class Body>
void under_every_policy(Body body) {
    for (const char* const* name = policy_names(); *name != nullptr; ++name) {
        CAPTURE(*name);
        owned_engine e(engine::create(*name));
        REQUIRE(e != nullptr);
        body(*e);
    }
}

} // namespace

TEST_CASE("engine: every placed item runs once, from outside and from callbacks") {
    under_every_policy([](engine& e) {
        gate done;
        auto leaf = [&done] { done.count(); };
        std::deque<task<decltype(leaf)>> leaves;
        for (int i = 0; i < 3000; ++i) {
            leaves.emplace_back(leaf);
        }
        auto parent_body = [&] {
            for (int i = 1000; i < 3000; ++i) {
                e.place(leaves[static_cast<size_t>(i)], origin::spawn);
            }
            done.count();
        };
        task parent(parent_body);
        for (int i = 0; i < 1000; ++i) {
            e.place(leaves[static_cast<size_t>(i)], origin::external);
        }
        e.place(parent, origin::external);
        CHECK(done.wait(3001));
        CHECK(done.value() == 3001);
    });
}

TEST_CASE("engine: a maximum of one never runs two callbacks at once") {
    under_every_policy([](engine& e) {
        e.set_maximum(1);
        std::atomic<int> inside{0};
        std::atomic<int> worst{0};
        gate done;
        auto body = [&] {
            // mo: relaxed, the check is about overlap in time, not about visibility.
            const int now = inside.fetch_add(1, std::memory_order_relaxed) + 1;
            if (now > 1) {
                // mo: relaxed, as above.
                worst.store(now, std::memory_order_relaxed);
            }
            kernel::now_ns();
            // mo: relaxed, as above.
            inside.fetch_sub(1, std::memory_order_relaxed);
            done.count();
        };
        std::deque<task<decltype(body)>> tasks;
        for (int i = 0; i < 500; ++i) {
            tasks.emplace_back(body);
            e.place(tasks.back(), origin::external);
        }
        CHECK(done.wait(500));
        // mo: relaxed, all callbacks have ended.
        CHECK(worst.load(std::memory_order_relaxed) == 0);
        CHECK(e.statistics().threads_peak == 1);
    });
}

TEST_CASE("engine: announced blocking passes the core on, up to the maximum") {
    under_every_policy([](engine& e) {
        gate entered;
        gate opened;
        gate done;
        auto body = [&] {
            entered.count();
            {
                const kernel::blocking_scope announced;
                (void)opened.wait(1);
            }
            done.count();
        };
        std::deque<task<decltype(body)>> tasks;
        for (int i = 0; i < 40; ++i) {
            tasks.emplace_back(body);
            e.place(tasks.back(), origin::external);
        }
        CHECK(entered.wait(40));
        opened.count();
        CHECK(done.wait(40));
    });
}

TEST_CASE("engine: a callback that sleeps unannounced loses its core to the next item") {
    if (kernel::detection().tier == kernel::detection_tier::announced) {
        rp::test::skip_missing("every tier that looks at threads");
        return;
    }
    under_every_policy([](engine& e) {
        int ends[2];
        REQUIRE(pipe(ends) == 0);
        gate entered;
        gate done;
        auto body = [&] {
            entered.count();
            char byte = 0;
            while (read(ends[0], &byte, 1) < 0) {
            }
            done.count();
        };
        std::deque<task<decltype(body)>> tasks;
        for (int i = 0; i < 16; ++i) {
            tasks.emplace_back(body);
            e.place(tasks.back(), origin::external);
        }
        CHECK(entered.wait(16));
        const char bytes[16] = {};
        CHECK(write(ends[1], bytes, sizeof bytes) == 16);
        CHECK(done.wait(16));
        close(ends[0]);
        close(ends[1]);
    });
}

TEST_CASE("R-POOL-12: idle workers above the minimum leave after the timeout, the others stay") {
    owned_engine e(engine::create("ws"));
    REQUIRE(e != nullptr);
    e->set_maximum(8);
    e->set_idle_timeout_ms(20);
    REQUIRE(e->set_minimum(2));
    CHECK(e->statistics().threads == 2);
    gate entered;
    gate opened;
    gate left;
    auto body = [&] {
        entered.count();
        {
            const kernel::blocking_scope announced;
            (void)opened.wait(1);
        }
        left.count();
    };
    std::deque<task<decltype(body)>> tasks;
    for (int i = 0; i < 8; ++i) {
        tasks.emplace_back(body);
        e->place(tasks.back(), origin::external);
    }
    REQUIRE(entered.wait(8));
    CHECK(e->statistics().threads == 8);
    opened.count();
    REQUIRE(left.wait(8));
    const int64_t deadline = kernel::now_ns() + 10'000'000'000;
    while (e->statistics().threads > 2 && kernel::now_ns() < deadline) {
        std::this_thread::yield();
    }
    CHECK(e->statistics().threads == 2);
}

TEST_CASE("R-POOL-8: a maximum of zero runs nothing, raising it resumes what was queued") {
    under_every_policy([](engine& e) {
        e.set_maximum(0);
        gate done;
        auto body = [&] { done.count(); };
        std::deque<task<decltype(body)>> tasks;
        for (int i = 0; i < 20; ++i) {
            tasks.emplace_back(body);
            e.place(tasks.back(), origin::external);
        }
        CHECK(e.statistics().threads == 0);
        CHECK(done.value() == 0);
        e.set_maximum(2);
        CHECK(done.wait(20));
    });
}

TEST_CASE("engine: lowering and raising the maximum while items flow loses none") {
    under_every_policy([](engine& e) {
        constexpr uint32_t total = 8'000;
        gate done;
        auto body = [&] { done.count(); };
        std::deque<task<decltype(body)>> tasks;
        std::thread changer([&] {
            for (uint32_t i = 0; done.value() < total; ++i) {
                e.set_maximum(1 + i % 5);
            }
        });
        for (uint32_t i = 0; i < total; ++i) {
            tasks.emplace_back(body);
            e.place(tasks.back(), origin::external);
        }
        CHECK(done.wait(total));
        changer.join();
    });
}

TEST_CASE("engine: a request armed by a thread that exits at once still completes with its data") {
    struct pipe_read final : kernel::io_request {
        char byte = 0;
        gate* done = nullptr;
        int32_t result = -1;
    };

    under_every_policy([](engine& e) {
        int ends[2];
        REQUIRE(pipe(ends) == 0);
        gate done;
        pipe_read request;
        request.op = kernel::io_op::read;
        request.fd = ends[0];
        request.addr = &request.byte;
        request.len = 1;
        request.offset = ~uint64_t{0};
        request.done = &done;
        request.complete = [](kernel::io_request& self, int32_t res) noexcept {
            static_cast<pipe_read&>(self).result = res;
        };
        // The sink touches the request until its last hold is dropped.
        request.destroy = [](kernel::io_request& self) noexcept {
            static_cast<pipe_read&>(self).done->count();
        };
        std::thread([&] { e.arm(request); }).join();
        REQUIRE(write(ends[1], "x", 1) == 1);
        REQUIRE(done.wait(1));
        CHECK(request.result == 1);
        CHECK(request.byte == 'x');
        close(ends[0]);
        close(ends[1]);
    });
}
