// SPDX-License-Identifier: Apache-2.0
// WSAStartup counts, WSACleanup counts back; nothing else depends on them.
#include "runtime/winsock/startup.hpp"

#include "runtime/export.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>

namespace nt = rp::nt;

namespace rp::winsock {
namespace {

constinit std::atomic<uint32_t> starts{0};

} // namespace

bool is_started() noexcept {
    // mo: relaxed, a program orders its own WSAStartup before its calls.
    return starts.load(std::memory_order_relaxed) != 0;
}

} // namespace rp::winsock

using namespace rp;

RP_EXPORT int WSAAPI WSAStartup(WORD wVersionRequested, LPWSADATA lpWSAData) {
    if (lpWSAData == nullptr) {
        return WSAEFAULT;
    }
    const unsigned major = LOBYTE(wVersionRequested);
    const unsigned minor = HIBYTE(wVersionRequested);
    *lpWSAData = {};
    lpWSAData->wHighVersion = MAKEWORD(2, 2);
    lpWSAData->wVersion = major == 1   ? MAKEWORD(1, std::min(minor, 1U))
                          : major == 2 ? MAKEWORD(2, std::min(minor, 2U))
                                       : MAKEWORD(2, 2);
    std::snprintf(lpWSAData->szDescription, sizeof lpWSAData->szDescription, "ringpool sockets");
    std::snprintf(lpWSAData->szSystemStatus, sizeof lpWSAData->szSystemStatus, "Running");
    // Of these two only versions below 2 make use.
    lpWSAData->iMaxSockets = major < 2 ? 32767 : 0;
    lpWSAData->iMaxUdpDg = major < 2 ? 65467 : 0;
    if (major == 0) {
        return WSAVERNOTSUPPORTED;
    }
    // mo: relaxed, a counter.
    winsock::starts.fetch_add(1, std::memory_order_relaxed);
    return 0;
}

RP_EXPORT int WSAAPI WSACleanup(void) {
    // mo: relaxed, a counter.
    uint32_t seen = winsock::starts.load(std::memory_order_relaxed);
    do {
        if (seen == 0) {
            return winsock::result_of(WSANOTINITIALISED);
        }
        // mo: relaxed, a counter.
    } while (!winsock::starts.compare_exchange_weak(seen, seen - 1, std::memory_order_relaxed));
    return 0;
}

// R-SOCK-1: the slot of GetLastError.
RP_EXPORT int WSAAPI WSAGetLastError(void) {
    return static_cast<int>(nt::last_error());
}

RP_EXPORT void WSAAPI WSASetLastError(int iError) {
    nt::set_last_error(static_cast<DWORD>(iError));
}
