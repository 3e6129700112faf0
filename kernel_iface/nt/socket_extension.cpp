// SPDX-License-Identifier: Apache-2.0
// AcceptEx, ConnectEx, DisconnectEx.
//
// AcceptEx accepts on the listener and then moves the new descriptor onto the number of the socket
// the program gave: that handle, which may be bound to a port already, becomes the connection. With
// room for data it then receives once on the accepted socket. It takes no turn: an accepted
// connection that sends nothing must not hold up the others (R-SOCK-10).
#include "kernel_iface/nt/socket_operation.hpp"
#include "kernel_iface/nt/socket_words.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

namespace rp::nt {

// --- AcceptEx ------------------------------------------------------------------------------------

namespace {

struct accept_work {
    ref<file_object> acceptor; // in use while set
    kernel::socket_address peer;
    char* output = nullptr;
    DWORD data_bytes = 0;
    DWORD local_bytes = 0;
    bool is_accepted = false;

    accept_work() noexcept = default;
    accept_work(const accept_work&) = delete;
    accept_work& operator=(const accept_work&) = delete;

    ~accept_work() { let_go(); }

    void let_go() noexcept {
        if (acceptor) {
            clear_socket_bits(*acceptor, socket_bits::accepting);
            acceptor->end_use();
            acceptor = {};
        }
    }
};

void prepare_accept(io_operation& op) noexcept {
    auto& work = *static_cast<accept_work*>(op.extra);
    work.peer.bytes = sizeof work.peer.storage;
    op.op = kernel::io_op::accept;
    op.fd = op.file->about.fd;
    op.addr = &work.peer.storage;
    op.offset = reinterpret_cast<uintptr_t>(&work.peer.bytes);
    op.flags = SOCK_CLOEXEC;
}

void prepare_first_data(io_operation& op) noexcept {
    auto& work = *static_cast<accept_work*>(op.extra);
    op.op = kernel::io_op::recv;
    op.fd = work.acceptor->about.fd;
    op.addr = work.output;
    op.len = work.data_bytes;
    op.flags = 0;
}

/// A block is the length, padding to 8 bytes, and the address.
void store_address(char* block, const kernel::socket_address& address) noexcept {
    int bytes = sizeof address.storage;
    static_cast<void>(ws::write_address(address, block + 8, bytes));
    std::memcpy(block, &bytes, sizeof bytes);
}

/// The connection `fd` becomes the acceptor's.
int adopt_connection(accept_work& work, int fd) noexcept {
    const int target = work.acceptor->about.fd;
    if (const int error = kernel::move_socket(fd, target); error < 0) {
        return error;
    }
    kernel::socket_address local;
    if (const int error = kernel::name_of_socket(target, local); error < 0) {
        return error;
    }
    store_address(work.output + work.data_bytes, local);
    store_address(work.output + work.data_bytes + work.local_bytes, work.peer);
    set_socket_bits(*work.acceptor, socket_bits::connected | socket_bits::bound);
    work.is_accepted = true;
    return 0;
}

uint32_t accept_step(io_operation& op, int32_t res) noexcept {
    auto& work = *static_cast<accept_work*>(op.extra);
    const bool was_poll = op.op == kernel::io_op::poll;
    if (res == -EAGAIN && !was_poll) {
        return go_on_when_ready(op, POLLIN);
    }
    if (res == -EINTR || (was_poll && res >= 0)) {
        work.is_accepted ? prepare_first_data(op) : prepare_accept(op);
        return go_on(op);
    }
    if (res < 0) {
        return failure_of(op, res);
    }
    if (work.is_accepted) {
        op.bytes = static_cast<uint32_t>(res);
        return status::success;
    }
    if (const int error = adopt_connection(work, res); error < 0) {
        return failure_of(op, error);
    }
    if (work.data_bytes == 0) {
        return status::success;
    }
    prepare_first_data(op);
    return go_on(op);
}

uint32_t settle_accept(io_operation& op, uint32_t code) noexcept {
    static_cast<accept_work*>(op.extra)->let_go();
    return code;
}

/// Room an address of this family needs in the output buffer.
DWORD block_bytes(const file_object& file) noexcept {
    kernel::socket_address name;
    static_cast<void>(kernel::name_of_socket(file.about.fd, name));
    const DWORD v4 = 16;
    const DWORD v6 = 28;
    const DWORD local = 110;
    const DWORD own = name.storage.ss_family == AF_INET    ? v4
                      : name.storage.ss_family == AF_INET6 ? v6
                                                           : local;
    return own + address_block_overhead;
}

/// Promises the socket to this AcceptEx. False: it is promised, bound or connected already.
bool claim_acceptor(file_object& file) noexcept {
    constexpr uint32_t spoilt = socket_bits::bound | socket_bits::connected |
                                socket_bits::listening | socket_bits::accepting;
    // mo: relaxed, only who gets the promise is decided here.
    uint32_t seen = file.socket_state.load(std::memory_order_relaxed);
    do {
        if ((seen & spoilt) != 0) {
            return false;
        }
        // mo: relaxed, as above.
    } while (!file.socket_state.compare_exchange_weak(
        seen, seen | socket_bits::accepting, std::memory_order_relaxed));
    return true;
}

} // namespace

void* find_address(void* block, int& bytes) noexcept {
    std::memcpy(&bytes, block, sizeof bytes);
    return static_cast<char*>(block) + 8;
}

DWORD accept_ex(HANDLE listener,
                HANDLE acceptor,
                void* output,
                DWORD data_bytes,
                DWORD local_bytes,
                DWORD remote_bytes,
                LPOVERLAPPED overlapped) noexcept {
    DWORD error;
    socket_in_use file(listener, error);
    DWORD other_error;
    socket_in_use other(acceptor, other_error);
    if (error != ERROR_SUCCESS || other_error != ERROR_SUCCESS) {
        return WSAENOTSOCK;
    }
    if (overlapped == nullptr) {
        return WSA_INVALID_PARAMETER;
    }
    if (output == nullptr) {
        return WSAEFAULT;
    }
    const DWORD least = block_bytes(*file);
    if (!has_socket_bit(*file, socket_bits::listening) || !file->about.is_overlapped ||
        local_bytes < least || remote_bytes < least ||
        other->about.kind != kernel::file_kind::socket || !claim_acceptor(*other)) {
        return WSAEINVAL;
    }
    auto held = file.detach();
    file_object& keeper = *held;
    io_operation* op = make_extended_operation<accept_work>(held, *overlapped);
    if (op == nullptr) {
        clear_socket_bits(*other, socket_bits::accepting);
        keeper.end_use();
        return WSAENOBUFS;
    }
    auto& work = *static_cast<accept_work*>(op->extra);
    work.acceptor = other.detach();
    work.output = static_cast<char*>(output);
    work.data_bytes = data_bytes;
    work.local_bytes = local_bytes;
    op->step = accept_step;
    op->settle = settle_accept;
    op->needs_turn = false;
    prepare_accept(*op);
    return launched(*op);
}

// --- ConnectEx and DisconnectEx ------------------------------------------------------------------

namespace {

struct connect_work {
    kernel::socket_address address;
    bool is_connected = false;
};

void prepare_greeting(io_operation& op) noexcept {
    op.transfer_op = kernel::io_op::send;
    prepare_transfer(op);
}

uint32_t connect_step(io_operation& op, int32_t res) noexcept {
    auto& work = *static_cast<connect_work*>(op.extra);
    if (work.is_connected) {
        return transfer_step(op, res);
    }
    const bool was_poll = op.op == kernel::io_op::poll;
    if (was_poll && res >= 0) {
        res = kernel::connect_result(op.fd);
    } else if (res == -EINPROGRESS || res == -EAGAIN || res == -EALREADY || res == -EINTR) {
        return go_on_when_ready(op, POLLOUT);
    }
    if (res < 0) {
        return failure_of(op, res);
    }
    work.is_connected = true;
    set_socket_bits(*op.file, socket_bits::connected | socket_bits::bound);
    if (op.wanted_bytes == 0) {
        return status::success;
    }
    prepare_greeting(op);
    return go_on(op);
}

uint32_t settle_connect(io_operation& op, uint32_t code) noexcept {
    // Else the next attempt would only be told that this one failed (R-SOCK-12).
    if (!static_cast<connect_work*>(op.extra)->is_connected) {
        kernel::forget_connect(op.fd);
    }
    return code;
}

ntstatus disconnect(file_object& file, bool is_reused) noexcept {
    // R-SOCK-13. The peer may have gone already.
    static_cast<void>(kernel::shut_socket(file.about.fd, SHUT_RDWR));
    if (!is_reused) {
        set_socket_bits(file, socket_bits::shut_send | socket_bits::shut_receive);
        return status::success;
    }
    const int error = kernel::renew_socket(file.about.fd);
    if (error < 0) {
        return status_of_errno(-error, io_domain::socket);
    }
    clear_socket_bits(file,
                      socket_bits::bound | socket_bits::connected | socket_bits::shut_send |
                          socket_bits::shut_receive);
    set_socket_bits(file, socket_bits::reused);
    return status::success;
}

uint32_t disconnect_step(io_operation& op, int32_t res) noexcept {
    return res < 0 ? failure_of(op, res) : disconnect(*op.file, false);
}

uint32_t reuse_step(io_operation& op, int32_t res) noexcept {
    return res < 0 ? failure_of(op, res) : disconnect(*op.file, true);
}

} // namespace

DWORD connect_ex(HANDLE socket,
                 const void* name,
                 int name_bytes,
                 void* data,
                 DWORD data_bytes,
                 LPOVERLAPPED overlapped) noexcept {
    DWORD error;
    socket_in_use file(socket, error);
    kernel::socket_address address;
    if (error == ERROR_SUCCESS) {
        error = overlapped == nullptr ? DWORD{WSA_INVALID_PARAMETER}
                                      : ws::read_address(name, name_bytes, address);
    }
    if (error != ERROR_SUCCESS) {
        return error;
    }
    if (has_socket_bit(*file, socket_bits::connected)) {
        return WSAEISCONN;
    }
    if (file->about.kind != kernel::file_kind::socket || !file->about.is_overlapped ||
        !has_socket_bit(*file, socket_bits::bound | socket_bits::reused) ||
        has_socket_bit(*file, socket_bits::listening)) {
        return WSAEINVAL;
    }
    auto held = file.detach();
    file_object& keeper = *held;
    io_operation* op = make_extended_operation<connect_work>(held, *overlapped);
    if (op == nullptr) {
        keeper.end_use();
        return WSAENOBUFS;
    }
    auto& work = *static_cast<connect_work*>(op->extra);
    work.address = address;
    op->step = connect_step;
    op->settle = settle_connect;
    op->is_write = true;
    op->needs_turn = false;
    op->buffer = static_cast<char*>(data);
    op->wanted_bytes = data != nullptr ? data_bytes : 0;
    op->start_offset = ~uint64_t{0};
    op->transfer_flags = transfer_flags_of(keeper, true, 0);
    op->op = kernel::io_op::connect;
    op->addr = work.address.get();
    op->len = work.address.bytes;
    return launched(*op);
}

DWORD disconnect_ex(HANDLE socket, LPOVERLAPPED overlapped, bool is_reused) noexcept {
    DWORD error;
    socket_in_use file(socket, error);
    if (!file) {
        return error;
    }
    if (file->about.kind != kernel::file_kind::socket || !is_connected(*file)) {
        return WSAENOTCONN;
    }
    if (overlapped == nullptr || !file->about.is_overlapped) {
        return wsa_of_status(disconnect(*file, is_reused));
    }
    auto held = file.detach();
    file_object& keeper = *held;
    io_operation* op = make_operation(held, *overlapped);
    if (op == nullptr) {
        keeper.end_use();
        return WSAENOBUFS;
    }
    op->step = is_reused ? reuse_step : disconnect_step;
    op->needs_turn = false;
    return launched(*op);
}

} // namespace rp::nt
