// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/stop.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace rp::lab {

namespace {

std::atomic<int> stop_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);

void on_stop_signal(int number) {
    // mo: relaxed, a flag between a signal handler and the thread that polls it
    if (stop_signal.exchange(number, std::memory_order_relaxed) != 0) {
        _exit(128 + number); // asked twice: the files of the last round are complete
    }
}

} // namespace

int stop_requested() {
    // mo: relaxed, a flag between a signal handler and the thread that polls it
    return stop_signal.load(std::memory_order_relaxed);
}

void install_stop_signals() {
    struct sigaction action {};

    action.sa_handler = &on_stop_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    signal(SIGPIPE, SIG_IGN);
}

} // namespace rp::lab
