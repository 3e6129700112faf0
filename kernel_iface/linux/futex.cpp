// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace rp::kernel {

static_assert(sizeof(std::atomic<uint32_t>) == 4 && std::atomic<uint32_t>::is_always_lock_free,
              "the kernel compares the word itself");

int futex_wait(std::atomic<uint32_t>& word, uint32_t expected, int64_t deadline_ns) noexcept {
    const int saved_errno = errno;
    timespec deadline{};
    timespec* timeout = nullptr;
    if (deadline_ns != no_deadline) {
        const int64_t clamped_ns = deadline_ns < 0 ? 0 : deadline_ns;
        deadline.tv_sec = static_cast<time_t>(clamped_ns / 1'000'000'000);
        deadline.tv_nsec = static_cast<long>(clamped_ns % 1'000'000'000);
        timeout = &deadline;
    }
    // FUTEX_WAIT takes a relative timeout; WAIT_BITSET takes an absolute one on CLOCK_MONOTONIC.
    const long result = syscall(SYS_futex,
                                &word,
                                FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG,
                                expected,
                                timeout,
                                nullptr,
                                FUTEX_BITSET_MATCH_ANY);
    const int error = result == 0 ? 0 : errno;
    errno = saved_errno;
    return error == ETIMEDOUT || error == EINTR ? -error : 0;
}

int futex_wake(std::atomic<uint32_t>& word, int count) noexcept {
    const int saved_errno = errno;
    const long woken =
        syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, nullptr, nullptr, 0);
    errno = saved_errno;
    return woken < 0 ? 0 : static_cast<int>(woken);
}

} // namespace rp::kernel
