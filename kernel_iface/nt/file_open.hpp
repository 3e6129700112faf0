// SPDX-License-Identifier: Apache-2.0
#pragma once
// Making and removing files and file handles (R-FILE-1, R-FILE-8).
#include "kernel_iface/nt/status.hpp"

namespace rp::nt {

/// CreateFileA's arguments. Names are passed to the file system as they are.
struct open_call {
    const char* name = nullptr;
    DWORD access = 0;
    DWORD share = 0;
    DWORD disposition = 0;
    DWORD flags = 0;
    bool is_inheritable = false;
};

/// success, or object_name_exists when CREATE_ALWAYS or OPEN_ALWAYS found the file (a handle was
/// made in both cases); object_name_collision when CREATE_NEW did; otherwise a failure.
ntstatus create_file(const open_call& call, HANDLE& made) noexcept;
ntstatus delete_file(const char* name) noexcept;

/// An overlapped handle for a descriptor of the program. Owned: closed with the handle.
ntstatus handle_from_fd(int fd, bool owns_fd, HANDLE& made) noexcept;
ntstatus fd_from_handle(HANDLE file, int& fd) noexcept;

} // namespace rp::nt
