// SPDX-License-Identifier: Apache-2.0
#pragma once
// What tests of kernel objects need: one to wait for, a look at its state, and who blocks.
#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/wait.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>

namespace rp::test {

constexpr int64_t ns_per_ms = 1'000'000;

inline HANDLE new_event(bool is_manual_reset, bool is_signaled) {
    HANDLE made = nullptr;
    REQUIRE(nt::create_event(is_manual_reset, is_signaled, {}, made) == nt::status::success);
    return made;
}

/// Takes the object if it is signaled: success, or timeout.
inline nt::ntstatus poll(HANDLE handle) {
    return nt::wait_handles({&handle, 1}, false, nt::poll_deadline);
}

class counting_observer final : public kernel::blocking_observer {
public:
    void blocking_begins() noexcept override { ++begun; }

    void blocking_ends() noexcept override { ++ended; }

    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
};

} // namespace rp::test
