// SPDX-License-Identifier: Apache-2.0
// Files and overlapped I/O by their Win32 names.
#include "kernel_iface/linux/thread.hpp"
#include "kernel_iface/nt/file_info.hpp"
#include "kernel_iface/nt/file_open.hpp"
#include "kernel_iface/nt/operation.hpp"
#include "kernel_iface/nt/wait.hpp"
#include "runtime/export.hpp"

namespace nt = rp::nt;

namespace {

/// ReadFileEx and WriteFileEx: the documentation has programs look at the last error on success,
/// too.
BOOL transfer_ex_result(const nt::transfer_call& call) noexcept {
    const nt::errno_keeper keeper;
    const nt::ntstatus code = nt::transfer_with_routine(call);
    nt::set_last_error(nt::win32_of_status(code));
    return code == nt::status::success ? TRUE : FALSE;
}

/// ReadFile and WriteFile: pending is FALSE with ERROR_IO_PENDING (R-FILE-3).
BOOL transfer_result(const nt::transfer_call& call) noexcept {
    const nt::errno_keeper keeper;
    const nt::ntstatus code = nt::transfer(call);
    if (code == nt::status::success) {
        return TRUE;
    }
    nt::set_last_error(nt::win32_of_status(code));
    return FALSE;
}

BOOL overlapped_result(HANDLE file,
                       LPOVERLAPPED overlapped,
                       LPDWORD transferred,
                       int64_t deadline_ns,
                       bool is_alertable) {
    if (overlapped == nullptr || transferred == nullptr) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    const DWORD error =
        nt::overlapped_result(file, overlapped, *transferred, deadline_ns, is_alertable);
    if (error == ERROR_SUCCESS) {
        return TRUE;
    }
    nt::set_last_error(error);
    return FALSE;
}

} // namespace

RP_EXPORT HANDLE WINAPI CreateFileA(LPCSTR lpFileName,
                                    DWORD dwDesiredAccess,
                                    DWORD dwShareMode,
                                    LPSECURITY_ATTRIBUTES lpSecurityAttributes,
                                    DWORD dwCreationDisposition,
                                    DWORD dwFlagsAndAttributes,
                                    HANDLE /*hTemplateFile*/) {
    const nt::errno_keeper keeper;
    nt::open_call call;
    call.name = lpFileName;
    call.access = dwDesiredAccess;
    call.share = dwShareMode;
    call.disposition = dwCreationDisposition;
    call.flags = dwFlagsAndAttributes;
    call.is_inheritable =
        lpSecurityAttributes != nullptr && lpSecurityAttributes->bInheritHandle != FALSE;
    HANDLE made = INVALID_HANDLE_VALUE;
    const nt::ntstatus code = nt::create_file(call, made);
    const bool is_disposition_told = nt::is_success(code) && (call.disposition == CREATE_ALWAYS ||
                                                              call.disposition == OPEN_ALWAYS);
    if (code == nt::status::object_name_collision) {
        nt::set_last_error(ERROR_FILE_EXISTS);
    } else if (!nt::is_success(code) || is_disposition_told) {
        nt::set_last_error(nt::win32_of_status(code));
    }
    return made;
}

RP_EXPORT BOOL WINAPI DeleteFileA(LPCSTR lpFileName) {
    const nt::errno_keeper keeper;
    return nt::win32_result(nt::delete_file(lpFileName));
}

RP_EXPORT BOOL WINAPI ReadFile(HANDLE hFile,
                               LPVOID lpBuffer,
                               DWORD nNumberOfBytesToRead,
                               LPDWORD lpNumberOfBytesRead,
                               LPOVERLAPPED lpOverlapped) {
    return transfer_result(
        {hFile, false, lpBuffer, nNumberOfBytesToRead, lpNumberOfBytesRead, lpOverlapped, nullptr});
}

RP_EXPORT BOOL WINAPI WriteFile(HANDLE hFile,
                                LPCVOID lpBuffer,
                                DWORD nNumberOfBytesToWrite,
                                LPDWORD lpNumberOfBytesWritten,
                                LPOVERLAPPED lpOverlapped) {
    return transfer_result({hFile,
                            true,
                            const_cast<void*>(lpBuffer),
                            nNumberOfBytesToWrite,
                            lpNumberOfBytesWritten,
                            lpOverlapped,
                            nullptr});
}

RP_EXPORT BOOL WINAPI ReadFileEx(HANDLE hFile,
                                 LPVOID lpBuffer,
                                 DWORD nNumberOfBytesToRead,
                                 LPOVERLAPPED lpOverlapped,
                                 LPOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine) {
    nt::transfer_call call;
    call.file = hFile;
    call.buffer = lpBuffer;
    call.bytes = nNumberOfBytesToRead;
    call.overlapped = lpOverlapped;
    call.routine = lpCompletionRoutine;
    return transfer_ex_result(call);
}

