// SPDX-License-Identifier: Apache-2.0
// Handles, last error, misuse.
#include "kernel_iface/nt/file_open.hpp"
#include "kernel_iface/nt/handle_table.hpp"
#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/process.hpp"
#include "runtime/export.hpp"

#include <ringpool/ringpool.h>

namespace nt = rp::nt;

RP_EXPORT BOOL WINAPI CloseHandle(HANDLE hObject) {
    const nt::errno_keeper keeper;
    return nt::win32_result(nt::close_handle(hObject));
}

RP_EXPORT BOOL WINAPI DuplicateHandle(HANDLE hSourceProcessHandle,
                                      HANDLE hSourceHandle,
                                      HANDLE hTargetProcessHandle,
                                      LPHANDLE lpTargetHandle,
                                      DWORD /*dwDesiredAccess*/,
                                      BOOL /*bInheritHandle*/,
                                      DWORD dwOptions) {
    const nt::errno_keeper keeper;
    for (const HANDLE handle : {hSourceProcessHandle, hTargetProcessHandle}) {
        nt::ntstatus code;
        const auto process = nt::reference<nt::process_object>(handle, code);
        if (!process) {
            return nt::win32_result(code);
        }
        // Another process has no handle table that we could reach.
        if (process.get() != nt::current_process()) {
            return nt::win32_result(nt::status::access_denied);
        }
    }
    return nt::win32_result(nt::duplicate_handle(hSourceHandle, dwOptions, lpTargetHandle));
}

RP_EXPORT DWORD WINAPI GetLastError(VOID) {
    return nt::last_error();
}

RP_EXPORT VOID WINAPI SetLastError(DWORD dwErrCode) {
    nt::set_last_error(dwErrCode);
}

RP_EXPORT HANDLE rp_handle_from_fd(int fd, BOOL take_ownership) {
    const nt::errno_keeper keeper;
    HANDLE made = nullptr;
    nt::win32_result(nt::handle_from_fd(fd, take_ownership != FALSE, made));
    return made;
}

RP_EXPORT int rp_fd_from_handle(HANDLE handle) {
    int fd = -1;
    nt::win32_result(nt::fd_from_handle(handle, fd));
    return fd;
}

RP_EXPORT rp_misuse_handler rp_set_misuse_handler(rp_misuse_handler handler) {
    return nt::set_misuse_handler(handler);
}
