// SPDX-License-Identifier: Apache-2.0
#pragma once
// Named pipes within the process, in byte mode (R-FILE-5). named_pipe.cpp has the essay.
#include "kernel_iface/nt/file_open.hpp"
#include "kernel_iface/nt/status.hpp"

namespace rp::nt {

/// CreateNamedPipeA's arguments.
struct pipe_call {
    const char* name = nullptr;
    DWORD open_mode = 0;
    DWORD pipe_mode = 0;
    DWORD instances_max = 0;
    DWORD timeout_ms = 0;
};

/// Is it a name of the form \\.\pipe\x?
[[nodiscard]] bool is_pipe_name(const char* name) noexcept;

/// success, invalid_parameter, object_name_invalid, access_denied (another first instance is asked
/// for, or the existing ones differ), instance_not_available (as many as there may be).
ntstatus create_pipe(const pipe_call& call, HANDLE& made) noexcept;
/// CreateFile of such a name: success, object_name_not_found, access_denied, pipe_not_available.
ntstatus open_pipe(const open_call& call, HANDLE& made) noexcept;
/// success, pending, pipe_connected, pipe_closing (the client has come and gone), pipe_listening
/// (somebody waits already), invalid_parameter.
ntstatus connect_pipe(HANDLE pipe, LPOVERLAPPED overlapped) noexcept;
/// success, pipe_disconnected.
ntstatus disconnect_pipe(HANDLE pipe) noexcept;
/// Sleeps until an instance can be opened. success, object_name_not_found, io_timeout.
ntstatus wait_for_pipe(const char* name, DWORD timeout_ms) noexcept;

} // namespace rp::nt
