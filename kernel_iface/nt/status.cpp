// SPDX-License-Identifier: Apache-2.0
// The two error tables (see status.hpp).
#include "kernel_iface/nt/status.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

namespace rp::nt {
namespace {

// initial-exec: one fs-relative load, as cheap as the field of the TEB it stands for.
[[gnu::tls_model("initial-exec")]] constinit thread_local DWORD last_error_of_thread = 0;

struct conversion {
    ntstatus code;
    DWORD win32;
};

// Sorted by status: looked up by binary search.
constexpr std::array conversions = {
    conversion{status::success, 0},
    conversion{status::abandoned_wait_0, 735},
    conversion{status::user_apc, 737},
    conversion{status::timeout, 258},
    conversion{status::pending, 997},
    conversion{status::object_name_exists, 183},
    conversion{status::buffer_overflow, 234},
    conversion{status::device_busy, 170},
    conversion{status::unsuccessful, 31},
    conversion{status::not_implemented, 1},
    conversion{status::access_violation, 998},
    conversion{status::invalid_handle, 6},
    conversion{status::invalid_parameter, 87},
    conversion{status::no_such_file, 2},
    conversion{status::invalid_device_request, 1},
    conversion{status::end_of_file, 38},
    conversion{status::no_memory, 8},
    conversion{status::access_denied, 5},
    conversion{status::buffer_too_small, 122},
    conversion{status::object_type_mismatch, 6},
    conversion{status::object_name_invalid, 123},
    conversion{status::object_name_not_found, 2},
    conversion{status::object_name_collision, 183},
    conversion{status::object_path_not_found, 3},
    conversion{status::crc_error, 23},
    conversion{status::sharing_violation, 32},
    conversion{status::quota_exceeded, 1816},
    conversion{status::mutant_not_owned, 288},
    conversion{status::semaphore_limit_exceeded, 298},
    conversion{status::file_lock_conflict, 33},
    conversion{status::delete_pending, 5},
    conversion{status::disk_full, 112},
    conversion{status::insufficient_resources, 1450},
    conversion{status::working_set_quota, 1453},
    conversion{status::media_write_protected, 19},
    conversion{status::instance_not_available, 231},
    conversion{status::pipe_not_available, 231},
    conversion{status::pipe_disconnected, 233},
    conversion{status::pipe_closing, 232},
    conversion{status::pipe_connected, 535},
    conversion{status::pipe_listening, 536},
    conversion{status::io_timeout, 121},
    conversion{status::file_is_a_directory, 5},
    conversion{status::not_supported, 50},
    conversion{status::not_same_device, 17},
    conversion{status::invalid_user_buffer, 1784},
    conversion{status::directory_not_empty, 145},
    conversion{status::not_a_directory, 267},
    conversion{status::name_too_long, 206},
    conversion{status::too_many_opened_files, 4},
    conversion{status::cancelled, 995},
    conversion{status::file_closed, 6},
    conversion{status::too_many_threads, 164},
    conversion{status::dll_not_found, 126},
    conversion{status::entrypoint_not_found, 127},
    conversion{status::local_disconnect, 64},
    conversion{status::remote_disconnect, 64},
    conversion{status::pipe_broken, 109},
    conversion{status::io_device_error, 1117},
    conversion{status::invalid_address_component, 1214},
    conversion{status::connection_disconnected, 64},
    conversion{status::connection_reset, 64},
    conversion{status::not_found, 1168},
    conversion{status::retry, 1237},
    conversion{status::connection_refused, 1225},
    conversion{status::graceful_disconnect, 1226},
    conversion{status::address_already_associated, 1227},
    conversion{status::connection_invalid, 1229},
    conversion{status::connection_active, 1230},
    conversion{status::network_unreachable, 1231},
    conversion{status::host_unreachable, 1232},
    conversion{status::port_unreachable, 1234},
    conversion{status::connection_aborted, 1236},
    conversion{status::resource_not_owned, 288},
    conversion{status::too_many_links, 1142},
    conversion{status::reparse_point_not_resolved, 1921},
    conversion{status::file_too_large, 223},
};

constexpr bool by_code(const conversion& left, const conversion& right) {
    return left.code < right.code;
}

static_assert(std::is_sorted(conversions.begin(), conversions.end(), by_code));

/// Rows of table 15.5 in which sockets differ from files; 0 means "as for files".
ntstatus socket_status_of_errno(int error, io_domain domain) noexcept {
    switch (error) {
    case EPIPE:
        return status::connection_disconnected;
    case ECONNREFUSED:
        return domain == io_domain::datagram ? status::port_unreachable
                                             : status::connection_refused;
    case ENOTCONN:
        return status::connection_invalid;
    default:
        return status::success;
    }
}

/// Rows of table 15.5 in which a call on a name differs; 0 means "as for files".
ntstatus naming_status_of_errno(int error) noexcept {
    switch (error) {
    case EBUSY:
    case ETXTBSY:
        return status::sharing_violation;
    case ENXIO:
    case ENODEV:
        return status::object_name_not_found;
    default:
        return status::success;
    }
}

struct errno_row {
    int error;
    ntstatus code;
};

// The file column of table 15.5, where sockets mostly agree. Searched on failure only.
constexpr std::array errno_rows = {
    errno_row{0, status::success},
    errno_row{ENOENT, status::object_name_not_found},
    errno_row{ENOTDIR, status::object_path_not_found},
    errno_row{EACCES, status::access_denied},
    errno_row{EPERM, status::access_denied},
    errno_row{EBADF, status::invalid_handle},
    errno_row{ENOTSOCK, status::invalid_handle},
    errno_row{EMFILE, status::too_many_opened_files},
    errno_row{ENFILE, status::too_many_opened_files},
    errno_row{ENOMEM, status::no_memory},
    errno_row{ENOBUFS, status::insufficient_resources},
    errno_row{EAGAIN, status::insufficient_resources},
    errno_row{EINTR, status::cancelled},
    errno_row{ECANCELED, status::cancelled},
    errno_row{EINVAL, status::invalid_parameter},
    errno_row{ESPIPE, status::invalid_parameter},
    errno_row{EOVERFLOW, status::invalid_parameter},
    errno_row{EDESTADDRREQ, status::invalid_parameter},
    errno_row{EAFNOSUPPORT, status::invalid_parameter},
    errno_row{EPROTONOSUPPORT, status::invalid_parameter},
    errno_row{ENOPROTOOPT, status::invalid_parameter},
    errno_row{EFAULT, status::access_violation},
    errno_row{EIO, status::io_device_error},
    errno_row{EEXIST, status::object_name_collision},
    errno_row{EISDIR, status::file_is_a_directory},
    errno_row{ENOTEMPTY, status::directory_not_empty},
    errno_row{EXDEV, status::not_same_device},
    errno_row{EROFS, status::media_write_protected},
    errno_row{ENOSPC, status::disk_full},
    errno_row{EDQUOT, status::disk_full},
    errno_row{EFBIG, status::file_too_large},
    errno_row{ENAMETOOLONG, status::name_too_long},
    errno_row{ELOOP, status::reparse_point_not_resolved},
    errno_row{EMLINK, status::too_many_links},
    errno_row{EBUSY, status::device_busy},
    errno_row{ETXTBSY, status::device_busy},
    errno_row{EDEADLK, status::file_lock_conflict},
    errno_row{EPIPE, status::pipe_closing},
    errno_row{ENOSYS, status::not_supported},
    errno_row{EOPNOTSUPP, status::not_supported},
    errno_row{ETIMEDOUT, status::io_timeout},
    errno_row{ECONNRESET, status::connection_reset},
    errno_row{ECONNABORTED, status::connection_aborted},
    errno_row{ECONNREFUSED, status::connection_refused},
    errno_row{ENETUNREACH, status::network_unreachable},
    errno_row{ENETDOWN, status::network_unreachable},
    errno_row{EHOSTUNREACH, status::host_unreachable},
    errno_row{EHOSTDOWN, status::host_unreachable},
    errno_row{ENOTCONN, status::pipe_disconnected},
    errno_row{EISCONN, status::connection_active},
    errno_row{EALREADY, status::retry},
    errno_row{EINPROGRESS, status::retry},
    errno_row{EADDRINUSE, status::address_already_associated},
    errno_row{EADDRNOTAVAIL, status::invalid_address_component},
    errno_row{EMSGSIZE, status::buffer_overflow},
};

ntstatus common_status_of_errno(int error) noexcept {
    const auto* row = std::find_if(errno_rows.begin(), errno_rows.end(), [=](const errno_row& one) {
        return one.error == error;
    });
    return row != errno_rows.end() ? row->code : status::unsuccessful;
}

struct wsa_row {
    int error;
    DWORD code;
};

// The last column of table 15.5; what is not here is WSAEINVAL.
constexpr std::array wsa_rows = {
    wsa_row{0, ERROR_SUCCESS},
    wsa_row{EINTR, WSAEINTR},
    wsa_row{EACCES, WSAEACCES},
    wsa_row{EPERM, WSAEACCES},
    wsa_row{EBADF, WSAENOTSOCK},
    wsa_row{ENOTSOCK, WSAENOTSOCK},
    wsa_row{EMFILE, WSAEMFILE},
    wsa_row{ENFILE, WSAEMFILE},
    wsa_row{ENOMEM, WSAENOBUFS},
    wsa_row{ENOBUFS, WSAENOBUFS},
    wsa_row{EAGAIN, WSAEWOULDBLOCK},
    wsa_row{ECANCELED, WSA_OPERATION_ABORTED},
    wsa_row{EFAULT, WSAEFAULT},
    wsa_row{EPIPE, WSAECONNRESET},
    wsa_row{EOPNOTSUPP, WSAEOPNOTSUPP},
    wsa_row{ENOSYS, WSAEOPNOTSUPP},
    wsa_row{ETIMEDOUT, WSAETIMEDOUT},
    wsa_row{ECONNRESET, WSAECONNRESET},
    wsa_row{ECONNABORTED, WSAECONNABORTED},
    wsa_row{ECONNREFUSED, WSAECONNREFUSED},
    wsa_row{ENETUNREACH, WSAENETUNREACH},
    wsa_row{ENETDOWN, WSAENETDOWN},
    wsa_row{EHOSTUNREACH, WSAEHOSTUNREACH},
    wsa_row{EHOSTDOWN, WSAEHOSTDOWN},
    wsa_row{ENOTCONN, WSAENOTCONN},
    wsa_row{EISCONN, WSAEISCONN},
    wsa_row{EALREADY, WSAEALREADY},
    wsa_row{EINPROGRESS, WSAEINPROGRESS},
    wsa_row{EADDRINUSE, WSAEADDRINUSE},
    wsa_row{EADDRNOTAVAIL, WSAEADDRNOTAVAIL},
    wsa_row{EMSGSIZE, WSAEMSGSIZE},
    wsa_row{EDESTADDRREQ, WSAEDESTADDRREQ},
    wsa_row{EAFNOSUPPORT, WSAEAFNOSUPPORT},
    wsa_row{EPROTONOSUPPORT, WSAEPROTONOSUPPORT},
    wsa_row{EPROTOTYPE, WSAEPROTOTYPE},
    wsa_row{ESOCKTNOSUPPORT, WSAESOCKTNOSUPPORT},
    wsa_row{ENOPROTOOPT, WSAENOPROTOOPT},
};

struct wsa_status_row {
    ntstatus code;
    DWORD wsa;
};

// Where a status has a WSA code of its own; the others show their Win32 code, which Windows Sockets
// has taken over under a WSA_ name (995 to 997, 6, 8, 87).
constexpr std::array wsa_status_rows = {
    wsa_status_row{status::buffer_overflow, WSAEMSGSIZE},
    wsa_status_row{status::access_violation, WSAEFAULT},
    wsa_status_row{status::invalid_handle, WSAENOTSOCK},
    wsa_status_row{status::object_type_mismatch, WSAENOTSOCK},
    wsa_status_row{status::file_closed, WSAENOTSOCK},
    wsa_status_row{status::invalid_parameter, WSAEINVAL},
    wsa_status_row{status::access_denied, WSAEACCES},
    wsa_status_row{status::no_memory, WSAENOBUFS},
    wsa_status_row{status::insufficient_resources, WSAENOBUFS},
    wsa_status_row{status::too_many_opened_files, WSAEMFILE},
    wsa_status_row{status::not_supported, WSAEOPNOTSUPP},
    wsa_status_row{status::io_timeout, WSAETIMEDOUT},
    wsa_status_row{status::local_disconnect, WSAECONNABORTED},
    wsa_status_row{status::remote_disconnect, WSAECONNRESET},
    wsa_status_row{status::connection_disconnected, WSAECONNRESET},
    wsa_status_row{status::connection_reset, WSAECONNRESET},
    wsa_status_row{status::connection_aborted, WSAECONNABORTED},
    wsa_status_row{status::connection_refused, WSAECONNREFUSED},
    wsa_status_row{status::connection_invalid, WSAENOTCONN},
    wsa_status_row{status::connection_active, WSAEISCONN},
    wsa_status_row{status::network_unreachable, WSAENETUNREACH},
    wsa_status_row{status::host_unreachable, WSAEHOSTUNREACH},
    wsa_status_row{status::port_unreachable, WSAECONNRESET},
    wsa_status_row{status::address_already_associated, WSAEADDRINUSE},
    wsa_status_row{status::invalid_address_component, WSAEADDRNOTAVAIL},
};

} // namespace

DWORD wsa_of_errno(int error, io_domain domain) noexcept {
    if (domain == io_domain::datagram && error == ECONNREFUSED) {
        return WSAECONNRESET; // an unreachable port, told by ICMP (R-SOCK-7)
    }
    const auto* row = std::find_if(
        wsa_rows.begin(), wsa_rows.end(), [=](const wsa_row& one) { return one.error == error; });
    return row != wsa_rows.end() ? row->code : WSAEINVAL;
}

DWORD wsa_of_status(ntstatus code) noexcept {
    const auto* row = std::find_if(wsa_status_rows.begin(),
                                   wsa_status_rows.end(),
                                   [=](const wsa_status_row& one) { return one.code == code; });
    return row != wsa_status_rows.end() ? row->wsa : win32_of_status(code);
}

ntstatus status_of_errno(int error, io_domain domain) noexcept {
    ntstatus special = status::success;
    if (domain == io_domain::naming) {
        special = naming_status_of_errno(error);
    } else if (domain != io_domain::file) {
        special = socket_status_of_errno(error, domain);
    }
    return special != status::success ? special : common_status_of_errno(error);
}

DWORD win32_of_status(ntstatus code) noexcept {
    if (code == status::success) [[likely]] {
        return ERROR_SUCCESS;
    }
    if (code >= status::invalid_parameter_1 && code <= status::invalid_parameter_12) {
        code = status::invalid_parameter;
    }
    const auto* row =
        std::lower_bound(conversions.begin(), conversions.end(), conversion{code, 0}, by_code);
    constexpr DWORD message_not_found = 317;
    return row != conversions.end() && row->code == code ? row->win32 : message_not_found;
}

DWORD last_error() noexcept {
    return last_error_of_thread;
}

void set_last_error(DWORD code) noexcept {
    last_error_of_thread = code;
}

errno_keeper::errno_keeper() noexcept : saved_(errno) {}

errno_keeper::~errno_keeper() {
    errno = saved_;
}

} // namespace rp::nt
