// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reading and writing through file handles.
#include "kernel_iface/nt/file.hpp"

namespace rp::nt {

/// One ReadFile or WriteFile, as called.
struct transfer_call {
    HANDLE file = nullptr;
    bool is_write = false;
    void* buffer = nullptr; ///< not written when is_write
    DWORD bytes = 0;
    LPDWORD transferred = nullptr;
    LPOVERLAPPED overlapped = nullptr;
    LPOVERLAPPED_COMPLETION_ROUTINE routine = nullptr; ///< ReadFileEx, WriteFileEx
};

/// pending for an overlapped handle; on a synchronous one the final status. Failures that reach no
/// sink (and so yield no packet): invalid_handle, access_denied, invalid_parameter,
/// access_violation (a buffer address that can never be valid), no_memory.
ntstatus transfer(const transfer_call& call) noexcept;

/// The same for ReadFileEx and WriteFileEx, which need an overlapped handle without completion
/// target (R-IO-27), an OVERLAPPED and a routine: else invalid_parameter. hEvent is the program's.
ntstatus transfer_with_routine(const transfer_call& call) noexcept;

/// The part for handles opened without FILE_FLAG_OVERLAPPED (synchronous.cpp). `file` is in use.
ntstatus transfer_synchronously(file_object& file, const transfer_call& call) noexcept;

/// The position an OVERLAPPED asks for: success, or invalid_parameter. `is_append`: at the end.
ntstatus position_of(const transfer_call& call, uint64_t& offset, bool& is_append) noexcept;

/// GetOverlappedResult(Ex): success, io_incomplete_code as a Win32 code, ... `bytes` is set once
/// the operation has ended, whatever its result. WAIT_IO_COMPLETION: APCs were run.
DWORD overlapped_result(HANDLE file,
                        LPOVERLAPPED overlapped,
                        DWORD& bytes,
                        int64_t deadline_ns,
                        bool is_alertable = false);

/// CancelIoEx (issuer 0) and CancelIo (issuer: the calling thread): success, not_found.
ntstatus cancel_io(HANDLE file, LPOVERLAPPED overlapped, uint32_t issuer) noexcept;

} // namespace rp::nt
