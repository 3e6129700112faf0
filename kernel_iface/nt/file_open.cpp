// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/file_open.hpp"

#include "kernel_iface/nt/file.hpp"
#include "kernel_iface/nt/named_pipe.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <string>

namespace rp::nt {
namespace {

constexpr DWORD read_rights = GENERIC_READ | GENERIC_ALL | FILE_READ_DATA;
constexpr DWORD execute_rights = GENERIC_EXECUTE | FILE_EXECUTE;
constexpr DWORD overwrite_rights = GENERIC_WRITE | GENERIC_ALL | FILE_WRITE_DATA;
constexpr DWORD write_rights = overwrite_rights | FILE_APPEND_DATA;
constexpr DWORD delete_rights = DELETE | GENERIC_ALL;

constexpr DWORD share_bits = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

share_claim claim_of(const open_call& call) noexcept {
    share_claim claim;
    claim.reads = (call.access & (read_rights | execute_rights)) != 0;
    claim.writes = (call.access & write_rights) != 0;
    claim.deletes =
        (call.access & delete_rights) != 0 || (call.flags & FILE_FLAG_DELETE_ON_CLOSE) != 0;
    claim.shares_read = (call.share & FILE_SHARE_READ) != 0;
    claim.shares_write = (call.share & FILE_SHARE_WRITE) != 0;
    claim.shares_delete = (call.share & FILE_SHARE_DELETE) != 0;
    return claim;
}

ntstatus check_arguments(const open_call& call) noexcept {
    if (call.name == nullptr || *call.name == '\0') {
        return status::object_path_not_found;
    }
    const bool is_known = call.disposition >= CREATE_NEW && call.disposition <= TRUNCATE_EXISTING;
    if (!is_known || (call.share & ~share_bits) != 0) {
        return status::invalid_parameter;
    }
    if (call.disposition == TRUNCATE_EXISTING && (call.access & overwrite_rights) == 0) {
        return status::invalid_parameter;
    }
    return status::success;
}

int open_flags_of(const open_call& call) noexcept {
    const bool truncates =
        call.disposition == CREATE_ALWAYS || call.disposition == TRUNCATE_EXISTING;
    const bool writes = (call.access & write_rights) != 0 || truncates;
    const bool reads = (call.access & read_rights) != 0 || truncates;
    int flags = O_NOCTTY;
    flags |= writes ? (reads ? O_RDWR : O_WRONLY) : O_RDONLY;
    flags |= call.is_inheritable ? 0 : O_CLOEXEC;
    flags |= (call.flags & FILE_FLAG_NO_BUFFERING) != 0 ? O_DIRECT : 0;
    flags |= (call.flags & FILE_FLAG_WRITE_THROUGH) != 0 ? O_DSYNC : 0;
    return flags;
}

struct opened {
    int fd = -1; // or -errno
    bool existed = true;
};

/// Opens or makes the file without truncating it: a sharing conflict must leave it as it is.
opened open_or_create(const open_call& call) noexcept {
    const int flags = open_flags_of(call);
    const mode_t mode = (call.flags & FILE_ATTRIBUTE_READONLY) != 0 ? 0444 : 0666;
    switch (call.disposition) {
    case CREATE_NEW:
        return {kernel::open_descriptor(call.name, flags | O_CREAT | O_EXCL, mode), false};
    case OPEN_EXISTING:
    case TRUNCATE_EXISTING:
        return {kernel::open_descriptor(call.name, flags, 0), true};
    default:
        break;
    }
    // Whether it existed must be exact, and others may create and remove it meanwhile. A name that
    // keeps flickering, or a dangling link, is finally opened either way.
    constexpr int attempts_max = 16;
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        const int made = kernel::open_descriptor(call.name, flags | O_CREAT | O_EXCL, mode);
        if (made != -EEXIST) {
            return {made, false};
        }
        const int found = kernel::open_descriptor(call.name, flags, 0);
        if (found != -ENOENT) {
            return {found, true};
        }
    }
    return {kernel::open_descriptor(call.name, flags | O_CREAT, mode), false};
}

/// A missing file is 2, a missing directory on the way is 3.
ntstatus status_of_open_failure(const char* name, int error) noexcept {
    if (error != ENOENT) {
        return status_of_errno(error, io_domain::naming);
    }
    const char* slash = std::strrchr(name, '/');
    if (slash == nullptr || slash == name) {
        return status::object_name_not_found;
    }
    try {
        kernel::descriptor_facts parent;
        const std::string directory(name, static_cast<size_t>(slash - name));
        return kernel::describe_path(directory.c_str(), parent) == 0
                   ? status::object_name_not_found
                   : status::object_path_not_found;
    } catch (const std::bad_alloc&) {
        return status::no_memory;
    }
}

/// Makes the object and its handle. On failure the claim is given back and an owned fd is closed.
ntstatus publish_file(const file_description& about, HANDLE& made) noexcept {
    ntstatus code = status::no_memory;
    const ref<file_object> file = make_object<file_object>(about);
    if (file) {
        code = handles().insert(*file, made);
        if (code != status::success) {
            file->last_handle_closed();
        }
        return code;
    }
    shares().release(about.identity, about.claim, false);
    if (about.owns_fd) {
        kernel::close_descriptor(about.fd);
    }
    return code;
}

/// What comes after open: kind, sharing, truncation. The descriptor is closed on failure.
ntstatus adopt_descriptor(const open_call& call, const opened& file, HANDLE& made) noexcept {
    kernel::descriptor_facts facts;
    file_description about;
    int error = kernel::describe_descriptor(file.fd, facts);
    ntstatus code = status_of_errno(-error, io_domain::naming);
    if (facts.kind == kernel::file_kind::directory &&
        (call.flags & FILE_FLAG_BACKUP_SEMANTICS) == 0) {
        code = status::access_denied;
    }
    about.fd = file.fd;
    about.kind = facts.kind;
    about.is_overlapped = (call.flags & FILE_FLAG_OVERLAPPED) != 0;
    about.is_unbuffered = (call.flags & FILE_FLAG_NO_BUFFERING) != 0;
    about.can_read = (call.access & read_rights) != 0;
    about.can_write = (call.access & write_rights) != 0;
    about.appends_only = (call.access & write_rights) == FILE_APPEND_DATA &&
                         facts.kind == kernel::file_kind::regular;
    about.deletes_on_close = (call.flags & FILE_FLAG_DELETE_ON_CLOSE) != 0;
    about.identity = facts.identity;
    about.claim = claim_of(call);
    if (code == status::success) {
        code = shares().claim(about.identity, about.claim);
    }
    if (code != status::success) {
        kernel::close_descriptor(file.fd);
        return code;
    }
    const bool truncates =
        call.disposition == CREATE_ALWAYS || call.disposition == TRUNCATE_EXISTING;
    if (truncates && file.existed && facts.kind == kernel::file_kind::regular) {
        error = kernel::truncate_descriptor(file.fd);
        if (error < 0) {
            shares().release(about.identity, about.claim, false);
            kernel::close_descriptor(file.fd);
            return status_of_errno(-error, io_domain::naming);
        }
    }
    kernel::advise_descriptor(file.fd,
                              (call.flags & FILE_FLAG_RANDOM_ACCESS) != 0,
                              (call.flags & FILE_FLAG_SEQUENTIAL_SCAN) != 0);
    return publish_file(about, made);
}

} // namespace

