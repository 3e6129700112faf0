// SPDX-License-Identifier: Apache-2.0
// The mechanical half of a ring: making it, filling SQEs, entering the kernel.
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/fatal.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/ring_state.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "kernel_iface/linux/uapi.hpp"

#include <liburing.h>

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace rp::kernel {

void ring::state::fill_sqe(io_uring_sqe* sqe, const io_request& request) noexcept {
    const int flags = static_cast<int>(request.flags);
    switch (request.op) {
    case io_op::nop:
        io_uring_prep_nop(sqe);
        break;
    case io_op::read:
        io_uring_prep_read(sqe, request.fd, request.addr, request.len, request.offset);
        sqe->rw_flags = flags;
        break;
    case io_op::write:
        io_uring_prep_write(sqe, request.fd, request.addr, request.len, request.offset);
        sqe->rw_flags = flags;
        break;
    case io_op::recv:
        io_uring_prep_recv(sqe, request.fd, request.addr, request.len, flags);
        break;
    case io_op::send:
        io_uring_prep_send(sqe, request.fd, request.addr, request.len, flags);
        break;
    case io_op::recvmsg:
        io_uring_prep_recvmsg(sqe, request.fd, static_cast<msghdr*>(request.addr), request.flags);
        break;
    case io_op::sendmsg:
        io_uring_prep_sendmsg(
            sqe, request.fd, static_cast<const msghdr*>(request.addr), request.flags);
        break;
    case io_op::poll:
        io_uring_prep_poll_add(sqe, request.fd, request.flags);
        break;
    case io_op::accept:
        io_uring_prep_accept(sqe,
                             request.fd,
                             static_cast<sockaddr*>(request.addr),
                             reinterpret_cast<socklen_t*>(static_cast<uintptr_t>(request.offset)),
                             flags);
        break;
    case io_op::connect:
        io_uring_prep_connect(
            sqe, request.fd, static_cast<const sockaddr*>(request.addr), request.len);
        break;
    case io_op::fsync:
        io_uring_prep_fsync(sqe, request.fd, request.flags);
        break;
    }
}

int ring::state::open(unsigned sq_entries) noexcept {
    io_uring_params params{};
    params.flags = ring_setup_flags(caps) | IORING_SETUP_CQSIZE;
    params.cq_entries = sq_entries * 4;
    const int error = io_uring_queue_init_params(sq_entries, &uring, &params);
    if (error != 0) {
        return error;
    }
    tsan_mapped();
    // SQE i always sits in slot i, so the index array never changes.
    for (unsigned i = 0; i < uring.sq.ring_entries; ++i) {
        uring.sq.array[i] = i;
    }
    if (io_uring_register_ring_fd(&uring) == 1) {
        enter_flags = IORING_ENTER_REGISTERED_RING;
    }
    wait_flags = (uring.features & uapi::feat_no_iowait) != 0 ? uapi::enter_no_iowait : 0;
    owner_tid = thread_id();
    return 0;
}

// --- entering the kernel -----------------------------------------------------------------------

int ring::state::enter(
    unsigned count, unsigned min_complete, unsigned flags, void* arg, size_t size) noexcept {
    // Also runs in the signal handler, so it keeps errno.
    const int saved_errno = errno;
    const long result = syscall(SYS_io_uring_enter,
                                uring.enter_ring_fd,
                                count,
                                min_complete,
                                flags | enter_flags,
                                arg,
                                size);
    const int error = result < 0 ? -errno : static_cast<int>(result);
    errno = saved_errno;
    switch (error) {
    case -EINTR:
    case -EAGAIN:
    case -EBUSY:
    case -ETIME:
        return error;
    case -EBADR:
        fatal("io_uring lost completions: the kernel had no memory for an overflowed queue");
    default:
        if (error < 0) {
            fatal("io_uring_enter (is this the thread that made the ring?)", error);
        }
        return error;
    }
}

unsigned ring::state::unsubmitted() const noexcept {
    // mo: relaxed, exact on the owner; elsewhere a stale value costs one needless look.
    const unsigned tail = shared(uring.sq.ktail).load(std::memory_order_relaxed);
    // mo: acquire, pairs kernel.sq_head (the kernel's release after copying SQEs).
    return tail - shared(uring.sq.khead).load(std::memory_order_acquire);
}

void ring::state::submit(unsigned flags) noexcept {
    for (;;) {
        const unsigned count = unsubmitted();
        if (count == 0 && flags == 0) {
            return;
        }
        const int taken = enter(count, 0, flags, nullptr, 0);
        if (taken == -EINTR) {
            continue;
        }
        // On refusal the SQEs stay where they are and needs_enter() keeps saying so. Without
        // SUBMIT_ALL the kernel stops behind an SQE that fails at once, hence the loop.
        if (taken <= 0 || static_cast<unsigned>(taken) >= count) {
            return;
        }
    }
}

void ring::state::sleep_until(int64_t deadline_ns) noexcept {
    constexpr unsigned flags = IORING_ENTER_GETEVENTS;
    if (deadline_ns == no_deadline) {
        enter(unsubmitted(), 1, flags | wait_flags, nullptr, 0);
        return;
    }
    const int64_t left_ns = deadline_ns - now_ns();
    if (left_ns <= 0) {
        submit(flags);
    } else if (caps.ext_arg) {
        __kernel_timespec timeout{};
        timeout.tv_sec = left_ns / 1'000'000'000;
        timeout.tv_nsec = left_ns % 1'000'000'000;
        io_uring_getevents_arg arg{};
        arg.sigmask_sz = _NSIG / 8;
        arg.ts = reinterpret_cast<uintptr_t>(&timeout);
        enter(unsubmitted(), 1, flags | wait_flags | IORING_ENTER_EXT_ARG, &arg, sizeof arg);
    } else {
        // The ring's own descriptor is readable when a CQE or task work is there.
        submit(flags);
        pollfd readable{uring.ring_fd, POLLIN, 0};
        const timespec timeout{static_cast<time_t>(left_ns / 1'000'000'000),
                               static_cast<long>(left_ns % 1'000'000'000)};
        ppoll(&readable, 1, &timeout, nullptr);
        submit(flags);
    }
}

io_uring_sqe* ring::state::next_sqe() noexcept {
    if (unsubmitted() == uring.sq.ring_entries) {
        submit(0);
        if (unsubmitted() == uring.sq.ring_entries) {
            return nullptr;
        }
    }
    // mo: relaxed, only the owner writes the tail.
    const unsigned tail = shared(uring.sq.ktail).load(std::memory_order_relaxed);
    return &uring.sq.sqes[tail & uring.sq.ring_mask];
}

void ring::state::publish_sqe() noexcept {
    const std::atomic_ref<unsigned> ktail = shared(uring.sq.ktail);
    // mo: relaxed, only the owner writes the tail.
    const unsigned tail = ktail.load(std::memory_order_relaxed);
    // mo: release, pairs kernel.sq_tail (the kernel's acquire when it takes SQEs).
    ktail.store(tail + 1, std::memory_order_release);
}

} // namespace rp::kernel
