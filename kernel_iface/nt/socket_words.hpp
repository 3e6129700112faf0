// SPDX-License-Identifier: Apache-2.0
#pragma once
// How Windows's words for sockets become this platform's.
#include "kernel_iface/linux/socket_call.hpp"
#include "kernel_iface/nt/socket_numbers.hpp"

#include <windows.h>

#include <cstdint>

namespace rp::nt::ws {

/// As Windows lays it out.
struct linger {
    unsigned short is_on;
    unsigned short seconds;
};

/// This platform's family, or -1.
int native_family(int family) noexcept;
int windows_family(int family) noexcept;
/// This platform's MSG_* for a send or receive; false: one that cannot be had there.
[[nodiscard]] bool native_flags(unsigned flags, bool is_send, int& native) noexcept;

/// An address of a program: 0, WSAEFAULT (too short), WSAEAFNOSUPPORT.
DWORD read_address(const void* from, int bytes, kernel::socket_address& address) noexcept;
/// Writes as much of the address as there is room for and stores its whole length. False: too
/// little room. An unnamed address has no bytes.
[[nodiscard]] bool
write_address(const kernel::socket_address& address, void* to, int& bytes) noexcept;

struct option {
    int level;
    int name;
};

/// The options that differ in nothing but their numbers: an int here and there. False: not one.
[[nodiscard]] bool native_option(int level, int name, option& native) noexcept;

} // namespace rp::nt::ws
