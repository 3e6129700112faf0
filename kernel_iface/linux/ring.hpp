// SPDX-License-Identifier: Apache-2.0
#pragma once
// One io_uring, bound by the kernel to the thread that made it (see ring.cpp for the essay).
#include "kernel_iface/linux/io_request.hpp"
#include "kernel_iface/linux/ring_caps.hpp"

#include <cstdint>
#include <memory>

namespace rp::kernel {

class ring {
public:
    /// Makes a ring owned by the calling thread, with what probed_ring_caps() (or `caps`, a subset
    /// of it) allows. On failure returns nullptr and stores -errno.
    static std::unique_ptr<ring> create(unsigned sq_entries, int& error) noexcept;
    static std::unique_ptr<ring>
    create(unsigned sq_entries, int& error, const ring_caps& caps) noexcept;
    /// On the owner thread, with nothing in flight and no other thread able to call anything here;
    /// anything else aborts the process.
    ~ring();
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;

    // --- owner thread only ---------------------------------------------------------------------
    /// Prepares one SQE for `request` (place 0 -> this), not yet submitted. When the SQ is full it
    /// submits first. A request cancelled before it was armed completes here with -ECANCELED.
    void arm(io_request& request) noexcept;
    /// Turns everything in the cancel inbox into ASYNC_CANCEL SQEs. (The two calls below do it
    /// too.)
    void drain_cancels() noexcept;
    /// Submits prepared SQEs and runs deferred task work, without waiting.
    void submit_and_get_events() noexcept;
    /// True when submit_and_get_events has something to do (unsubmitted SQEs, cancels, task work).
    [[nodiscard]] bool needs_enter() const noexcept;
    /// Submits, then sleeps until at least one CQE is there, `wake_word` was woken by wake() or
    /// differs from `expected`, or `deadline_ns` (CLOCK_MONOTONIC, INT64_MAX: none) passes. May
    /// return for no reason. Returns at once when there are completions already.
    void wait(std::atomic<uint32_t>& wake_word, uint32_t expected, int64_t deadline_ns) noexcept;
    /// From a signal handler on the owner thread: unless the owner was interrupted inside this
    /// class, submits prepared SQEs and pending cancels and runs deferred task work.
    void rescue() noexcept;

    // --- any thread ----------------------------------------------------------------------------
    /// Takes one completion under the try-lock. Returns false when there is none or the lock is
    /// busy. On true the caller must call request->complete(*request, res) and then
    /// request->drop(). `place` is back at 0 by then (the cancel bit stays), so `complete` may arm
    /// the request again.
    bool reap_one(io_request*& request, int32_t& res) noexcept;
    [[nodiscard]] bool has_completions() const noexcept; ///< visible CQEs (hint)
    /// Task work, SQEs or cancels that only the owner can run (hint).
    [[nodiscard]] bool has_hidden_work() const noexcept;
    /// Armed and not reaped. Exact on the owner while nobody reaps; a hint elsewhere.
    [[nodiscard]] uint32_t in_flight() const noexcept;
    /// Posts a cancel for a request whose `place` is this ring (the caller passes on one hold).
    void post_cancel(io_request& request) noexcept;
    /// Ends a wait() of the owner on `wake_word`, whose value the caller has changed before. Never
    /// lost; when nobody waits it costs a system call and at most one early return of a later wait.
    /// Wakes every futex sleeper on the word. A plain futex_wake(word, 1) does not do: the ring's
    /// own waiter may still be queued on the word from an earlier wait and swallow that one wake.
    void wake(std::atomic<uint32_t>& wake_word) noexcept;

private:
    ring();
    struct state;
    std::unique_ptr<state> state_;
};

} // namespace rp::kernel
