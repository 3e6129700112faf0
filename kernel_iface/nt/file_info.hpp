// SPDX-License-Identifier: Apache-2.0
#pragma once
// The small calls on file handles.
#include "kernel_iface/nt/status.hpp"

#include <cstdint>

namespace rp::nt {

/// SetFilePointer(Ex), as a Win32 code because ERROR_NEGATIVE_SEEK has no NTSTATUS. The position is
/// set only when it is within `position_max`.
DWORD move_file_pointer(
    HANDLE file, int64_t distance, DWORD method, int64_t position_max, int64_t& position) noexcept;
ntstatus file_size(HANDLE file, int64_t& bytes) noexcept;
/// FILE_TYPE_*.
ntstatus file_type(HANDLE file, DWORD& type) noexcept;
/// fsync. access_denied without write access; invalid_device_request on streams.
ntstatus flush_file(HANDLE file) noexcept;
/// invalid_parameter for flags other than the two documented ones.
ntstatus set_notification_modes(HANDLE file, UCHAR flags) noexcept;

} // namespace rp::nt
