// SPDX-License-Identifier: Apache-2.0
#pragma once
// One asynchronous operation in the kernel's own vocabulary, and the place it is handed to.
//
// Nouns. A *request* is one operation with one final result. A *sink* accepts requests from any
// thread and promises exactly one call of `complete` for each. A sink is a pool's engine (requests
// go to the ring of a worker) or the thread-backed source (machines that forbid io_uring).
//
// Life of a request: filled in by its owner -> sink.arm() -> [inbox] -> prepared on a ring ->
// complete(res) exactly once -> drop() -> destroy when the last hold is gone.
//
// Cancelling races with every step of that life, so `place` says where the request is:
//   0            not armed yet (new, or waiting in an inbox)
//   ring address armed there; the low bit says that a cancel was asked for
// The armer:     1. CAS place 0 -> ring.  2. on failure (bit set): complete(-ECANCELED).
// The canceller: 1. place |= 1.           2. old 0: nothing more to do, the armer will see it.
//                                         3. old ring: hold() and post to that ring's cancel inbox.
#include <atomic>
#include <cstdint>

namespace rp::kernel {

enum class io_op : uint8_t {
    nop,
    read,
    write,
    recv,
    send,
    recvmsg,
    sendmsg,
    poll,
    accept,
    connect,
    fsync
};

struct io_request;

/// Accepts requests from any thread. Neither call blocks or fails: failure is a completion.
class io_sink {
public:
    /// Arms `request`. Ownership passes to the sink until `complete` is called.
    virtual void arm(io_request& request) noexcept = 0;
    /// Asks that `request`, armed through this sink, be cancelled. An attempt: the request still
    /// completes exactly once, with -ECANCELED or with its own result. The caller must have a hold.
    virtual void cancel(io_request& request) noexcept = 0;

protected:
    ~io_sink() = default;
};

struct io_request {
    io_op op = io_op::nop;
    bool is_cancel_posted = false; ///< guard: set once by the canceller that found `place` armed
    uint16_t tag = 0;              ///< free for the owner
    int32_t fd = -1;
    void* addr = nullptr; ///< buffer; recvmsg/sendmsg: msghdr*; accept/connect: sockaddr*
    uint32_t len = 0;     ///< bytes; connect: address length
    uint32_t flags = 0;   ///< recv/send(msg): MSG_*; read/write: RWF_*; poll: POLL*; accept: SOCK_*
    uint64_t offset = 0;  ///< file position, or ~0 for streams; accept: socklen_t*

    /// Called exactly once, on whatever thread reaps: `res` is >= 0 or -errno. May re-arm.
    void (*complete)(io_request& self, int32_t res) noexcept = nullptr;
    /// Called when the last hold is dropped.
    void (*destroy)(io_request& self) noexcept = nullptr;

    io_request* next = nullptr;        ///< link while in an inbox; owner: that inbox
    io_request* cancel_next = nullptr; ///< link while in a cancel inbox; owner: that inbox
    std::atomic<uintptr_t> place{0};
    std::atomic<uint32_t> holds{1};

    void hold() noexcept {
        // mo: relaxed, the caller already has a hold, nothing is published.
        holds.fetch_add(1, std::memory_order_relaxed);
    }

    void drop() noexcept {
        // mo: acq_rel, pairs request.holds (every other drop): the destroyer sees all their writes.
        if (holds.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            destroy(*this);
        }
    }

protected:
    ~io_request() = default;
};

/// Lock-free multi-producer inbox of requests; the consumer takes everything at once, oldest first.
template <io_request* io_request::*Link>
class request_inbox {
public:
    /// Returns true when the inbox was empty before (the consumer may need a wake).
    bool push(io_request& request) noexcept {
        // mo: relaxed, the CAS below orders it.
        io_request* head = head_.load(std::memory_order_relaxed);
        do {
            request.*Link = head;
            // mo: release, pairs inbox.head (take_all).
        } while (!head_.compare_exchange_weak(
            head, &request, std::memory_order_release, std::memory_order_relaxed));
        return head == nullptr;
    }

    /// Takes the whole list, linked through `Link` in arrival order.
    [[nodiscard]] io_request* take_all() noexcept {
        if (is_empty()) {
            return nullptr;
        }
        // mo: acquire, pairs inbox.head (push).
        io_request* newest = head_.exchange(nullptr, std::memory_order_acquire);
        io_request* oldest = nullptr;
        while (newest != nullptr) {
            io_request* following = newest->*Link;
            newest->*Link = oldest;
            oldest = newest;
            newest = following;
        }
        return oldest;
    }

    [[nodiscard]] bool is_empty() const noexcept {
        // mo: relaxed, a hint; whoever must not miss a push orders its own announcement before.
        return head_.load(std::memory_order_relaxed) == nullptr;
    }

private:
    std::atomic<io_request*> head_{nullptr};
};

using arm_inbox = request_inbox<&io_request::next>;
using cancel_inbox = request_inbox<&io_request::cancel_next>;

} // namespace rp::kernel
