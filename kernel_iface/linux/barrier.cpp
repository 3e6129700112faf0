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

/// The word of symmetric_fence, alone on its cache line.
struct alignas(64) fence_word {
    std::atomic<uint32_t> value{0};
};

fence_word shared_fence_word;

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
    // Both sides are RMWs of one word, so one of them reads from the other's release sequence; what
    // the earlier side stored before its RMW is then visible to the later side's loads.
    // mo: acq_rel, pairs fence.word (full, on the other side).
    shared_fence_word.value.fetch_add(1, std::memory_order_acq_rel);
}

} // namespace rp::kernel
