// SPDX-License-Identifier: Apache-2.0
#pragma once
// The three error vocabularies and the only two crossings between them (R-ERR-6):
//
//   -errno (linux/) --status_of_errno--> NTSTATUS (nt/, OVERLAPPED.Internal) --win32_of_status-->
//   Win32 code (GetLastError, IoResult)
//
// Nobody else switches on an error number.
#include <windows.h>

#include <cstdint>

namespace rp::nt {

/// An NTSTATUS, unsigned so that it compares with OVERLAPPED.Internal and with literals.
using ntstatus = uint32_t;

namespace status {
inline constexpr ntstatus success = 0x00000000; // also: wait satisfied by object 0
inline constexpr ntstatus abandoned_wait_0 = 0x00000080;
inline constexpr ntstatus user_apc = 0x000000C0; // a wait ended because APCs are to be run
inline constexpr ntstatus timeout = 0x00000102;
inline constexpr ntstatus pending = 0x00000103;
inline constexpr ntstatus object_name_exists = 0x40000000;
inline constexpr ntstatus buffer_overflow = 0x80000005;
inline constexpr ntstatus device_busy = 0x80000011;
inline constexpr ntstatus unsuccessful = 0xC0000001;
inline constexpr ntstatus not_implemented = 0xC0000002;
inline constexpr ntstatus access_violation = 0xC0000005;
inline constexpr ntstatus invalid_handle = 0xC0000008;
inline constexpr ntstatus invalid_parameter = 0xC000000D;
inline constexpr ntstatus no_such_file = 0xC000000F;
inline constexpr ntstatus invalid_device_request = 0xC0000010;
inline constexpr ntstatus end_of_file = 0xC0000011;
inline constexpr ntstatus no_memory = 0xC0000017;
inline constexpr ntstatus access_denied = 0xC0000022;
inline constexpr ntstatus buffer_too_small = 0xC0000023;
inline constexpr ntstatus object_type_mismatch = 0xC0000024;
inline constexpr ntstatus object_name_invalid = 0xC0000033;
inline constexpr ntstatus object_name_not_found = 0xC0000034;
inline constexpr ntstatus object_name_collision = 0xC0000035;
inline constexpr ntstatus object_path_not_found = 0xC000003A;
inline constexpr ntstatus crc_error = 0xC000003F;
inline constexpr ntstatus sharing_violation = 0xC0000043;
inline constexpr ntstatus quota_exceeded = 0xC0000044;
inline constexpr ntstatus mutant_not_owned = 0xC0000046;
inline constexpr ntstatus semaphore_limit_exceeded = 0xC0000047;
inline constexpr ntstatus file_lock_conflict = 0xC0000054;
inline constexpr ntstatus delete_pending = 0xC0000056;
inline constexpr ntstatus disk_full = 0xC000007F;
inline constexpr ntstatus insufficient_resources = 0xC000009A;
inline constexpr ntstatus working_set_quota = 0xC00000A1;
inline constexpr ntstatus media_write_protected = 0xC00000A2;
inline constexpr ntstatus instance_not_available = 0xC00000AB;
inline constexpr ntstatus pipe_not_available = 0xC00000AC;
inline constexpr ntstatus pipe_disconnected = 0xC00000B0;
inline constexpr ntstatus pipe_closing = 0xC00000B1;
inline constexpr ntstatus pipe_connected = 0xC00000B2;
inline constexpr ntstatus pipe_listening = 0xC00000B3;
inline constexpr ntstatus io_timeout = 0xC00000B5;
inline constexpr ntstatus file_is_a_directory = 0xC00000BA;
inline constexpr ntstatus not_supported = 0xC00000BB;
inline constexpr ntstatus not_same_device = 0xC00000D4;
inline constexpr ntstatus invalid_user_buffer = 0xC00000E8;
inline constexpr ntstatus invalid_parameter_1 = 0xC00000EF; // .. _12 = 0xC00000FA
inline constexpr ntstatus invalid_parameter_12 = 0xC00000FA;
inline constexpr ntstatus directory_not_empty = 0xC0000101;
inline constexpr ntstatus not_a_directory = 0xC0000103;
inline constexpr ntstatus name_too_long = 0xC0000106;
inline constexpr ntstatus too_many_opened_files = 0xC000011F;
inline constexpr ntstatus cancelled = 0xC0000120;
inline constexpr ntstatus file_closed = 0xC0000128;
inline constexpr ntstatus too_many_threads = 0xC0000129;
inline constexpr ntstatus dll_not_found = 0xC0000135;
inline constexpr ntstatus entrypoint_not_found = 0xC0000139;
inline constexpr ntstatus local_disconnect = 0xC000013B;
inline constexpr ntstatus remote_disconnect = 0xC000013C;
inline constexpr ntstatus pipe_broken = 0xC000014B;
inline constexpr ntstatus io_device_error = 0xC0000185;
inline constexpr ntstatus invalid_address_component = 0xC0000207;
inline constexpr ntstatus connection_disconnected = 0xC000020C;
inline constexpr ntstatus connection_reset = 0xC000020D;
inline constexpr ntstatus not_found = 0xC0000225;
inline constexpr ntstatus retry = 0xC000022D;
inline constexpr ntstatus connection_refused = 0xC0000236;
inline constexpr ntstatus graceful_disconnect = 0xC0000237;
inline constexpr ntstatus address_already_associated = 0xC0000238;
inline constexpr ntstatus connection_invalid = 0xC000023A;
inline constexpr ntstatus connection_active = 0xC000023B;
inline constexpr ntstatus network_unreachable = 0xC000023C;
inline constexpr ntstatus host_unreachable = 0xC000023D;
inline constexpr ntstatus port_unreachable = 0xC000023F;
inline constexpr ntstatus connection_aborted = 0xC0000241;
inline constexpr ntstatus resource_not_owned = 0xC0000264;
inline constexpr ntstatus too_many_links = 0xC0000265;
inline constexpr ntstatus reparse_point_not_resolved = 0xC0000280;
inline constexpr ntstatus file_too_large = 0xC0000904;
} // namespace status

/// R-ERR-3: severities success and information. Warnings (0x8...) are not success.
constexpr bool is_success(ntstatus code) noexcept {
    return code < 0x80000000U;
}

/// What kind of call an errno came from: the same number means different things.
enum class io_domain : uint8_t {
    naming,   ///< open, unlink: names and sharing
    file,     ///< an operation on a regular file, pipe, FIFO or character device
    socket,   ///< an operation on a stream socket
    datagram, ///< an operation on a message socket
};

/// `error` is a positive errno. 0 gives success. EAGAIN and EINTR of an I/O operation are never
/// surfaced (R-ERR table 15.5), so EAGAIN here means a resource that could not be created.
ntstatus status_of_errno(int error, io_domain domain) noexcept;
/// RtlNtStatusToDosError's table; ERROR_MR_MID_NOT_FOUND (317) for a status it does not know.
DWORD win32_of_status(ntstatus code) noexcept;

/// The WSA code of a socket call that fails at once (the right column of table 15.5).
DWORD wsa_of_errno(int error, io_domain domain) noexcept;
/// The WSA code of a status, as WSAGetOverlappedResult tells it (R-SOCK-8).
DWORD wsa_of_status(ntstatus code) noexcept;

DWORD last_error() noexcept;
void set_last_error(DWORD code) noexcept;

/// TRUE on success, leaving the last error alone (R-ERR-5); else FALSE with the mapped last error.
inline BOOL win32_result(ntstatus code) noexcept {
    if (is_success(code)) {
        return TRUE;
    }
    set_last_error(win32_of_status(code));
    return FALSE;
}

/// Keeps the caller's errno: programs do not expect a Win32 call to change it.
class errno_keeper {
public:
    errno_keeper() noexcept;
    ~errno_keeper();
    errno_keeper(const errno_keeper&) = delete;
    errno_keeper& operator=(const errno_keeper&) = delete;

private:
    int saved_;
};

} // namespace rp::nt
