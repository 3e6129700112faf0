// SPDX-License-Identifier: Apache-2.0
// Completion ports by their Win32 names.
#include "kernel_iface/nt/completion_port.hpp"

#include "kernel_iface/nt/wait.hpp"
#include "runtime/export.hpp"

namespace nt = rp::nt;

RP_EXPORT HANDLE WINAPI CreateIoCompletionPort(HANDLE FileHandle,
                                               HANDLE ExistingCompletionPort,
                                               ULONG_PTR CompletionKey,
                                               DWORD NumberOfConcurrentThreads) {
    const nt::errno_keeper keeper;
    const bool has_file = FileHandle != INVALID_HANDLE_VALUE;
    HANDLE port = ExistingCompletionPort;
    DWORD error = ERROR_SUCCESS;
    if (port == nullptr) {
        error = nt::win32_of_status(nt::create_port(NumberOfConcurrentThreads, port));
    } else if (!has_file) {
        error = ERROR_INVALID_PARAMETER;
    }
    if (error == ERROR_SUCCESS && has_file) {
        error = nt::bind_to_port(FileHandle, port, CompletionKey);
        if (error != ERROR_SUCCESS && ExistingCompletionPort == nullptr) {
            nt::close_handle(port);
        }
    }
    if (error != ERROR_SUCCESS) {
        nt::set_last_error(error);
        return nullptr;
    }
    return port;
}

RP_EXPORT BOOL WINAPI GetQueuedCompletionStatus(HANDLE CompletionPort,
                                                LPDWORD lpNumberOfBytesTransferred,
                                                PULONG_PTR lpCompletionKey,
                                                LPOVERLAPPED* lpOverlapped,
                                                DWORD dwMilliseconds) {
    const nt::errno_keeper keeper;
    if (lpNumberOfBytesTransferred == nullptr || lpCompletionKey == nullptr ||
        lpOverlapped == nullptr) {
        return nt::win32_result(nt::status::invalid_parameter);
    }
    OVERLAPPED_ENTRY entry;
    size_t taken = 0;
    const nt::port_wait how{nt::deadline_after_ms(dwMilliseconds), false};
    const nt::ntstatus code = nt::remove_from_port(CompletionPort, {&entry, 1}, how, taken);
    if (taken == 0) {
        *lpOverlapped = nullptr; // how a program tells this from a failed operation (R-IOCP-3)
        nt::set_last_error(nt::win32_of_status(code));
        return FALSE;
    }
    *lpNumberOfBytesTransferred = entry.dwNumberOfBytesTransferred;
    *lpCompletionKey = entry.lpCompletionKey;
    *lpOverlapped = entry.lpOverlapped;
    return nt::win32_result(static_cast<nt::ntstatus>(entry.Internal));
}

RP_EXPORT BOOL WINAPI GetQueuedCompletionStatusEx(HANDLE CompletionPort,
                                                  LPOVERLAPPED_ENTRY lpCompletionPortEntries,
                                                  ULONG ulCount,
                                                  PULONG ulNumEntriesRemoved,
                                                  DWORD dwMilliseconds,
                                                  BOOL fAlertable) {
    const nt::errno_keeper keeper;
    if (lpCompletionPortEntries == nullptr || ulCount == 0 || ulNumEntriesRemoved == nullptr) {
        return nt::win32_result(nt::status::invalid_parameter);
    }
    size_t taken = 0;
    const nt::port_wait how{nt::deadline_after_ms(dwMilliseconds), fAlertable != FALSE};
    const nt::ntstatus code =
        nt::remove_from_port(CompletionPort, {lpCompletionPortEntries, ulCount}, how, taken);
    *ulNumEntriesRemoved = static_cast<ULONG>(taken);
    if (taken == 0) {
        nt::set_last_error(nt::win32_of_status(code));
        return FALSE;
    }
    return TRUE;
}

RP_EXPORT BOOL WINAPI PostQueuedCompletionStatus(HANDLE CompletionPort,
                                                 DWORD dwNumberOfBytesTransferred,
                                                 ULONG_PTR dwCompletionKey,
                                                 LPOVERLAPPED lpOverlapped) {
    return nt::win32_result(nt::post_to_port(
        CompletionPort, dwNumberOfBytesTransferred, dwCompletionKey, lpOverlapped));
}
