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

// --- for those who make operations of their own (sockets, named pipes) -------------------------

/// Not a status: the operation goes on.
inline constexpr ntstatus undecided = status::pending;

/// An operation on `file`, whose reference it takes over, with nothing to do yet; nullptr: no
/// memory, and `file` keeps its reference. Its `step` and its request are the caller's to fill in.
io_operation* make_operation(ref<file_object>& file, OVERLAPPED& overlapped) noexcept;
/// Starts it; takes over the caller's begin_use of the file. pending; or invalid_handle,
/// object_type_mismatch (hEvent), file_closed, and then there is no packet.
ntstatus launch(io_operation& op) noexcept;
/// The `step` of a plain transfer: buffer, wanted_bytes, transfer_op and transfer_flags.
ntstatus transfer_step(io_operation& op, int32_t res) noexcept;
/// Fills in the request for what is left of a plain transfer.
void prepare_transfer(io_operation& op) noexcept;
/// May a completed request be armed again? A cancel that comes later makes the arming fail.
bool is_wanted(const io_operation& op) noexcept;
io_domain domain_of(const file_description& about) noexcept;

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