ntstatus create_file(const open_call& call, HANDLE& made) noexcept {
    made = INVALID_HANDLE_VALUE;
    ntstatus code = check_arguments(call);
    if (code != status::success) {
        return code;
    }
    if (is_pipe_name(call.name)) {
        return open_pipe(call, made);
    }
    const opened file = open_or_create(call);
    if (file.fd < 0) {
        return status_of_open_failure(call.name, -file.fd);
    }
    HANDLE fresh = nullptr;
    code = adopt_descriptor(call, file, fresh);
    if (code != status::success) {
        return code;
    }
    made = fresh;
    const bool tells = call.disposition == CREATE_ALWAYS || call.disposition == OPEN_ALWAYS;
    return tells && file.existed ? status::object_name_exists : status::success;
}

ntstatus delete_file(const char* name) noexcept {
    if (name == nullptr || *name == '\0') {
        return status::object_path_not_found;
    }
    kernel::descriptor_facts facts;
    int error = kernel::describe_path(name, facts);
    if (error < 0) {
        return status_of_open_failure(name, -error);
    }
    if (facts.kind == kernel::file_kind::directory) {
        return status::access_denied;
    }
    if (const ntstatus code = shares().may_delete(facts.identity); code != status::success) {
        return code;
    }
    error = kernel::unlink_path(name);
    return error < 0 ? status_of_open_failure(name, -error) : status::success;
}

ntstatus handle_from_fd(int fd, bool owns_fd, HANDLE& made) noexcept {
    made = nullptr;
    kernel::descriptor_facts facts;
    if (const int error = kernel::describe_descriptor(fd, facts); error < 0) {
        return status_of_errno(-error, io_domain::file);
    }
    const int access = kernel::access_of_descriptor(fd);
    if (access < 0) {
        return status_of_errno(-access, io_domain::file);
    }
    file_description about;
    about.fd = fd;
    about.kind = facts.kind;
    about.is_overlapped = true;
    about.owns_fd = owns_fd;
    about.can_read = access == O_RDONLY || access == O_RDWR;
    about.can_write = access == O_WRONLY || access == O_RDWR;
    about.identity = facts.identity;
    const ref<file_object> file = make_object<file_object>(about);
    return file ? handles().insert(*file, made) : status::no_memory;
}

ntstatus fd_from_handle(HANDLE file, int& fd) noexcept {
    ntstatus code;
    const auto found = reference<file_object>(file, code);
    fd = found ? found->about.fd : -1;
    return code;
}

} // namespace rp::nt
