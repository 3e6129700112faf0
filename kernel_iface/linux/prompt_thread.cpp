// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/prompt_thread.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace rp::kernel {

namespace {

/// struct sched_attr as Linux 3.14 has it; the C library has no name for it, and the kernel's own
/// header cannot be included beside <sched.h>.
struct scheduling {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns; ///< of SCHED_OTHER: the slice, 0.1 to 100 ms; 0: the default
    uint64_t deadline_ns;
    uint64_t period_ns;
};

} // namespace

void become_prompt() noexcept {
    const int saved_errno = errno;
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
    scheduling now{};
    if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0U) == 0 && now.policy == SCHED_OTHER) {
        now.size = sizeof now;
        now.runtime_ns = 100'000;
        (void)syscall(SYS_sched_setattr, 0, &now, 0U);
    }
    errno = saved_errno;
}

} // namespace rp::kernel