RP_EXPORT BOOL WINAPI WriteFileEx(HANDLE hFile,
                                  LPCVOID lpBuffer,
                                  DWORD nNumberOfBytesToWrite,
                                  LPOVERLAPPED lpOverlapped,
                                  LPOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine) {
    nt::transfer_call call;
    call.file = hFile;
    call.is_write = true;
    call.buffer = const_cast<void*>(lpBuffer);
    call.bytes = nNumberOfBytesToWrite;
    call.overlapped = lpOverlapped;
    call.routine = lpCompletionRoutine;
    return transfer_ex_result(call);
}

RP_EXPORT BOOL WINAPI FlushFileBuffers(HANDLE hFile) {
    const nt::errno_keeper keeper;
    return nt::win32_result(nt::flush_file(hFile));
}

RP_EXPORT BOOL WINAPI GetOverlappedResult(HANDLE hFile,
                                          LPOVERLAPPED lpOverlapped,
                                          LPDWORD lpNumberOfBytesTransferred,
                                          BOOL bWait) {
    const int64_t deadline_ns = nt::deadline_after_ms(bWait != FALSE ? INFINITE : 0);
    return overlapped_result(hFile, lpOverlapped, lpNumberOfBytesTransferred, deadline_ns, false);
}

RP_EXPORT BOOL WINAPI GetOverlappedResultEx(HANDLE hFile,
                                            LPOVERLAPPED lpOverlapped,
                                            LPDWORD lpNumberOfBytesTransferred,
                                            DWORD dwMilliseconds,
                                            BOOL bAlertable) {
    const int64_t deadline_ns = nt::deadline_after_ms(dwMilliseconds);
    return overlapped_result(
        hFile, lpOverlapped, lpNumberOfBytesTransferred, deadline_ns, bAlertable != FALSE);
}

RP_EXPORT BOOL WINAPI CancelIo(HANDLE hFile) {
    const auto issuer = static_cast<uint32_t>(rp::kernel::thread_id());
    const nt::ntstatus code = nt::cancel_io(hFile, nullptr, issuer);
    // R-CANCEL-2: unlike CancelIoEx it succeeds when there is nothing to cancel.
    return nt::win32_result(code == nt::status::not_found ? nt::status::success : code);
}

RP_EXPORT BOOL WINAPI CancelIoEx(HANDLE hFile, LPOVERLAPPED lpOverlapped) {
    return nt::win32_result(nt::cancel_io(hFile, lpOverlapped, 0));
}

RP_EXPORT BOOL WINAPI SetFileCompletionNotificationModes(HANDLE FileHandle, UCHAR Flags) {
    return nt::win32_result(nt::set_notification_modes(FileHandle, Flags));
}

RP_EXPORT BOOL WINAPI SetFilePointerEx(HANDLE hFile,
                                       LARGE_INTEGER liDistanceToMove,
                                       PLARGE_INTEGER lpNewFilePointer,
                                       DWORD dwMoveMethod) {
    int64_t position = 0;
    const DWORD error =
        nt::move_file_pointer(hFile, liDistanceToMove.QuadPart, dwMoveMethod, INT64_MAX, position);
    if (error != ERROR_SUCCESS) {
        nt::set_last_error(error);
        return FALSE;
    }
    if (lpNewFilePointer != nullptr) {
        lpNewFilePointer->QuadPart = position;
    }
    return TRUE;
}

RP_EXPORT DWORD WINAPI SetFilePointer(HANDLE hFile,
                                      LONG lDistanceToMove,
                                      PLONG lpDistanceToMoveHigh,
                                      DWORD dwMoveMethod) {
    const bool is_wide = lpDistanceToMoveHigh != nullptr;
    const auto low = static_cast<uint32_t>(lDistanceToMove);
    const int64_t distance =
        is_wide ? static_cast<int64_t>(
                      uint64_t{static_cast<uint32_t>(*lpDistanceToMoveHigh)} << 32 | low)
                : int64_t{lDistanceToMove};
    const int64_t position_max = is_wide ? INT64_MAX : int64_t{UINT32_MAX} - 1;
    int64_t position = 0;
    const DWORD error =
        nt::move_file_pointer(hFile, distance, dwMoveMethod, position_max, position);
    if (error != ERROR_SUCCESS) {
        nt::set_last_error(error);
        return INVALID_SET_FILE_POINTER;
    }
    if (is_wide) {
        *lpDistanceToMoveHigh = static_cast<LONG>(position >> 32);
    }
    const auto result = static_cast<DWORD>(position);
    if (result == INVALID_SET_FILE_POINTER) {
        nt::set_last_error(NO_ERROR); // how the documentation tells it from a failure
    }
    return result;
}

RP_EXPORT BOOL WINAPI GetFileSizeEx(HANDLE hFile, PLARGE_INTEGER lpFileSize) {
    const nt::errno_keeper keeper;
    int64_t bytes = 0;
    const nt::ntstatus code =
        lpFileSize == nullptr ? nt::status::invalid_parameter : nt::file_size(hFile, bytes);
    if (code == nt::status::success) {
        lpFileSize->QuadPart = bytes;
    }
    return nt::win32_result(code);
}

RP_EXPORT DWORD WINAPI GetFileType(HANDLE hFile) {
    DWORD type = FILE_TYPE_UNKNOWN;
    nt::win32_result(nt::file_type(hFile, type));
    return type;
}
