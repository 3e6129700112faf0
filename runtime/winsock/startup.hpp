// SPDX-License-Identifier: Apache-2.0
#pragma once
// What every exported socket function does first and last.
#include "kernel_iface/nt/status.hpp"

#include <winsock2.h>

namespace rp::winsock {

/// WSAStartup was called more often than WSACleanup.
[[nodiscard]] bool is_started() noexcept;

inline HANDLE handle_of(SOCKET s) noexcept {
    return reinterpret_cast<HANDLE>(s);
}

/// 0, or SOCKET_ERROR with the WSA code in the last-error slot.
inline int result_of(DWORD wsa) noexcept {
    if (wsa == ERROR_SUCCESS) {
        return 0;
    }
    nt::set_last_error(wsa);
    return SOCKET_ERROR;
}

/// `body()` gives a WSA code; it runs only when Windows Sockets is started. errno is kept.
template <class Body>
int checked(const Body& body) noexcept {
    const nt::errno_keeper keeper;
    return result_of(is_started() ? body() : DWORD{WSANOTINITIALISED});
}

} // namespace rp::winsock
