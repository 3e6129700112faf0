// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/peers/raw_ring.hpp"

#include "bench/lab/workloads/io_window.hpp"

#include <cerrno>

namespace rp::lab {

raw_ring::~raw_ring() {
    if (open_) {
        io_uring_queue_exit(&ring_);
    }
}

std::string raw_ring::open(unsigned entries) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CLAMP;
    const int result = io_uring_queue_init_params(entries, &ring_, &params);
    if (result < 0) {
        return describe_errno("raw: io_uring_setup(SINGLE_ISSUER|DEFER_TASKRUN)", -result);
    }
    open_ = true;
    // Saves the kernel a descriptor look-up per call where it is offered (5.18); without it the
    // ring works the same.
    static_cast<void>(io_uring_register_ring_fd(&ring_));
    return {};
}

void raw_ring::arm_guard(std::uint64_t when_ns) {
    guard_.tv_sec = static_cast<long long>(when_ns / 1'000'000'000U);
    guard_.tv_nsec = static_cast<long long>(when_ns % 1'000'000'000U);
    io_uring_sqe* sqe = entry();
    io_uring_prep_timeout(sqe, &guard_, 0, IORING_TIMEOUT_ABS);
    sqe->user_data = guard_tag;
}

io_uring_sqe* raw_ring::entry() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    while (sqe == nullptr) {
        io_uring_submit(&ring_);
        sqe = io_uring_get_sqe(&ring_);
    }
    return sqe;
}

std::string raw_ring::submit_and_wait() {
    const int result = io_uring_submit_and_wait(&ring_, 1);
    if (result < 0 && result != -EINTR && result != -EAGAIN && result != -EBUSY) {
        return describe_errno("raw: io_uring_enter", -result);
    }
    return {};
}

} // namespace rp::lab
