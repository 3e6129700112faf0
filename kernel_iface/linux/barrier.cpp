// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/barrier.hpp"

#include "kernel_iface/linux/fatal.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace rp::kernel {

namespace {

long membarrier(int command) noexcept {
    return syscall(SYS_membarrier, command, 0, 0);
}

bool register_membarrier() noexcept {
    const char* wish = std::getenv("RINGPOOL_MEMBARRIER");
    if (wish != nullptr && std::string_view(wish) == "0") {
        return false;
    }
    const int saved_errno = errno;
    const long commands = membarrier(MEMBARRIER_CMD_QUERY);
    const bool is_registered = commands > 0 && (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0 &&
                               membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
    errno = saved_errno;
    return is_registered;
}

} // namespace

bool membarrier_available() noexcept {
    static const bool is_available = register_membarrier();
    return is_available;
}

void membarrier_all() noexcept {
    const int saved_errno = errno;
    if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0) {
        // A hot side that pays no fence relies on this call: without it nothing would be ordered.
        fatal("membarrier(PRIVATE_EXPEDITED) failed after it was registered", errno);
    }
    errno = saved_errno;
}

void symmetric_fence::full() noexcept {
#if defined(__x86_64__)
    // An instruction rather than atomic_thread_fence, which gcc does not accept under
    // ThreadSanitizer, and rather than an RMW of a shared word, which would order everything with
    // everything in the sanitizer's eyes and so hide the races it is there to find.
    asm volatile("mfence" ::: "memory");
#elif defined(__aarch64__)
    asm volatile("dmb ish" ::: "memory");
#else
    // mo: seq_cst, a full fence is what the caller asks for; pairs itself on the other side.
    std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

} // namespace rp::kernel
