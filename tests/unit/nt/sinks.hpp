// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sinks the overlapped tests run on: the same test bodies, with io_uring and with threads.
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/ring.hpp"
#include "kernel_iface/linux/ring_caps.hpp"
#include "kernel_iface/linux/thread_source.hpp"
#include "kernel_iface/nt/completion_target.hpp"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

namespace rp::test {

/// A thread that owns a ring: the smallest complete ring-backed sink.
class ring_sink final : public kernel::io_sink {
public:
    ring_sink() : thread_([this] { run(); }) {
        // mo: acquire, pairs test.ring (run).
        while (state_.load(std::memory_order_acquire) == 0) {
            kernel::futex_wait(state_, 0, kernel::no_deadline);
        }
    }

    /// Everything armed must have completed, or complete by itself.
    ~ring_sink() {
        if (ring_ != nullptr) {
            // mo: relaxed, wake orders it.
            is_stopping_.store(true, std::memory_order_relaxed);
            wake();
        }
        thread_.join();
    }

    [[nodiscard]] bool is_usable() const { return ring_ != nullptr; }

    void arm(kernel::io_request& request) noexcept override {
        arrivals_.push(request);
        wake();
    }

    void cancel(kernel::io_request& request) noexcept override {
        // mo: acq_rel, pairs request.place (ring::arm).
        const uintptr_t before = request.place.fetch_or(1, std::memory_order_acq_rel);
        if (before == 0 || (before & 1U) != 0) {
            return;
        }
        request.is_cancel_posted = true;
        request.hold();
        ring_->post_cancel(request);
        wake();
    }

private:
    void wake() noexcept {
        // mo: release, pairs test.bell (run): what was pushed before is seen.
        bell_.fetch_add(1, std::memory_order_release);
        ring_->wake(bell_);
    }

    void run() {
        // As pool threads do: a write to a pipe without reader raises SIGPIPE on the ring's owner.
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
        int error = 0;
        std::unique_ptr<kernel::ring> ring = kernel::ring::create(64, error);
        ring_ = ring.get();
        // mo: release, pairs test.ring (constructor).
        state_.store(1, std::memory_order_release);
        kernel::futex_wake(state_, 1);
        if (ring == nullptr) {
            return;
        }
        for (;;) {
            // mo: acquire, pairs test.bell (wake).
            const uint32_t seen = bell_.load(std::memory_order_acquire);
            kernel::io_request* request = arrivals_.take_all();
            while (request != nullptr) {
                kernel::io_request* following = request->next;
                ring->arm(*request);
                request = following;
            }
            ring->submit_and_get_events();
            int32_t res = 0;
            while (ring->reap_one(request, res)) {
                request->complete(*request, res);
                request->drop();
            }
            // mo: relaxed, set before the bell rang.
            if (is_stopping_.load(std::memory_order_relaxed) && ring->in_flight() == 0 &&
                arrivals_.is_empty()) {
                return;
            }
            ring->wait(bell_, seen, kernel::no_deadline);
        }
    }

    std::atomic<uint32_t> state_{0};
    std::atomic<uint32_t> bell_{0};
    std::atomic<bool> is_stopping_{false};
    kernel::arm_inbox arrivals_;
    kernel::ring* ring_ = nullptr;
    std::thread thread_;
};

inline ring_sink& shared_ring_sink() {
    static auto* const sink = new ring_sink; // outlives everything that may still complete
    return *sink;
}

inline kernel::io_sink& shared_ring_provider() noexcept {
    return shared_ring_sink();
}

/// Makes the unbound operations of a test go to the ring or to the threads.
class sink_choice {
public:
    explicit sink_choice(bool wants_ring) {
        if (wants_ring) {
            nt::set_default_sink(shared_ring_provider);
        }
    }

    ~sink_choice() { nt::set_default_sink(nullptr); }

    sink_choice(const sink_choice&) = delete;
    sink_choice& operator=(const sink_choice&) = delete;
};

} // namespace rp::test
