// SPDX-License-Identifier: Apache-2.0
// The WSA forms of sends and receives, and Microsoft's extensions.
#include "kernel_iface/nt/operation.hpp"
#include "kernel_iface/nt/socket.hpp"
#include "kernel_iface/nt/wait.hpp"
#include "runtime/export.hpp"
#include "runtime/winsock/startup.hpp"

#include <mswsock.h>

#include <cstring>

namespace nt = rp::nt;
using rp::winsock::checked;
using rp::winsock::handle_of;

namespace {

/// WSASend and its kin. `moved` may be nullptr where the documentation says so.
int transfer(nt::socket_call& call,
             LPWSABUF buffers,
             DWORD count,
             LPDWORD moved,
             LPWSAOVERLAPPED overlapped,
             LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) noexcept {
    return checked([&]() -> DWORD {
        if (buffers == nullptr || count == 0) {
            return buffers == nullptr ? WSAEFAULT : WSAEINVAL;
        }
        if (overlapped == nullptr && moved == nullptr) {
            return WSAEFAULT;
        }
        if (overlapped != nullptr && routine != nullptr) {
            return WSAEOPNOTSUPP;
        }
        call.buffers = {reinterpret_cast<const nt::socket_buffer*>(buffers), count};
        call.overlapped = overlapped;
        DWORD bytes = 0;
        const DWORD error = nt::transfer_on_socket(call, bytes);
        if (moved != nullptr && error != WSA_IO_PENDING) {
            *moved = bytes;
        }
        return error;
    });
}

/// TRUE, or FALSE with the code: how the extensions of mswsock.h answer.
template <class Body>
BOOL extension_result(const Body& body) noexcept {
    return checked(body) == 0 ? TRUE : FALSE;
}

BOOL PASCAL connect_ex(SOCKET s,
                       const struct sockaddr* name,
                       int namelen,
                       PVOID lpSendBuffer,
                       DWORD dwSendDataLength,
                       LPDWORD /*lpdwBytesSent*/,
                       LPOVERLAPPED lpOverlapped) {
    return extension_result([&] {
        return nt::connect_ex(
            handle_of(s), name, namelen, lpSendBuffer, dwSendDataLength, lpOverlapped);
    });
}

BOOL PASCAL disconnect_ex(SOCKET s, LPOVERLAPPED lpOverlapped, DWORD dwFlags, DWORD dwReserved) {
    return extension_result([&]() -> DWORD {
        if (dwReserved != 0 || (dwFlags & ~DWORD{TF_REUSE_SOCKET}) != 0) {
            return WSAEINVAL;
        }
        return nt::disconnect_ex(handle_of(s), lpOverlapped, (dwFlags & TF_REUSE_SOCKET) != 0);
    });
}

using any_function = void (*)();

struct extension {
    GUID id;
    any_function function;
};

/// The function of an id, or nullptr.
any_function find_extension(const GUID& id) noexcept {
    const extension known[] = {
        {WSAID_ACCEPTEX, reinterpret_cast<any_function>(AcceptEx)},
        {WSAID_GETACCEPTEXSOCKADDRS, reinterpret_cast<any_function>(GetAcceptExSockaddrs)},
        {WSAID_CONNECTEX, reinterpret_cast<any_function>(connect_ex)},
        {WSAID_DISCONNECTEX, reinterpret_cast<any_function>(disconnect_ex)},
    };
    for (const extension& one : known) {
        if (std::memcmp(&one.id, &id, sizeof id) == 0) {
            return one.function;
        }
    }
    return nullptr;
}

DWORD extension_pointer(const void* in, DWORD in_bytes, void* out, DWORD out_bytes) noexcept {
    if (in == nullptr || out == nullptr || in_bytes < sizeof(GUID) ||
        out_bytes < sizeof(any_function)) {
        return WSAEFAULT;
    }
    GUID id;
    std::memcpy(&id, in, sizeof id);
    const any_function function = find_extension(id);
    std::memcpy(out, &function, sizeof function);
    return function != nullptr ? ERROR_SUCCESS : WSAEINVAL;
}

} // namespace

