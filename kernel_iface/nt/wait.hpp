// SPDX-License-Identifier: Apache-2.0
#pragma once
// Waiting on one or more objects (R-SYNC-5..9). See wait.cpp for the essay.
#include "kernel_iface/nt/apc.hpp"
#include "kernel_iface/nt/dispatcher.hpp"
#include "kernel_iface/nt/status.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace rp::nt {

inline constexpr size_t wait_objects_max = 64;
/// A deadline that has always passed: look, do not wait.
inline constexpr int64_t poll_deadline = 0;

/// Milliseconds from now as a deadline for these functions; INFINITE and 0 as one expects.
int64_t deadline_after_ms(DWORD milliseconds) noexcept;

/// Waits until one (index + success, or index + abandoned_wait_0), or all (success, or the first
/// abandoned index + abandoned_wait_0) of 1..64 distinct objects are available, and consumes what
/// it reports. timeout when `deadline_ns` (CLOCK_MONOTONIC) passed first; no_memory. In the any
/// form an object may be named twice. An alertable wait also ends with user_apc when there are APCs
/// to run, which the caller then does; it may have no objects at all.
ntstatus wait_objects(std::span<waitable* const> objects,
                      bool wants_all,
                      int64_t deadline_ns,
                      bool is_alertable = false) noexcept;

/// The same by handles, which stay referenced meanwhile (R-SYNC-9). Also invalid_handle,
/// object_type_mismatch, and invalid_parameter (count, or a duplicate with wants_all).
ntstatus wait_handles(std::span<const HANDLE> handles,
                      bool wants_all,
                      int64_t deadline_ns,
                      bool is_alertable = false) noexcept;

/// For alertable waits: repeats `wait` until it ends otherwise than with user_apc, or with APCs
/// that were really there, and runs those. The program may leave by ExitThread then, so the caller
/// owns nothing but what `wait` takes and gives back.
template <class Wait>
ntstatus wait_alertably(const Wait& wait) {
    for (;;) {
        const ntstatus code = wait();
        if (code != status::user_apc || run_pending_apcs()) {
            return code;
        }
    }
}

/// SignalObjectAndWait up to its wait: sets an event, releases a mutex, or posts one unit to a
/// semaphore. Also mutant_not_owned, semaphore_limit_exceeded.
ntstatus signal_object(HANDLE handle) noexcept;
/// success, invalid_handle, object_type_mismatch.
ntstatus check_waitable(HANDLE handle) noexcept;

/// Sleeps until `deadline_ns`, announced.
void sleep_until(int64_t deadline_ns) noexcept;

} // namespace rp::nt
