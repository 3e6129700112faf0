// SPDX-License-Identifier: Apache-2.0
// ConnectNamedPipe and DisconnectNamedPipe. named_pipe.cpp has the essay.
#include "kernel_iface/linux/socket_call.hpp"
#include "kernel_iface/nt/extended_operation.hpp"
#include "kernel_iface/nt/named_pipe.hpp"
#include "kernel_iface/nt/pipe_server.hpp"

#include <mutex>
#include <utility>

namespace rp::nt {
namespace {

/// A server's end by handle, in use; `error` says why not.
class server_in_use : public file_use {
public:
    server_in_use(HANDLE handle, ntstatus& code) noexcept {
        code = take(handle);
        pipe_end* pipe = *this ? (*this)->about.pipe : nullptr;
        if (*this && (pipe == nullptr || pipe->as_server() == nullptr)) {
            give_back();
            code = status::invalid_parameter;
        }
    }

    server_end& end() const noexcept { return *(*this)->about.pipe->as_server(); }
};

/// Step 1 and 2 of the essay. pending: wait for the byte.
ntstatus begin_connect(server_end& end, int fd) noexcept {
    const std::lock_guard guard(pipes_lock);
    if (end.state == pipe_state::connected) {
        // mo: acquire, pairs pipe.client_gone (client_end::handle_closed).
        return end.link->is_client_gone.load(std::memory_order_acquire) ? status::pipe_closing
                                                                        : status::pipe_connected;
    }
    if (end.state == pipe_state::closed) {
        return status::file_closed;
    }
    if (end.is_awaited) {
        return status::pipe_listening;
    }
    if (end.state == pipe_state::disconnected) {
        const int fresh = end.make_pair();
        const int error = fresh < 0 ? fresh : kernel::move_socket(fresh, fd);
        if (error < 0) {
            end.close_client_fd();
            return status_of_errno(-error, io_domain::file);
        }
        end.state = pipe_state::listening;
        end.link.reset();
    }
    end.is_awaited = true;
    return status::pending;
}

/// Step 4 of the essay.
ntstatus end_connect(server_end& end, int fd, ntstatus code) noexcept {
    const std::lock_guard guard(pipes_lock);
    end.is_awaited = false;
    if (end.state == pipe_state::connected && code != status::success) {
        kernel::take_byte(fd);
        return status::success; // it was connected before it was cancelled
    }
    if (end.state == pipe_state::closed && code != status::success) {
        return status::cancelled; // the peer that the closing took away may be seen first
    }
    return end.state == pipe_state::disconnected ? status::pipe_disconnected : code;
}

struct greeting {
    char byte = 0;
};

uint32_t greeting_step(io_operation& op, int32_t res) noexcept {
    const uint32_t code = transfer_step(op, res);
    if (code != undecided) {
        op.bytes = 0;
    }
    return code;
}

uint32_t settle_greeting(io_operation& op, uint32_t code) noexcept {
    return end_connect(*op.file->about.pipe->as_server(), op.fd, code);
}

ntstatus start_greeting(ref<file_object> file, OVERLAPPED& overlapped) noexcept {
    file_object& keeper = *file;
    io_operation* op = make_extended_operation<greeting>(file, overlapped);
    if (op == nullptr) {
        end_connect(*keeper.about.pipe->as_server(), keeper.about.fd, status::no_memory);
        keeper.end_use();
        return status::no_memory;
    }
    op->step = greeting_step;
    op->settle = settle_greeting;
    op->buffer = &static_cast<greeting*>(op->extra)->byte;
    op->wanted_bytes = 1;
    op->start_offset = ~uint64_t{0};
    op->transfer_op = kernel::io_op::read;
    op->needs_turn = false;
    prepare_transfer(*op);
    const ref<file_object> kept = ref<file_object>::share(&keeper);
    const ntstatus code = launch(*op);
    if (code != status::pending && keeper.begin_use()) {
        end_connect(*keeper.about.pipe->as_server(), keeper.about.fd, code);
        keeper.end_use();
    }
    return code;
}

} // namespace

ntstatus connect_pipe(HANDLE pipe, LPOVERLAPPED overlapped) noexcept {
    ntstatus code;
    server_in_use server(pipe, code);
    if (!server) {
        return code;
    }
    const bool is_overlapped = server->about.is_overlapped;
    if (is_overlapped && overlapped == nullptr) {
        return status::invalid_parameter;
    }
    const int fd = server->about.fd;
    server_end& end = server.end();
    code = begin_connect(end, fd);
    if (code != status::pending) {
        return code;
    }
    announce_pipe_change();
    if (is_overlapped) {
        return start_greeting(server.detach(), *overlapped);
    }
    char byte = 0;
    const int64_t moved = kernel::read_stream(fd, &byte, 1);
    const ntstatus ended = moved == 1  ? status::success
                           : moved < 0 ? status_of_errno(static_cast<int>(-moved), io_domain::file)
                                       : status::pipe_broken;
    return end_connect(end, fd, ended);
}

ntstatus disconnect_pipe(HANDLE pipe) noexcept {
    ntstatus code;
    const server_in_use server(pipe, code);
    if (!server) {
        return code;
    }
    server_end& end = server.end();
    file_object& file = *server;
    {
        const std::lock_guard guard(pipes_lock);
        if (end.state == pipe_state::disconnected || end.state == pipe_state::closed) {
            return end.state == pipe_state::closed ? status::file_closed
                                                   : status::pipe_disconnected;
        }
        end.state = pipe_state::disconnected;
        end.close_client_fd();
        if (end.link) {
            // mo: release, pairs pipe.disconnected (refined, check): before the sockets are shut.
            end.link->is_disconnected.store(true, std::memory_order_release);
        }
    }
    // What both ends have in flight ends now, and what was not read is lost.
    kernel::shut_down_socket(file.about.fd);
    file.cancel(nullptr, 0);
    file.wait_until_idle();
    return status::success;
}

} // namespace rp::nt
