// SPDX-License-Identifier: Apache-2.0
// ReadFile and WriteFile on handles opened without FILE_FLAG_OVERLAPPED: the call returns when the
// transfer is over, at the file pointer or, with an OVERLAPPED, at its offset, which then becomes
// the file pointer.
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/operation.hpp"
#include "kernel_iface/nt/pipe_end.hpp"

#include <algorithm>
#include <cerrno>
#include <mutex>

namespace rp::nt {
namespace {

struct outcome {
    ntstatus code = status::success;
    uint64_t bytes = 0;
};

/// Repeats `piece(address, length, done)` until everything is transferred, it returns 0, or fails.
template <class Piece>
outcome transfer_pieces(const transfer_call& call, const Piece& piece) noexcept {
    outcome result;
    while (result.bytes < call.bytes) {
        const uint64_t left = call.bytes - result.bytes;
        const int64_t moved = piece(static_cast<char*>(call.buffer) + result.bytes,
                                    std::min<uint64_t>(left, kernel::transfer_bytes_max),
                                    result.bytes);
        if (moved < 0) {
            result.code = status_of_errno(static_cast<int>(-moved), io_domain::file);
            break;
        }
        result.bytes += static_cast<uint64_t>(moved);
        if (moved == 0) {
            break;
        }
    }
    return result;
}

outcome transfer_at(file_object& file, const transfer_call& call, int64_t offset) noexcept {
    const int fd = file.about.fd;
    outcome result = transfer_pieces(call, [&](char* address, uint64_t length, uint64_t done) {
        const int64_t place = offset + static_cast<int64_t>(done);
        return call.is_write ? kernel::write_at(fd, address, length, place)
                             : kernel::read_at(fd, address, length, place);
    });
    // Continuing an unbuffered read past the last, partial sector is refused: that is the end.
    if (!call.is_write && file.about.is_unbuffered && result.bytes > 0 &&
        result.code == status::invalid_parameter) {
        result.code = status::success;
    }
    return result;
}

outcome transfer_regular(file_object& file, const transfer_call& call) noexcept {
    uint64_t offset = 0;
    bool is_append = file.about.appends_only;
    if (call.overlapped != nullptr) {
        bool is_at_end = false;
        const ntstatus code = position_of(call, offset, is_at_end);
        if (code != status::success) {
            return {code, 0};
        }
        is_append = is_append || is_at_end;
    }
    const std::lock_guard guard(file.position_lock);
    if (call.is_write && is_append) {
        const outcome result =
            transfer_pieces(call, [&](char* address, uint64_t length, uint64_t /*done*/) {
                return kernel::write_at_end(file.about.fd, address, length);
            });
        kernel::descriptor_facts facts;
        if (kernel::describe_descriptor(file.about.fd, facts) == 0) {
            file.position = facts.size_bytes;
        }
        return result;
    }
    const int64_t start = call.overlapped != nullptr ? static_cast<int64_t>(offset) : file.position;
    const outcome result = transfer_at(file, call, start);
    file.position = start + static_cast<int64_t>(result.bytes);
    return result;
}

outcome transfer_stream(file_object& file, const transfer_call& call) noexcept {
    if (call.is_write) {
        return transfer_pieces(call, [&](char* address, uint64_t length, uint64_t /*done*/) {
            return kernel::write_stream(file.about.fd, address, length);
        });
    }
    if (call.bytes == 0) {
        return {};
    }
    const int64_t moved = kernel::read_stream(file.about.fd, call.buffer, call.bytes);
    if (moved < 0) {
        return {status_of_errno(static_cast<int>(-moved), io_domain::file), 0};
    }
    const bool is_broken = moved == 0 && file.about.kind == kernel::file_kind::pipe;
    return {is_broken ? status::pipe_broken : status::success, static_cast<uint64_t>(moved)};
}

} // namespace

ntstatus transfer_synchronously(file_object& file, const transfer_call& call) noexcept {
    LPOVERLAPPED overlapped = call.overlapped;
    ref<event_object> signal;
    if (overlapped != nullptr) {
        const auto event = reinterpret_cast<uintptr_t>(overlapped->hEvent) & ~uintptr_t{1};
        if (event != 0) {
            ntstatus code;
            signal = reference<event_object>(reinterpret_cast<HANDLE>(event), code);
            if (!signal) {
                return code;
            }
            signal->reset();
        }
        publish_result(*overlapped, status::pending, 0);
    }
    file.clear_signal();
    outcome result = file.about.kind == kernel::file_kind::regular ? transfer_regular(file, call)
                                                                   : transfer_stream(file, call);
    // R-FILE-4: at the end of a file a plain synchronous read succeeds with nothing.
    const bool is_at_end = !call.is_write && call.bytes > 0 && result.bytes == 0 &&
                           result.code == status::success &&
                           file.about.kind == kernel::file_kind::regular;
    if (is_at_end && overlapped != nullptr) {
        result.code = status::end_of_file;
    }
    if (file.about.pipe != nullptr) {
        result.code = file.about.pipe->refine(result.code);
    }
    if (call.transferred != nullptr) {
        *call.transferred = static_cast<DWORD>(result.bytes);
    }
    if (overlapped != nullptr) {
        publish_result(*overlapped, result.code, result.bytes);
    }
    if (signal) {
        signal->set();
    }
    file.announce_end(!signal);
    return result.code;
}

} // namespace rp::nt
