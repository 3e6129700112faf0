// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <liburing.h>

#include <cstdint>
#include <string>

// The plain liburing ring under the rows called "the limit": SINGLE_ISSUER and DEFER_TASKRUN, one
// ring per thread, no registered buffers and no registered files. What a careful program gets with
// nothing between it and the kernel.

namespace rp::lab {

class raw_ring {
public:
    // user_data of the guard; the engines use pointers, which are never 0.
    static constexpr std::uint64_t guard_tag = 0;

    raw_ring() = default;
    ~raw_ring();
    raw_ring(const raw_ring&) = delete;
    raw_ring& operator=(const raw_ring&) = delete;

    // To be called on the thread that will use the ring: SINGLE_ISSUER binds it. A sentence when
    // the kernel refuses.
    [[nodiscard]] std::string open(unsigned entries);

    // Arms one timeout whose completion carries guard_tag: no wait lasts longer, and no operation
    // pays for that.
    void arm_guard(std::uint64_t when_ns);

    // A submission entry; never null, because the queue is submitted when it is full.
    io_uring_sqe* entry();

    // Submits what was prepared and returns with at least one completion. A sentence on failure.
    [[nodiscard]] std::string submit_and_wait();

    // Calls `on_completion(user_data, result)` for everything that has completed.
    template <class Function>
    void reap(Function&& on_completion) {
        unsigned head = 0;
        unsigned seen = 0;
        io_uring_cqe* cqe = nullptr;
        io_uring_for_each_cqe(&ring_, head, cqe) {
            on_completion(cqe->user_data, cqe->res);
            seen += 1;
        }
        io_uring_cq_advance(&ring_, seen);
    }

private:
    io_uring ring_{};
    bool open_ = false;
    __kernel_timespec guard_{};
};

} // namespace rp::lab
