// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/thread.hpp"

#include <doctest/doctest.h>

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <functional>
#include <string>
#include <thread>

using namespace rp::kernel;

namespace {

/// Runs `body` on a thread made by start_thread and waits until it has returned.
void run_on_started_thread(const thread_options& options, std::function<void()> body) {
    struct job {
        std::function<void()> body;
        std::atomic<uint32_t> is_done{0};
    };

    static job* current = nullptr;
    job mine{std::move(body), {}};
    current = &mine;
    const int error = start_thread(
        options,
        [](void* raw) {
            auto* self = static_cast<job*>(raw);
            self->body();
            // mo: release, pairs test.is_done (run_on_started_thread).
            self->is_done.store(1, std::memory_order_release);
            futex_wake(self->is_done, 1);
        },
        current);
    REQUIRE(error == 0);
    // mo: acquire, pairs test.is_done (the thread).
    while (mine.is_done.load(std::memory_order_acquire) == 0) {
        futex_wait(mine.is_done, 0, no_deadline);
    }
}

size_t own_stack_bytes() {
    pthread_attr_t attributes;
    size_t bytes = 0;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstacksize(&attributes, &bytes);
    pthread_attr_destroy(&attributes);
    return bytes;
}

} // namespace

TEST_SUITE("thread") {
    TEST_CASE("start_thread: name is cut to 15 bytes, the stack is as large as asked") {
        thread_options options;
        options.name = "a-name-longer-than-fifteen";
        options.stack_bytes = 3 * default_stack_bytes(); // smaller ones may be served from a cache
        std::string name;
        size_t stack_bytes = 0;
        run_on_started_thread(options, [&] {
            char text[32] = {};
            pthread_getname_np(pthread_self(), text, sizeof text);
            name = text;
            stack_bytes = own_stack_bytes();
        });
        CHECK(name == "a-name-longer-t");
        CHECK(stack_bytes >= 3 * default_stack_bytes());
    }

    TEST_CASE("start_thread: a tiny stack is raised to what a thread needs") {
        thread_options options;
        options.stack_bytes = 1;
        size_t stack_bytes = 0;
        run_on_started_thread(options, [&] { stack_bytes = own_stack_bytes(); });
        CHECK(stack_bytes >= static_cast<size_t>(PTHREAD_STACK_MIN));
    }

    TEST_CASE("start_thread: without a size the process default applies") {
        size_t stack_bytes = 0;
        run_on_started_thread({}, [&] { stack_bytes = own_stack_bytes(); });
        CHECK(default_stack_bytes() > 0);
        CHECK(stack_bytes >= default_stack_bytes() / 2);
    }

    TEST_CASE(
        "start_thread: signals are blocked but the kept one and faults; ours stay as before") {
        sigset_t before;
        sigset_t after;
        pthread_sigmask(SIG_SETMASK, nullptr, &before);
        thread_options options;
        options.keep_signal = SIGURG;
        sigset_t inside;
        run_on_started_thread(options, [&] { pthread_sigmask(SIG_SETMASK, nullptr, &inside); });
        pthread_sigmask(SIG_SETMASK, nullptr, &after);
        for (const int blocked : {SIGINT, SIGTERM, SIGALRM, SIGCHLD, SIGUSR1, SIGHUP}) {
            CHECK(sigismember(&inside, blocked) == 1);
            CHECK(sigismember(&after, blocked) == sigismember(&before, blocked));
        }
        for (const int open : {SIGURG, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
            CHECK(sigismember(&inside, open) == 0);
        }
    }

    TEST_CASE("thread_id: is gettid, on each thread and in a forked child") {
        CHECK(thread_id() == syscall(SYS_gettid));
        std::thread([] { CHECK(thread_id() == syscall(SYS_gettid)); }).join();
        const pid_t child = fork();
        if (child == 0) {
            _exit(thread_id() == syscall(SYS_gettid) ? 0 : 1);
        }
        int status = -1;
        REQUIRE(waitpid(child, &status, 0) == child);
        CHECK(status == 0);
    }

    TEST_CASE("thread_state: R for oneself, S for a sleeper, 0 for a thread that does not exist") {
        CHECK(thread_state(thread_id()) == 'R');
        std::atomic<uint32_t> word{0};
        std::atomic<pid_t> tid{0};
        std::thread sleeper([&] {
            // mo: release, pairs test.tid (below).
            tid.store(thread_id(), std::memory_order_release);
            // mo: acquire, pairs test.word (below).
            while (word.load(std::memory_order_acquire) == 0) {
                futex_wait(word, 0, no_deadline);
            }
        });
        // mo: acquire, pairs test.tid (sleeper).
        while (tid.load(std::memory_order_acquire) == 0) {
            std::this_thread::yield();
        }
        // mo: relaxed, read before by this thread.
        const pid_t sleeper_tid = tid.load(std::memory_order_relaxed);
        while (thread_state(sleeper_tid) != 'S') { // the watchdog bounds this
            std::this_thread::yield();
        }
        // mo: release, pairs test.word (sleeper).
        word.store(1, std::memory_order_release);
        futex_wake(word, 1);
        sleeper.join();
        CHECK(thread_state(INT_MAX) == 0);
        CHECK(signal_thread(INT_MAX, 0) == -ESRCH);
        CHECK(signal_thread(thread_id(), 0) == 0);
    }

    TEST_CASE("at_thread_exit: hooks run once, last first, also one registered by a hook") {
        static std::string log;
        log.clear();
        std::thread([] {
            at_thread_exit([](void*) { log += "a"; }, nullptr);
            at_thread_exit(
                [](void*) {
                    log += "b";
                    at_thread_exit([](void*) { log += "c"; }, nullptr);
                },
                nullptr);
            CHECK(log.empty());
        }).join();
        CHECK(log == "bac");
    }
}

TEST_CASE("exit_thread leaves a thread that may, without unwinding it, and runs its exit hooks") {
    static std::atomic<uint32_t> state{0};
    static std::atomic<uint32_t> unwound{0};

    struct counted {
        ~counted() { ++unwound; }
    };

    state = 0;
    thread_options options;
    options.may_exit_early = true;
    const int error = start_thread(
        options,
        [](void* /*argument*/) {
            const counted one;
            at_thread_exit(
                [](void* /*hook*/) {
                    // mo: release, pairs test.state (below).
                    state.store(1, std::memory_order_release);
                    futex_wake(state, 1);
                },
                nullptr);
            exit_thread();
        },
        nullptr);
    REQUIRE(error == 0);
    // mo: acquire, pairs test.state (the hook).
    while (state.load(std::memory_order_acquire) == 0) {
        futex_wait(state, 0, no_deadline);
    }
    CHECK(unwound == 0);
}

TEST_CASE("a thread that inherits signals has its creator's mask") {
    sigset_t usr1;
    sigset_t previous;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, &previous);
    thread_options options;
    options.inherits_signals = true;
    run_on_started_thread(options, [] {
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        CHECK(sigismember(&mask, SIGUSR1) == 1);
        CHECK(sigismember(&mask, SIGTERM) == 0);
    });
    pthread_sigmask(SIG_SETMASK, &previous, nullptr);
}

TEST_CASE("yield_thread tells whether another thread ran") {
    // Alone on its CPU nobody can run; the answer may still be yes when something else is there.
    bool was_ever_alone = false;
    for (int i = 0; i < 10'000 && !was_ever_alone; ++i) {
        was_ever_alone = !yield_thread();
    }
    CHECK(was_ever_alone);
}
