// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sockets: file objects with the calls of Windows Sockets on top. Everything here returns a WSA
// code (0: success) and takes addresses and constants as Windows writes them.
#include "kernel_iface/nt/file.hpp"

#include <windows.h>

#include <cstdint>
#include <span>

namespace rp::nt {

/// A WSABUF.
struct socket_buffer {
    ULONG bytes;
    char* data;
};

/// file_object::socket_state.
namespace socket_bits {
inline constexpr uint32_t non_blocking = 1;
inline constexpr uint32_t bound = 2;
inline constexpr uint32_t connected = 4; ///< known to be; else the kernel is asked
inline constexpr uint32_t listening = 8;
inline constexpr uint32_t shut_send = 16;
inline constexpr uint32_t shut_receive = 32;
inline constexpr uint32_t accepting = 64; ///< promised to an AcceptEx in flight
inline constexpr uint32_t reuses_address = 128;
inline constexpr uint32_t exclusive_address = 256;
inline constexpr uint32_t reused = 512; ///< after TF_REUSE_SOCKET: bound, as ConnectEx sees it
} // namespace socket_bits

[[nodiscard]] inline bool has_socket_bit(const file_object& file, uint32_t bit) noexcept {
    // mo: relaxed, each bit stands for itself; calls that depend on each other are ordered by the
    // program.
    return (file.socket_state.load(std::memory_order_relaxed) & bit) != 0;
}

inline void set_socket_bits(file_object& file, uint32_t bits) noexcept {
    // mo: relaxed, as above.
    file.socket_state.fetch_or(bits, std::memory_order_relaxed);
}

inline void clear_socket_bits(file_object& file, uint32_t bits) noexcept {
    // mo: relaxed, as above.
    file.socket_state.fetch_and(~bits, std::memory_order_relaxed);
}

/// A socket whose descriptor stays open for the length of a call.
class socket_in_use : public file_use {
public:
    /// `error` is 0 or WSAENOTSOCK.
    socket_in_use(HANDLE handle, DWORD& error) noexcept;
};

/// As the kernel sees it, when nothing is remembered.
[[nodiscard]] bool is_connected(file_object& file) noexcept;

[[nodiscard]] inline io_domain socket_domain(const file_object& file) noexcept {
    return file.about.kind == kernel::file_kind::datagram ? io_domain::datagram : io_domain::socket;
}

/// What a system call on the socket returned: 0, or the code of its -errno.
[[nodiscard]] inline DWORD wsa_failure(int result, const file_object& file) noexcept {
    return result < 0 ? wsa_of_errno(-result, socket_domain(file)) : DWORD{ERROR_SUCCESS};
}

DWORD create_socket(int family, int type, int protocol, bool is_overlapped, HANDLE& made) noexcept;
DWORD close_socket(HANDLE socket) noexcept;
DWORD bind_socket(HANDLE socket, const void* name, int bytes) noexcept;
DWORD listen_on_socket(HANDLE socket, int backlog) noexcept;
/// `peer` and `bytes` may be nullptr.
DWORD accept_socket(HANDLE socket, void* peer, int* bytes, HANDLE& made) noexcept;
DWORD connect_socket(HANDLE socket, const void* name, int bytes) noexcept;
DWORD shut_socket(HANDLE socket, int how) noexcept;
DWORD name_of_socket(HANDLE socket, bool of_peer, void* name, int* bytes) noexcept;
DWORD set_non_blocking(HANDLE socket, bool is_on) noexcept;
DWORD bytes_in_socket(HANDLE socket, uint32_t& bytes) noexcept;
DWORD get_socket_option(HANDLE socket, int level, int name, void* value, int* bytes) noexcept;
DWORD
set_socket_option(HANDLE socket, int level, int name, const void* value, int bytes) noexcept;

/// A send or receive, as called. Lives on the caller's stack; only the data and what `from`,
/// `from_bytes` point to must live until an overlapped one has ended (R-SOCK-2).
struct socket_call {
    HANDLE socket = nullptr;
    bool is_send = false;
    std::span<const socket_buffer> buffers;
    unsigned flags = 0;
    const void* to = nullptr; ///< send: address or nullptr
    int to_bytes = 0;
    void* from = nullptr; ///< receive: address or nullptr
    int* from_bytes = nullptr;
    LPOVERLAPPED overlapped = nullptr;
};

/// 0: done, `bytes` were moved. WSA_IO_PENDING: only with an OVERLAPPED on an overlapped socket.
DWORD transfer_on_socket(const socket_call& call, DWORD& bytes) noexcept;
/// Without OVERLAPPED; `file` is in use. (socket_transfer.cpp)
DWORD transfer_at_once(file_object& file, const socket_call& call, DWORD& bytes) noexcept;
/// With OVERLAPPED; takes over the use of `file`. (socket_operation.cpp)
DWORD start_transfer(ref<file_object> file, const socket_call& call) noexcept;

/// The same three as called; 0 or WSA_IO_PENDING or a failure without packet.
DWORD accept_ex(HANDLE listener,
                HANDLE acceptor,
                void* output,
                DWORD data_bytes,
                DWORD local_bytes,
                DWORD remote_bytes,
                LPOVERLAPPED overlapped) noexcept;
DWORD connect_ex(HANDLE socket,
                 const void* name,
                 int name_bytes,
                 void* data,
                 DWORD data_bytes,
                 LPOVERLAPPED overlapped) noexcept;
DWORD disconnect_ex(HANDLE socket, LPOVERLAPPED overlapped, bool is_reused) noexcept;

/// Where AcceptEx puts an address in its output buffer, and how to find it again.
inline constexpr DWORD address_block_overhead = 16;
void* find_address(void* block, int& bytes) noexcept;

} // namespace rp::nt
