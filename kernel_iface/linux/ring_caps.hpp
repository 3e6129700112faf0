// SPDX-License-Identifier: Apache-2.0
#pragma once
// What this kernel allows of io_uring, probed once per process.
#include <string>
#include <string_view>

namespace rp::kernel {

struct ring_caps {
    bool ring = false;          ///< io_uring_setup works at all
    bool defer_taskrun = false; ///< SINGLE_ISSUER | DEFER_TASKRUN (6.1)
    bool taskrun_flag = false;  ///< SQ_TASKRUN tells other threads of pending task work
    bool coop_taskrun = false;  ///< COOP_TASKRUN (5.19)
    bool futex = false;         ///< IORING_OP_FUTEX_WAIT (6.7): a parked ring wakes by futex
    bool ext_arg = false;       ///< timed wait (5.11)
    bool async_cancel = false;
    int setup_error = 0; ///< -errno of io_uring_setup when ring is false
    /// One sentence: why `ring` is false (sysctl, seccomp, kernel too old, switched off by
    /// RINGPOOL_RING_CAPS) and what to do; empty when ring is true.
    std::string cause;
    /// e.g. "ring,defer_taskrun,taskrun_flag,futex,ext_arg"; recorded with results.
    [[nodiscard]] std::string describe() const;
};

/// Removes the capabilities named in `list` ("-futex,-defer_taskrun"). What the rest cannot do
/// without them goes as well. Returns a complaint about unknown names, or "".
std::string remove_ring_caps(ring_caps& caps, std::string_view list);

/// The io_uring_setup flags that `caps` allows.
unsigned ring_setup_flags(const ring_caps& caps) noexcept;

/// Probes on first use. RINGPOOL_RING_CAPS=-futex,-defer_taskrun removes capabilities, so that
/// every fallback can be tested; an unknown name there is reported on stderr once, with the known
/// ones.
const ring_caps& probed_ring_caps();

} // namespace rp::kernel
