// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/file_info.hpp"

#include "kernel_iface/nt/file.hpp"
#include "kernel_iface/nt/pipe_end.hpp"

#include <mutex>

namespace rp::nt {
namespace {

/// A file by its handle, in use; `code` says why not.
class file_in_use : public file_use {
public:
    file_in_use(HANDLE handle, ntstatus& code) noexcept { code = take(handle); }
};

} // namespace

DWORD move_file_pointer(
    HANDLE file, int64_t distance, DWORD method, int64_t position_max, int64_t& position) noexcept {
    ntstatus code;
    const file_in_use target(file, code);
    if (!target) {
        return win32_of_status(code);
    }
    if (target->about.kind != kernel::file_kind::regular) {
        return win32_of_status(status::invalid_device_request);
    }
    if (method > FILE_END) {
        return ERROR_INVALID_PARAMETER;
    }
    const std::lock_guard guard(target->position_lock);
    int64_t base = method == FILE_CURRENT ? target->position : 0;
    if (method == FILE_END) {
        kernel::descriptor_facts facts;
        if (const int error = kernel::describe_descriptor(target->about.fd, facts); error < 0) {
            return win32_of_status(status_of_errno(-error, io_domain::file));
        }
        base = facts.size_bytes;
    }
    int64_t moved = 0;
    if (__builtin_add_overflow(base, distance, &moved) || moved > position_max) {
        return ERROR_INVALID_PARAMETER;
    }
    if (moved < 0) {
        return ERROR_NEGATIVE_SEEK;
    }
    target->position = moved;
    position = moved;
    return ERROR_SUCCESS;
}

ntstatus file_size(HANDLE file, int64_t& bytes) noexcept {
    ntstatus code;
    if (const file_in_use target(file, code); target) {
        if (target->about.kind != kernel::file_kind::regular) {
            return status::invalid_device_request;
        }
        kernel::descriptor_facts facts;
        const int error = kernel::describe_descriptor(target->about.fd, facts);
        code = status_of_errno(-error, io_domain::file);
        bytes = facts.size_bytes;
    }
    return code;
}

ntstatus file_type(HANDLE file, DWORD& type) noexcept {
    ntstatus code;
    type = FILE_TYPE_UNKNOWN;
    if (const auto target = reference<file_object>(file, code)) {
        switch (target->about.kind) {
        case kernel::file_kind::regular:
        case kernel::file_kind::directory:
            type = FILE_TYPE_DISK;
            break;
        case kernel::file_kind::character:
            type = FILE_TYPE_CHAR;
            break;
        case kernel::file_kind::pipe:
        case kernel::file_kind::socket:
        case kernel::file_kind::datagram:
            type = FILE_TYPE_PIPE;
            break;
        }
    }
    return code;
}

ntstatus flush_file(HANDLE file) noexcept {
    ntstatus code;
    if (const file_in_use target(file, code); target) {
        if (!target->about.can_write) {
            return status::access_denied;
        }
        if (target->about.pipe != nullptr) {
            return target->about.pipe->flush(target->about.fd);
        }
        if (target->about.kind != kernel::file_kind::regular) {
            return status::invalid_device_request;
        }
        code = status_of_errno(-kernel::flush_descriptor(target->about.fd), io_domain::file);
    }
    return code;
}

ntstatus set_notification_modes(HANDLE file, UCHAR flags) noexcept {
    ntstatus code;
    if (const auto target = reference<file_object>(file, code)) {
        constexpr UCHAR known =
            FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE;
        if ((flags & ~known) != 0) {
            return status::invalid_parameter;
        }
        target->add_notification_modes(flags);
    }
    return code;
}

} // namespace rp::nt
