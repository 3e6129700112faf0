// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/ring.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "tests/unit/linux/ring_harness.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <deque>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

using namespace rp::kernel;
using rp::test::pipe_pair;
using rp::test::probe_request;

namespace {

/// Runs `body` in a forked child; returns what it wrote to stderr before it was aborted, or "".
template <class Body>
std::string message_of_abort(Body body) {
    const pipe_pair output;
    const pid_t child = fork();
    if (child == 0) {
        dup2(output.write_end(), STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        const rlimit no_core{0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        body();
        _exit(0);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status) ||
        WTERMSIG(status) != SIGABRT) {
        return "";
    }
    char text[512] = {};
    fcntl(output.read_end(), F_SETFL, O_NONBLOCK);
    return read(output.read_end(), text, sizeof text - 1) > 0 ? text : "";
}

/// From now on the kernel answers this thread's io_uring_enter calls with EAGAIN unless they also
/// ask for events. Returns false where seccomp filters are not allowed.
bool refuse_plain_submits() {
    constexpr uint32_t flags_low_word = offsetof(seccomp_data, args[3]);
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, flags_low_word),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IORING_ENTER_GETEVENTS, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

std::atomic<ring*> ring_to_rescue{nullptr};

/// Routes SIGURG to ring::rescue for as long as it lives.
class rescue_handler {
public:
    explicit rescue_handler(ring& target) {
        // mo: release, pairs test.ring_to_rescue (the handler).
        ring_to_rescue.store(&target, std::memory_order_release);

        struct sigaction action {};

        action.sa_handler = [](int) {
            // mo: acquire, pairs test.ring_to_rescue (rescue_handler).
            if (ring* found = ring_to_rescue.load(std::memory_order_acquire); found != nullptr) {
                found->rescue();
            }
        };
        action.sa_flags = SA_RESTART;
        sigaction(SIGURG, &action, &previous_);
    }

    ~rescue_handler() {
        // mo: release, pairs test.ring_to_rescue (the handler).
        ring_to_rescue.store(nullptr, std::memory_order_release);
        sigaction(SIGURG, &previous_, nullptr);
    }

    rescue_handler(const rescue_handler&) = delete;
    rescue_handler& operator=(const rescue_handler&) = delete;

private:
    struct sigaction previous_ {};
};

} // namespace

TEST_SUITE("ring") {
    TEST_CASE("ring: keeps the promises of a sink, in every flavour") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour);
            rp::test::ring_sink sink(*made);
            rp::test::check_sink_semantics(sink);
            CHECK(made->in_flight() == 0);
        });
    }

    TEST_CASE("ring: in_flight counts from arm to reap") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour);
            const pipe_pair pipe;
            char byte = 0;
            probe_request read(io_op::read, pipe.read_end(), &byte, 1);
            CHECK(made->in_flight() == 0);
            CHECK_FALSE(made->needs_enter());
            made->arm(read);
            CHECK(made->in_flight() == 1);
            CHECK(made->needs_enter()); // prepared, not submitted
            made->submit_and_get_events();
            CHECK(made->in_flight() == 1);
            CHECK_FALSE(made->has_completions());
            pipe.put("x");
            rp::test::run_ring_until(*made, [&] { return read.has_ended(); });
            CHECK(made->in_flight() == 0);
        });
    }

    TEST_CASE("ring: more requests than SQ and CQ entries, none is lost") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour, 4); // CQ: 16
            std::deque<probe_request> requests(500);
            for (probe_request& request : requests) {
                made->arm(request); // a nop
            }
            CHECK(made->in_flight() == 500);
            rp::test::run_ring_until(*made, [&] { return made->in_flight() == 0; });
            for (probe_request& request : requests) {
                CHECK(request.has_ended());
                CHECK(request.res() == 0);
            }
        });
    }

    TEST_CASE("ring: an overflowed CQ shows as hidden work until the owner has entered") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour, 4); // CQ: 16
            std::deque<probe_request> requests(40);
            for (probe_request& request : requests) {
                made->arm(request);
            }
            made->submit_and_get_events();
            unsigned reaped = rp::test::reap_all(*made);
            CHECK(reaped < 40);
            while (reaped < 40) {
                REQUIRE(made->has_hidden_work());
                REQUIRE(made->needs_enter());
                made->submit_and_get_events();
                reaped += rp::test::reap_all(*made);
            }
            CHECK(made->in_flight() == 0);
        });
    }

    TEST_CASE("ring: a completion the owner has not run yet is hidden work for the others") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour);
            const pipe_pair pipe;
            char byte = 0;
            probe_request read(io_op::read, pipe.read_end(), &byte, 1);
            made->arm(read);
            made->submit_and_get_events();
            std::thread([&] {
                pipe.put("x");
                while (!made->has_hidden_work() && !made->has_completions()) {
                    std::this_thread::yield(); // the watchdog bounds this
                }
            }).join();
            rp::test::run_ring_until(*made, [&] { return read.has_ended(); });
            CHECK(read.res() == 1);
        });
    }

    TEST_CASE("ring: several reapers at once, each completion is taken exactly once") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour);
            std::deque<probe_request> requests(2'000);
            std::atomic<bool> is_over{false};
            std::vector<std::thread> reapers;
            for (int i = 0; i < 3; ++i) {
                reapers.emplace_back([&] {
                    // mo: acquire, pairs test.is_over (below).
                    while (!is_over.load(std::memory_order_acquire)) {
                        if (rp::test::reap_all(*made) == 0) {
                            std::this_thread::yield();
                        }
                    }
                });
            }
            size_t armed = 0;
            for (probe_request& request : requests) {
                made->arm(request);
                if (++armed % 16 == 0) {
                    made->submit_and_get_events();
                }
            }
            rp::test::run_ring_until(*made, [&] { return made->in_flight() == 0; });
            // mo: release, pairs test.is_over (reapers).
            is_over.store(true, std::memory_order_release);
            for (std::thread& reaper : reapers) {
                reaper.join();
            }
            unsigned wrong = 0;
            for (probe_request& request : requests) {
                // mo: relaxed, all reapers have been joined.
                wrong += request.completions.load(std::memory_order_relaxed) != 1 ? 1 : 0;
                wrong += request.has_ended() ? 0 : 1;
            }
            CHECK(wrong == 0);
        });
    }

    TEST_CASE("ring: cancels from another thread race with data, each request ends once") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour, 8);
            rp::test::random_source random(rp::test::seed());
            constexpr size_t pipes_max = 32;
            int cancelled = 0;
            for (int round = 0; round < 20; ++round) {
                std::deque<pipe_pair> pipes(pipes_max);
                std::deque<probe_request> reads;
                std::vector<char> bytes(pipes_max);
                for (size_t i = 0; i < pipes_max; ++i) {
                    reads.emplace_back(io_op::read, pipes[i].read_end(), &bytes[i], 1);
                    reads[i].hold();
                }
                const uint64_t start = random.next();
                std::thread canceller([&] {
                    rp::test::random_source own(start);
                    for (size_t i = 0; i < pipes_max; ++i) {
                        if (own.below(2) == 0) {
                            pipes[i].put("x");
                        }
                        rp::test::cancel_armed(
                            reads[i], [&](io_request& armed) { made->post_cancel(armed); });
                        reads[i].drop();
                    }
                });
                for (probe_request& read : reads) {
                    made->arm(read);
                }
                rp::test::run_ring_until(*made, [&] {
                    for (probe_request& read : reads) {
                        if (!read.has_ended()) {
                            return false;
                        }
                    }
                    return true;
                });
                canceller.join();
                for (probe_request& read : reads) {
                    // mo: relaxed, the request has ended.
                    CHECK(read.completions.load(std::memory_order_relaxed) == 1);
                    const bool is_valid = read.res() == 1 || read.res() == -ECANCELED;
                    CHECK(is_valid);
                    cancelled += read.res() == -ECANCELED ? 1 : 0;
                }
            }
            CHECK(made->in_flight() == 0);
            CHECK(cancelled > 0); // half of the pipes never get data
        });
    }

    TEST_CASE("ring: rescue in a signal handler makes completions visible while the owner spins") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour);
            const rescue_handler handler(*made);
            const pid_t owner = thread_id();
            for (int round = 0; round < 20; ++round) {
                const pipe_pair pipe;
                char byte = 0;
                probe_request read(io_op::read, pipe.read_end(), &byte, 1);
                made->arm(read); // not submitted: the handler has to do that as well
                std::thread helper([&] {
                    pipe.put("x");
                    while (!read.has_ended()) {
                        signal_thread(owner, SIGURG);
                        rp::test::reap_all(*made);
                        std::this_thread::yield();
                    }
                });
                errno = 4321;
                while (!read.has_ended()) { // the owner does not enter the kernel for its ring
                    cpu_relax();
                }
                CHECK(errno == 4321);
                helper.join();
                CHECK(read.res() == 1);
            }
        });
    }

    TEST_CASE("ring: rescue submits cancels that wait in the inbox") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour);
            const rescue_handler handler(*made);
            const pid_t owner = thread_id();
            const pipe_pair pipe;
            char byte = 0;
            probe_request read(io_op::read, pipe.read_end(), &byte, 1);
            read.hold();
            made->arm(read);
            made->submit_and_get_events();
            std::thread helper([&] {
                rp::test::cancel_armed(read, [&](io_request& armed) { made->post_cancel(armed); });
                CHECK(made->has_hidden_work());
                read.drop();
                while (!read.has_ended()) {
                    signal_thread(owner, SIGURG);
                    rp::test::reap_all(*made);
                    std::this_thread::yield();
                }
            });
            while (!read.has_ended()) {
                cpu_relax();
            }
            helper.join();
            CHECK(read.res() == -ECANCELED);
        });
    }

    TEST_CASE("ring: rescues and cancels anywhere inside the owner's work lose nothing") {
        rp::test::for_each_flavour([](const char* flavour) {
            const std::unique_ptr<ring> made = rp::test::make_ring(flavour, 8);
            const rescue_handler handler(*made);
            const pid_t owner = thread_id();
            const pipe_pair silent;
            unsigned wrong = 0;
            for (int round = 0; round < 20; ++round) {
                char byte = 0;
                std::deque<probe_request> reads;
                for (int i = 0; i < 60; ++i) {
                    reads.emplace_back(io_op::read, silent.read_end(), &byte, 1);
                    reads.back().hold();
                }
                std::deque<probe_request> nops(300);
                std::thread storm([&] {
                    for (probe_request& read : reads) {
                        rp::test::cancel_armed(
                            read, [&](io_request& armed) { made->post_cancel(armed); });
                        read.drop();
                        signal_thread(owner, SIGURG);
                    }
                });
                for (probe_request& read : reads) {
                    made->arm(read);
                }
                for (probe_request& nop : nops) {
                    made->arm(nop);
                }
                rp::test::run_ring_until(*made, [&] { return made->in_flight() == 0; });
                storm.join();
                // The last holds go with the CQEs of the cancels.
                rp::test::run_ring_until(*made, [&] {
                    return std::all_of(reads.begin(), reads.end(), [](const probe_request& read) {
                        return read.has_ended();
                    });
                });
                for (const probe_request& read : reads) {
                    // mo: relaxed, reaped on this thread.
                    wrong += read.completions.load(std::memory_order_relaxed) != 1 ? 1 : 0;
                    wrong += read.res() != -ECANCELED ? 1 : 0;
                }
                for (const probe_request& nop : nops) {
                    // mo: relaxed, reaped on this thread.
                    wrong += nop.completions.load(std::memory_order_relaxed) != 1 ? 1 : 0;
                    wrong += nop.res() != 0 ? 1 : 0;
                }
            }
            CHECK(wrong == 0);
        });
    }

    TEST_CASE("ring: when the kernel refuses to submit, requests wait in order and none is lost") {
        rp::test::for_each_flavour([](const char* flavour) {
            std::thread([flavour] { // the filter stays with this thread
                if (!refuse_plain_submits()) {
                    rp::test::skip_missing("seccomp filters");
                    return;
                }
                const std::unique_ptr<ring> made = rp::test::make_ring(flavour, 4);
                static std::vector<const void*> order;
                order.clear();
                std::deque<probe_request> requests(20);
                for (probe_request& request : requests) {
                    request.then = [](probe_request& self) noexcept { order.push_back(&self); };
                    made->arm(request);
                }
                CHECK(made->in_flight() == 20);
                // The fifth and later ones have no SQE yet; a cancel finds them not armed.
                const bool was_posted =
                    rp::test::cancel_armed(requests[6], [](io_request& armed) { armed.drop(); });
                CHECK_FALSE(was_posted);
                made->rescue();
                made->rescue();
                made->rescue();
                CHECK_FALSE(requests[6].has_ended()); // the handler completes nothing
                std::atomic<uint32_t> word{0};
                while (made->in_flight() != 0) {
                    CHECK((made->needs_enter() || made->has_completions()));
                    made->wait(word, 0, no_deadline);
                    rp::test::reap_all(*made);
                }
                for (size_t i = 0; i < requests.size(); ++i) {
                    CHECK(requests[i].has_ended());
                    CHECK(requests[i].res() == (i == 6 ? -ECANCELED : 0));
                }
                std::erase(order, static_cast<const void*>(&requests[6]));
                CHECK(order.size() == 19);
                CHECK(order.front() == &requests.front());
                CHECK(order.back() == &requests.back());
            })
                .join();
        });
    }

    TEST_CASE("ring: misuse at the end aborts with a message that names it") {
        if (!probed_ring_caps().ring) {
            rp::test::skip_missing("io_uring: " + probed_ring_caps().cause);
            return;
        }
        const std::string in_flight = message_of_abort([] {
            const pipe_pair pipe;
            char byte = 0;
            probe_request read(io_op::read, pipe.read_end(), &byte, 1);
            std::unique_ptr<ring> made = rp::test::make_ring("");
            made->arm(read);
            made.reset();
        });
        CHECK(in_flight.find("ring destroyed with 1 requests in flight") != std::string::npos);
    }

    TEST_CASE("ring: without async_cancel a cancel is an attempt that changes nothing") {
        if (!probed_ring_caps().ring) {
            rp::test::skip_missing("io_uring: " + probed_ring_caps().cause);
            return;
        }
        const std::unique_ptr<ring> made = rp::test::make_ring("-async_cancel");
        const pipe_pair pipe;
        char byte = 0;
        probe_request read(io_op::read, pipe.read_end(), &byte, 1);
        read.hold();
        made->arm(read);
        made->submit_and_get_events();
        rp::test::cancel_armed(read, [&](io_request& armed) { made->post_cancel(armed); });
        read.drop();
        made->submit_and_get_events();
        CHECK_FALSE(made->has_completions());
        pipe.put("x");
        rp::test::run_ring_until(*made, [&] { return read.has_ended(); });
        CHECK(read.res() == 1);
    }
}