RP_EXPORT int WSAAPI WSASend(SOCKET s,
                             LPWSABUF lpBuffers,
                             DWORD dwBufferCount,
                             LPDWORD lpNumberOfBytesSent,
                             DWORD dwFlags,
                             LPWSAOVERLAPPED lpOverlapped,
                             LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine) {
    return WSASendTo(s,
                     lpBuffers,
                     dwBufferCount,
                     lpNumberOfBytesSent,
                     dwFlags,
                     nullptr,
                     0,
                     lpOverlapped,
                     lpCompletionRoutine);
}

RP_EXPORT int WSAAPI WSARecv(SOCKET s,
                             LPWSABUF lpBuffers,
                             DWORD dwBufferCount,
                             LPDWORD lpNumberOfBytesRecvd,
                             LPDWORD lpFlags,
                             LPWSAOVERLAPPED lpOverlapped,
                             LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine) {
    return WSARecvFrom(s,
                       lpBuffers,
                       dwBufferCount,
                       lpNumberOfBytesRecvd,
                       lpFlags,
                       nullptr,
                       nullptr,
                       lpOverlapped,
                       lpCompletionRoutine);
}

RP_EXPORT int WSAAPI WSASendTo(SOCKET s,
                               LPWSABUF lpBuffers,
                               DWORD dwBufferCount,
                               LPDWORD lpNumberOfBytesSent,
                               DWORD dwFlags,
                               const struct sockaddr* lpTo,
                               int iTolen,
                               LPWSAOVERLAPPED lpOverlapped,
                               LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine) {
    nt::socket_call call;
    call.socket = handle_of(s);
    call.is_send = true;
    call.flags = dwFlags;
    call.to = lpTo;
    call.to_bytes = iTolen;
    return transfer(
        call, lpBuffers, dwBufferCount, lpNumberOfBytesSent, lpOverlapped, lpCompletionRoutine);
}

RP_EXPORT int WSAAPI WSARecvFrom(SOCKET s,
                                 LPWSABUF lpBuffers,
                                 DWORD dwBufferCount,
                                 LPDWORD lpNumberOfBytesRecvd,
                                 LPDWORD lpFlags,
                                 struct sockaddr* lpFrom,
                                 LPINT lpFromlen,
                                 LPWSAOVERLAPPED lpOverlapped,
                                 LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine) {
    if (lpFlags == nullptr) {
        return checked([]() -> DWORD { return WSAEFAULT; });
    }
    nt::socket_call call;
    call.socket = handle_of(s);
    call.flags = *lpFlags;
    call.from = lpFrom;
    call.from_bytes = lpFromlen;
    const int result = transfer(
        call, lpBuffers, dwBufferCount, lpNumberOfBytesRecvd, lpOverlapped, lpCompletionRoutine);
    if (result == 0) {
        *lpFlags = 0;
    }
    return result;
}

RP_EXPORT BOOL WSAAPI WSAGetOverlappedResult(
    SOCKET s, LPWSAOVERLAPPED lpOverlapped, LPDWORD lpcbTransfer, BOOL fWait, LPDWORD lpdwFlags) {
    return extension_result([&]() -> DWORD {
        if (lpOverlapped == nullptr || lpcbTransfer == nullptr || lpdwFlags == nullptr) {
            return WSAEFAULT;
        }
        DWORD error;
        if (const nt::socket_in_use file(handle_of(s), error); !file) {
            return error;
        }
        const int64_t deadline_ns = nt::deadline_after_ms(fWait != FALSE ? INFINITE : 0);
        const DWORD waited =
            nt::overlapped_result(handle_of(s), lpOverlapped, *lpcbTransfer, deadline_ns);
        const nt::ntstatus code = nt::overlapped_status(*lpOverlapped);
        if (code == nt::status::pending) {
            return waited;
        }
        *lpdwFlags = code == nt::status::buffer_overflow ? DWORD{MSG_PARTIAL} : 0;
        return nt::wsa_of_status(code); // R-SOCK-8
    });
}

