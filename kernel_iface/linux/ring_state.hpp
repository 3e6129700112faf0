// SPDX-License-Identifier: Apache-2.0
#pragma once
// The inside of a ring, shared by ring.cpp (the protocol; read its essay first) and ring_enter.cpp
// (the kernel's queues and the system call).
#include "kernel_iface/linux/ring.hpp"
#include "kernel_iface/linux/spin_lock.hpp"

#include <liburing.h>

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace rp::kernel {

inline constexpr uint64_t tag_mask = 3;
enum class cqe_kind : uint64_t { request = 0, cancel = 1, wake = 2, ignored = 3, none = 4 };

static_assert(alignof(io_request) > tag_mask && alignof(std::atomic<uint32_t>) > tag_mask);

inline uint64_t tagged(const void* pointer, cqe_kind kind) noexcept {
    return reinterpret_cast<uintptr_t>(pointer) | static_cast<uint64_t>(kind);
}

struct taken_cqe {
    cqe_kind kind = cqe_kind::none;
    io_request* request = nullptr;
    int32_t res = 0;
};

enum class reaper { of_requests, of_internals };
enum class arming { prepared, cancelled, no_room };
enum class wait_choice { return_now, wake_is_armed, must_arm_wake };

/// A word of the kernel's queues; each use states its own order.
inline std::atomic_ref<unsigned> shared(unsigned* word) noexcept {
    return std::atomic_ref<unsigned>(*word);
}

/// First in, first out, linked through `Link`; owner thread only.
template <io_request* io_request::*Link>
struct request_fifo {
    io_request* head = nullptr;
    io_request* tail = nullptr;

    void append(io_request& request) noexcept {
        request.*Link = nullptr;
        (head == nullptr ? head : tail->*Link) = &request;
        tail = &request;
    }

    io_request& pop() noexcept { return *std::exchange(head, head->*Link); }
};

/// Tells ThreadSanitizer that memory just mapped is not the ring that was there before.
void tsan_mapped() noexcept;

struct ring::state {
    // Fixed after create().
    ring* self = nullptr;
    io_uring uring{};
    ring_caps caps;
    pid_t owner_tid = 0;
    unsigned enter_flags = 0;
    unsigned wait_flags = 0;
    int wake_fd = -1; // eventfd, where FUTEX_WAIT is missing

    // Owner thread only.
    volatile sig_atomic_t is_owner_inside = 0;
    uint64_t wake_count = 0; // buffer of the eventfd READ
    uint32_t cancels_prepared = 0;
    request_fifo<&io_request::next> deferred;
    request_fifo<&io_request::cancel_next> cancels_taken;
    std::atomic<bool> has_backlog{false}; // one of the two lists is not empty; written by the owner
    std::atomic<uint32_t> armed{0};       // written by the owner

    alignas(64) spin_lock reap_lock;
    bool is_wake_armed = false;     // guard: reap_lock
    const void* wake_key = nullptr; // guard: reap_lock; the word (or the eventfd) it is armed on
    uint32_t cancels_reaped = 0;    // guard: reap_lock
    std::atomic<bool> is_waiting{false}; // set under reap_lock, cleared by the owner
    std::atomic<uint32_t> reaped{0};     // written under reap_lock

    alignas(64) cancel_inbox cancels;

    ~state() {
        if (wake_fd >= 0) {
            close(wake_fd);
        }
    }

    int open(unsigned sq_entries) noexcept;
    int
    enter(unsigned count, unsigned min_complete, unsigned flags, void* arg, size_t size) noexcept;
    [[nodiscard]] unsigned unsubmitted() const noexcept;
    void submit(unsigned flags) noexcept;

    static void fill_sqe(io_uring_sqe* sqe, const io_request& request) noexcept;
    io_uring_sqe* next_sqe() noexcept;
    void publish_sqe() noexcept;
    void count_armed(uint32_t change) noexcept;
    arming prepare(io_request& request) noexcept;
    bool prepare_cancel(uint64_t target, uint64_t user_data) noexcept;
    io_request* stage(bool may_complete) noexcept;

    [[nodiscard]] bool has_completions() const noexcept;
    taken_cqe pop_cqe(reaper who) noexcept;
    wait_choice begin_wait(const void* key) noexcept;
    bool arm_wake(std::atomic<uint32_t>& word, uint32_t expected) noexcept;
    void sleep_until(int64_t deadline_ns) noexcept;
    [[nodiscard]] bool has_hidden_work() const noexcept;
    [[nodiscard]] uint32_t in_flight() const noexcept;
    void retire() noexcept;
};

} // namespace rp::kernel
