// SPDX-License-Identifier: Apache-2.0
// Named pipes by their Win32 names.
#include "kernel_iface/nt/named_pipe.hpp"
#include "runtime/export.hpp"

namespace nt = rp::nt;

/// The sockets behind a pipe have room of their own, so the sizes are advice that is not taken.
RP_EXPORT HANDLE WINAPI CreateNamedPipeA(LPCSTR lpName,
                                         DWORD dwOpenMode,
                                         DWORD dwPipeMode,
                                         DWORD nMaxInstances,
                                         DWORD /*nOutBufferSize*/,
                                         DWORD /*nInBufferSize*/,
                                         DWORD nDefaultTimeOut,
                                         LPSECURITY_ATTRIBUTES /*lpSecurityAttributes*/) {
    const nt::errno_keeper keeper;
    HANDLE made = INVALID_HANDLE_VALUE;
    nt::win32_result(
        nt::create_pipe({lpName, dwOpenMode, dwPipeMode, nMaxInstances, nDefaultTimeOut}, made));
    return made;
}

RP_EXPORT BOOL WINAPI ConnectNamedPipe(HANDLE hNamedPipe, LPOVERLAPPED lpOverlapped) {
    const nt::errno_keeper keeper;
    const nt::ntstatus code = nt::connect_pipe(hNamedPipe, lpOverlapped);
    if (code == nt::status::success) {
        return TRUE;
    }
    nt::set_last_error(nt::win32_of_status(code)); // pending included
    return FALSE;
}

RP_EXPORT BOOL WINAPI DisconnectNamedPipe(HANDLE hNamedPipe) {
    const nt::errno_keeper keeper;
    return nt::win32_result(nt::disconnect_pipe(hNamedPipe));
}

RP_EXPORT BOOL WINAPI WaitNamedPipeA(LPCSTR lpNamedPipeName, DWORD nTimeOut) {
    const nt::errno_keeper keeper;
    return nt::win32_result(nt::wait_for_pipe(lpNamedPipeName, nTimeOut));
}