RP_EXPORT int WSAAPI WSAIoctl(SOCKET s,
                              DWORD dwIoControlCode,
                              LPVOID lpvInBuffer,
                              DWORD cbInBuffer,
                              LPVOID lpvOutBuffer,
                              DWORD cbOutBuffer,
                              LPDWORD lpcbBytesReturned,
                              LPWSAOVERLAPPED /*lpOverlapped*/,
                              LPWSAOVERLAPPED_COMPLETION_ROUTINE /*lpCompletionRoutine*/) {
    return checked([&]() -> DWORD {
        DWORD error;
        if (const nt::socket_in_use file(handle_of(s), error); !file) {
            return error;
        }
        if (lpcbBytesReturned == nullptr) {
            return WSAEFAULT;
        }
        *lpcbBytesReturned = 0;
        // None of these takes time, so none ends later (R-SOCK-1).
        switch (dwIoControlCode) {
        case SIO_GET_EXTENSION_FUNCTION_POINTER:
            error = extension_pointer(lpvInBuffer, cbInBuffer, lpvOutBuffer, cbOutBuffer);
            *lpcbBytesReturned = error == ERROR_SUCCESS ? sizeof(any_function) : 0;
            return error;
        case FIONBIO: {
            u_long is_on = 0;
            if (lpvInBuffer == nullptr || cbInBuffer < sizeof is_on) {
                return WSAEFAULT;
            }
            std::memcpy(&is_on, lpvInBuffer, sizeof is_on);
            return nt::set_non_blocking(handle_of(s), is_on != 0);
        }
        case FIONREAD: {
            u_long bytes = 0;
            if (lpvOutBuffer == nullptr || cbOutBuffer < sizeof bytes) {
                return WSAEFAULT;
            }
            error = nt::bytes_in_socket(handle_of(s), bytes);
            std::memcpy(lpvOutBuffer, &bytes, sizeof bytes);
            *lpcbBytesReturned = error == ERROR_SUCCESS ? sizeof bytes : 0;
            return error;
        }
        default:
            return WSAEOPNOTSUPP;
        }
    });
}

RP_EXPORT BOOL WINAPI AcceptEx(SOCKET sListenSocket,
                               SOCKET sAcceptSocket,
                               PVOID lpOutputBuffer,
                               DWORD dwReceiveDataLength,
                               DWORD dwLocalAddressLength,
                               DWORD dwRemoteAddressLength,
                               LPDWORD /*lpdwBytesReceived*/,
                               LPOVERLAPPED lpOverlapped) {
    return extension_result([&] {
        return nt::accept_ex(handle_of(sListenSocket),
                             handle_of(sAcceptSocket),
                             lpOutputBuffer,
                             dwReceiveDataLength,
                             dwLocalAddressLength,
                             dwRemoteAddressLength,
                             lpOverlapped);
    });
}

RP_EXPORT VOID WINAPI GetAcceptExSockaddrs(PVOID lpOutputBuffer,
                                           DWORD dwReceiveDataLength,
                                           DWORD dwLocalAddressLength,
                                           DWORD /*dwRemoteAddressLength*/,
                                           struct sockaddr** LocalSockaddr,
                                           LPINT LocalSockaddrLength,
                                           struct sockaddr** RemoteSockaddr,
                                           LPINT RemoteSockaddrLength) {
    char* local = static_cast<char*>(lpOutputBuffer) + dwReceiveDataLength;
    char* remote = local + dwLocalAddressLength;
    *LocalSockaddr = static_cast<struct sockaddr*>(nt::find_address(local, *LocalSockaddrLength));
    *RemoteSockaddr =
        static_cast<struct sockaddr*>(nt::find_address(remote, *RemoteSockaddrLength));
}
