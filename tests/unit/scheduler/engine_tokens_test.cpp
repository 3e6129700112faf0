// SPDX-License-Identifier: Apache-2.0
// The engine under its controllers: hard limits, cores beyond the CPUs, the log.
#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "scheduler/engine.hpp"
#include "scheduler/token_state.hpp"
#include "tests/unit/scheduler/gate.hpp"
#include "tests/unit/scheduler/owned_engine.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace rp;
using namespace rp::sched;
using rp::test::gate;
using rp::test::owned_engine;
using rp::test::pause_ns;

namespace {

owned_engine engine_with(const char* controller, const char* policy = "ws") {
    owned_engine e(engine::create(policy));
    REQUIRE(e != nullptr);
    REQUIRE(e->set_controller(controller));
    return e;
}

/// The largest value it was shown.
class high_water {
public:
    void show(uint32_t value) {
        // mo: relaxed (all below), the test reads it when all callbacks have ended.
        uint32_t seen = most_.load(std::memory_order_relaxed);
        while (value > seen &&
               !most_.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
        }
    }

    [[nodiscard]] uint32_t most() const {
        // mo: relaxed, as above.
        return most_.load(std::memory_order_relaxed);
    }

private:
    std::atomic<uint32_t> most_{0};
};

struct call : item {
    explicit call(std::function<void()> f) : function(std::move(f)) {
        run = [](item& self, worker& w) noexcept {
            auto& c = static_cast<call&>(self);
            w.begin_callback();
            c.function();
            w.end_callback();
        };
    }

    std::function<void()> function;
};

bool becomes_true(const std::function<bool()>& condition, int64_t seconds = 30) {
    const int64_t deadline = kernel::now_ns() + seconds * 1'000'000'000;
    while (!condition()) {
        if (kernel::now_ns() > deadline) {
            return false;
        }
        std::this_thread::yield();
    }
    return true;
}

std::vector<control_change> log_of(const engine& e) {
    std::vector<control_change> log(300);
    log.resize(e.control_log(log.data(), static_cast<uint32_t>(log.size())));
    return log;
}

bool has_reason(const engine& e, reason why) {
    const auto log = log_of(e);
    return std::any_of(log.begin(), log.end(), [why](const auto& c) { return c.why == why; });
}

void burn(int64_t ns) {
    const int64_t until = kernel::thread_cpu_ns() + ns;
    while (kernel::thread_cpu_ns() < until) {
    }
}

/// A wait in the kernel of about `ns`: announced to the pool or not.
void nap(int64_t ns, bool is_announced) {
    std::optional<kernel::blocking_scope> announced;
    if (is_announced) {
        announced.emplace();
    }
    pause_ns(ns);
}

/// The core of the worker that calls.
uint32_t core_of_this_thread(const engine& e) {
    struct {
        pid_t tid;
        uint32_t core;
    } mine{kernel::thread_id(), UINT32_MAX};

    e.each_worker(
        [](const worker_detail& w, void* to) {
            auto& found = *static_cast<decltype(mine)*>(to);
            found.core = w.thread == found.tid ? static_cast<uint32_t>(w.core) : found.core;
        },
        &mine);
    return mine.core;
}

void check_log(const engine& e) {
    const auto log = log_of(e);
    int64_t raised_ns = 0;
    for (size_t i = 0; i < log.size(); ++i) {
        CAPTURE(i);
        CHECK(log[i].soft_minimum <= log[i].soft_maximum);
        CHECK(log[i].controller != nullptr);
        if (i > 0) {
            CHECK(log[i].sequence == log[i - 1].sequence + 1);
            CHECK(log[i].time_ns >= log[i - 1].time_ns);
            CHECK(log[i].tokens_before == log[i - 1].tokens);
            CHECK(log[i].soft_minimum_before == log[i - 1].soft_minimum);
            CHECK(log[i].soft_maximum_before == log[i - 1].soft_maximum);
        }
        // The engine's rates: 16 tokens up at once, and none down within 2 ms of a step up.
        if (log[i].why != reason::initial && log[i].why != reason::user_limits) {
            CHECK(log[i].tokens <= log[i].tokens_before + 16);
            CHECK(
                (log[i].tokens >= log[i].tokens_before || log[i].time_ns - raised_ns >= 2'000'000));
        }
        raised_ns = log[i].tokens > log[i].tokens_before ? log[i].time_ns : raised_ns;
    }
}

} // namespace

TEST_CASE("tokens: under every controller and policy all callbacks run within the hard maximum") {
    for (const char* const* policy = policy_names(); *policy != nullptr; ++policy) {
        for (const char* const* name = controller_names(); *name != nullptr; ++name) {
            CAPTURE(std::string(*policy));
            CAPTURE(std::string(*name));
            const auto e = engine_with(*name, *policy);
            e->set_maximum(6);
            gate done;
            high_water threads;
            std::deque<call> calls;
            for (int i = 0; i < 120; ++i) {
                calls.emplace_back([&, i] {
                    threads.show(e->statistics().threads);
                    if (i % 3 == 0) {
                        burn(50'000);
                    } else {
                        nap(300'000, i % 3 == 1);
                    }
                    threads.show(e->statistics().threads);
                    done.count();
                });
                e->place(calls.back(), origin::external);
            }
            CHECK(done.wait(120));
            CHECK(threads.most() <= 6);
            CHECK(threads.most() >= 1);
            const control_statistics s = e->controlled();
            CHECK(std::string(s.controller) == *name);
            CHECK(s.tokens <= 6);
            CHECK(s.soft_maximum <= 6);
            CHECK(has_reason(*e, reason::initial));
            CHECK((s.soft_maximum < 6 || has_reason(*e, reason::user_limits)));
            check_log(*e);
        }
    }
}

TEST_CASE("tokens: hard limits that move while callbacks run are kept, under every controller") {
    for (const char* const* name = controller_names(); *name != nullptr; ++name) {
        CAPTURE(std::string(*name));
        const auto e = engine_with(*name);
        e->set_maximum(12);
        gate done;
        std::deque<call> calls;
        for (int i = 0; i < 400; ++i) {
            calls.emplace_back([&done, i] {
                if (i % 4 == 0) {
                    nap(200'000, i % 8 == 0);
                } else {
                    burn(20'000);
                }
                done.count();
            });
        }
        const uint32_t limits[][2] = {{0, 12}, {3, 3}, {1, 9}, {0, 1}, {5, 64}, {0, 2}, {4, 8}};
        size_t next = 0;
        for (const auto& [minimum, maximum] : limits) {
            for (int i = 0; i < 50; ++i) {
                e->place(calls[next++], origin::external);
            }
            e->set_maximum(maximum);
            REQUIRE(e->set_minimum(minimum));
            const control_statistics s = e->controlled();
            CHECK(s.tokens >= 1);
            CHECK(s.tokens <= std::min(maximum, s.tokens_limit));
            CHECK(s.soft_minimum >= minimum);
            CHECK(s.soft_maximum <= maximum);
            CHECK(e->statistics().threads >= minimum);
        }
        while (next < calls.size()) {
            e->place(calls[next++], origin::external);
        }
        CHECK(done.wait(400));
        CHECK(becomes_true([&] { return e->statistics().threads <= 8; }));
        CHECK(e->statistics().threads >= 4);
        check_log(*e);
    }
}

TEST_CASE("fixed: opens more cores than CPUs, and a blocked worker keeps its own") {
    const auto e = engine_with("fixed");
    e->set_maximum(64);
    const uint32_t n = e->controlled().cpus + 10;
    REQUIRE(e->set_minimum(n));
    CHECK(e->controlled().tokens == n);
    CHECK(e->controlled().soft_maximum == n);
    gate entered;
    gate opened;
    gate done;
    high_water inside;
    std::atomic<uint32_t> count{0};
    std::deque<call> calls;
    for (uint32_t i = 0; i < n + 5; ++i) {
        calls.emplace_back([&, i] {
            // mo: relaxed (all below), the check is about overlap in time.
            inside.show(count.fetch_add(1, std::memory_order_relaxed) + 1);
            entered.count();
            if (i % 2 == 0) {
                const kernel::blocking_scope announced;
                (void)opened.wait(1);
            } else {
                (void)opened.wait(1);
            }
            count.fetch_sub(1, std::memory_order_relaxed);
            done.count();
        });
        e->place(calls.back(), origin::external);
    }
    CHECK(entered.wait(n)); // all at once, although there are fewer CPUs
    opened.count();
    CHECK(done.wait(n + 5));
    CHECK(inside.most() == n); // and the others waited for a core
    CHECK(e->statistics().threads == n);
}

TEST_CASE("fixed: the soft minimum is made without any work, and not more often than asked") {
    const auto e = engine_with("fixed");
    const uint32_t n = e->controlled().tokens;
    CHECK(becomes_true([&] { return e->statistics().threads == n; }));
    CHECK(e->controlled().soft_minimum == n);
    CHECK(e->statistics().threads_minimum == 0);
    CHECK(e->statistics().threads_peak == n);
}

TEST_CASE("tokens: what is on a core that closes is run, also what its callback adds later") {
    for (const char* policy : {"ws", "shared-fifo"}) { // any core may take any item
        CAPTURE(std::string(policy));
        const auto e = engine_with("fixed", policy);
        const uint32_t n = e->controlled().cpus + 6;
        REQUIRE(e->set_minimum(n));
        gate entered;
        gate lowered;
        gate placed;
        gate opened;
        gate done;
        std::deque<call> children;
        for (uint32_t i = 0; i < 20 * n; ++i) {
            children.emplace_back([&] { done.count(); });
        }
        std::deque<call> parents;
        for (uint32_t i = 0; i < n; ++i) {
            parents.emplace_back([&, i] {
                entered.count();
                for (uint32_t k = 0; k < 10; ++k) {
                    e->place(children[20 * i + k], origin::spawn);
                }
                (void)lowered.wait(1);
                for (uint32_t k = 10; k < 20; ++k) {
                    e->place(children[20 * i + k], origin::spawn);
                }
                placed.count();
                if (i != 0) {
                    (void)opened.wait(1); // core i is closing, its holder busy
                }
                done.count();
            });
        }
        for (call& p : parents) {
            e->place(p, origin::external);
        }
        REQUIRE(entered.wait(n));
        e->set_maximum(2);
        CHECK(e->controlled().tokens == 2);
        lowered.count();
        REQUIRE(placed.wait(n));
        opened.count();
        CHECK(done.wait(n + 20 * n));
        CHECK(becomes_true([&] { return e->statistics().threads <= 2; }));
        // And up again: the closed cores open and are used.
        REQUIRE(e->set_minimum(n));
        gate again;
        gate released;
        std::deque<call> wave;
        for (uint32_t i = 0; i < n; ++i) {
            wave.emplace_back([&] {
                again.count();
                (void)released.wait(1);
                done.count();
            });
            e->place(wave.back(), origin::external);
        }
        CHECK(again.wait(n));
        released.count();
        CHECK(done.wait(2 * n + 20 * n));
    }
}

TEST_CASE("tokens: what a callback adds on a core that has closed runs before the callback ends") {
    for (const char* policy : {"ws", "lifo-slot"}) { // they keep it on the callback's core
        CAPTURE(std::string(policy));
        const auto e = engine_with("fixed", policy);
        const uint32_t cpus = e->controlled().cpus;
        const uint32_t n = cpus + 2;
        REQUIRE(e->set_minimum(n));
        gate entered;
        gate changed;
        gate ran;
        gate done;
        high_water cores_of_children;
        std::deque<call> children;
        std::deque<call> parents;
        for (uint32_t i = 0; i < n; ++i) {
            children.emplace_back([&] {
                cores_of_children.show(core_of_this_thread(*e));
                ran.count();
            });
            // Computing all the time: a worker that blocks would give up its core.
            parents.emplace_back([&, i] {
                entered.count();
                (void)becomes_true([&] { return changed.value() != 0; });
                if (core_of_this_thread(*e) >= cpus) {
                    e->place(children[i], origin::spawn);
                    CHECK(becomes_true([&] { return ran.value() == n - cpus; }));
                }
                done.count();
            });
        }
        for (call& p : parents) {
            e->place(p, origin::external);
        }
        REQUIRE(entered.wait(n)); // one on each core
        REQUIRE(e->set_controller("iocp"));
        CHECK(e->controlled().tokens == cpus);
        changed.count();
        CHECK(done.wait(n, 90));
        CHECK(ran.wait(n - cpus));
        CHECK(cores_of_children.most() < cpus);
    }
}

TEST_CASE("tokens: items for a core that has just closed are not lost") {
    const auto e = engine_with("fixed", "partitioned"); // its items go to one core and no other
    e->set_maximum(16);
    constexpr uint32_t items = 20'000;
    gate done;
    std::deque<call> calls;
    for (uint32_t i = 0; i < items; ++i) {
        calls.emplace_back([&done] { done.count(); });
    }
    std::thread limits([&] {
        for (uint32_t i = 0; done.value() < items && i < 5000; ++i) {
            e->set_maximum(i % 2 == 0 ? 3 : 16);
            (void)e->set_minimum(i % 2 == 0 ? 3 : 16);
        }
        e->set_maximum(16);
    });
    for (call& c : calls) {
        e->place(c, origin::external);
    }
    CHECK(done.wait(items));
    limits.join();
}

TEST_CASE("qdelay: a queue that waits opens the CPUs one after the other, and the log says why") {
    const auto e = engine_with("qdelay");
    const uint32_t cpus = e->controlled().cpus;
    CHECK(e->controlled().tokens == 1);
    gate done;
    uint32_t placed = 0;
    std::deque<call> calls;
    const bool is_open = becomes_true([&] {
        for (int i = 0; i < 20; ++i, ++placed) {
            calls.emplace_back([&done] {
                burn(200'000);
                done.count();
            });
            e->place(calls.back(), origin::external);
        }
        CHECK(done.wait(placed - 10));
        return e->controlled().tokens == cpus;
    });
    CHECK(is_open);
    CHECK(done.wait(placed));
    CHECK((has_reason(*e, reason::queue_delay) || cpus == 1));
    CHECK(e->controlled().samples > 0);
    check_log(*e);
}

TEST_CASE("starvation: callbacks that wait for later ones get their tokens, because they said so") {
    const auto e = engine_with("starvation");
    const uint32_t waiting = e->controlled().cpus;
    gate entered;
    gate later;
    gate done;
    std::deque<call> calls;
    for (uint32_t i = 0; i < waiting; ++i) {
        calls.emplace_back([&] {
            entered.count();
            const kernel::blocking_scope announced;
            CHECK(later.wait(1));
            done.count();
        });
        e->place(calls.back(), origin::external);
    }
    REQUIRE(entered.wait(waiting));
    calls.emplace_back([&] {
        later.count();
        done.count();
    });
    e->place(calls.back(), origin::external);
    CHECK(done.wait(waiting + 1));
    CHECK(has_reason(*e, reason::announced));
}

TEST_CASE("hillclimb, gradient, little: waiting callbacks get more tokens than there are CPUs") {
    for (const char* name : {"hillclimb", "gradient", "little"}) {
        CAPTURE(std::string(name));
        const auto e = engine_with(name);
        e->set_maximum(24);
        const uint32_t cpus = e->controlled().cpus;
        gate done;
        uint32_t placed = 0;
        std::deque<call> calls;
        const bool has_grown = becomes_true([&] {
            for (int i = 0; i < 40; ++i, ++placed) {
                calls.emplace_back([&done] {
                    nap(2'000'000, false);
                    done.count();
                });
                e->place(calls.back(), origin::external);
            }
            CHECK(done.wait(placed > 80 ? placed - 80 : 0));
            return e->controlled().tokens >= cpus + 3;
        });
        CHECK(has_grown);
        CHECK(done.wait(placed));
        CHECK(e->controlled().samples > 0);
        check_log(*e);
    }
}

TEST_CASE("tokens: a decision far up is reached in steps, whatever the controller wants at once") {
    const auto e = engine_with("little");
    e->set_maximum(64);
    gate done;
    std::deque<call> calls;
    for (int i = 0; i < 600; ++i) {
        calls.emplace_back([&done] {
            nap(20'000'000, false);
            done.count();
        });
        e->place(calls.back(), origin::external);
    }
    CHECK(done.wait(600));
    const auto log = log_of(*e);
    const auto full_step = [](const auto& c) { return c.tokens == c.tokens_before + 16; };
    CHECK(std::count_if(log.begin(), log.end(), full_step) >= 2);
    CHECK(e->statistics().threads_peak <= 64);
    check_log(*e);
}

TEST_CASE("tokens: the controller can be exchanged while callbacks run; an unknown name changes "
          "nothing") {
    const auto e = engine_with("iocp");
    e->set_maximum(20);
    gate done;
    std::deque<call> calls;
    for (int i = 0; i < 800; ++i) {
        calls.emplace_back([&done, i] {
            if (i % 5 == 0) {
                nap(100'000, i % 2 == 0);
            }
            done.count();
        });
    }
    size_t next = 0;
    for (int round = 0; round < 2; ++round) {
        for (const char* const* name = controller_names(); *name != nullptr; ++name) {
            for (int i = 0; i < 50; ++i) {
                e->place(calls[next++], origin::external);
            }
            CHECK(e->set_controller(*name));
            CHECK(std::string(e->controlled().controller) == *name);
            const uint64_t changes = e->controlled().changes;
            CHECK_FALSE(e->set_controller("nonsense"));
            CHECK(std::string(e->controlled().controller) == *name);
            CHECK(e->controlled().changes >= changes);
        }
    }
    CHECK(done.wait(800));
    check_log(*e);
}

TEST_CASE("tokens: the log keeps the newest changes and gives as many as there is room for") {
    const auto e = engine_with("iocp");
    for (uint32_t i = 0; i < 400; ++i) {
        e->set_maximum(100 + i);
    }
    const auto all = log_of(*e);
    REQUIRE(all.size() == token_state::log_size);
    CHECK(all.back().soft_maximum == 499);
    CHECK(all.back().sequence == e->controlled().changes);
    CHECK(all.front().sequence == all.back().sequence - token_state::log_size + 1);
    check_log(*e);
    control_change few[3];
    REQUIRE(e->control_log(few, 3) == 3);
    CHECK(few[2].sequence == all.back().sequence);
    CHECK(few[0].sequence == all.back().sequence - 2);
}

TEST_CASE("tokens: the age of the oldest item comes from counts") {
    arrival_history h;
    CHECK(h.age_ns(100, 1) == 0);
    h.tick(1'000, 5);
    h.tick(2'000, 5);
    h.tick(3'000, 9);
    CHECK(h.age_ns(3'500, 1) == 2'500); // there since the first tick
    CHECK(h.age_ns(3'500, 5) == 2'500);
    CHECK(h.age_ns(3'500, 6) == 500);
    CHECK(h.age_ns(3'500, 10) == 0); // has not been seen
    for (int64_t t = 4; t < 3000; ++t) {
        h.tick(t * 1'000, 10);
    }
    CHECK(h.age_ns(3'000'000, 10) == 1024 * 1'000); // as far as the history goes
    h.clear();
    CHECK(h.age_ns(3'000'000, 10) == 0);
}
