// SPDX-License-Identifier: Apache-2.0
// Sockets and named pipes on a completion port, with cancels and closes at random: every operation
// that was started ends exactly once, and what arrives is what was sent.
#include "tests/stress/scale.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <mswsock.h>

#include <cstring>
#include <thread>

#include <winsock2.h>
#include <ws2tcpip.h>

using rp::test::random_source;
using rp::test::scaled;

namespace {

constexpr DWORD block_bytes = sizeof(sockaddr_in) + 16;

struct operation {
    OVERLAPPED overlapped = {};
    char data[2 * block_bytes + 8] = {};
    bool is_done = false;
    DWORD error = 0;
    DWORD bytes = 0;
};

/// Takes packets until `wanted` has ended; each operation may end once.
void collect(HANDLE port, const operation& wanted) {
    while (!wanted.is_done) {
        DWORD bytes = 0;
        ULONG_PTR key = 0;
        LPOVERLAPPED overlapped = nullptr;
        const BOOL is_good = GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 20'000);
        REQUIRE(overlapped != nullptr);
        auto* op = CONTAINING_RECORD(overlapped, operation, overlapped);
        REQUIRE_FALSE(op->is_done);
        op->is_done = true;
        op->error = is_good ? 0 : GetLastError();
        op->bytes = bytes;
    }
}

sockaddr_in loopback() {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

SOCKET bound_socket(HANDLE port, sockaddr_in& address) {
    const SOCKET s = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    REQUIRE(s != INVALID_SOCKET);
    address = loopback();
    int size = sizeof address;
    REQUIRE(bind(s, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(getsockname(s, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    REQUIRE(CreateIoCompletionPort(reinterpret_cast<HANDLE>(s), port, 0, 0) == port);
    return s;
}

struct sockets_started {
    sockets_started() {
        WSADATA data;
        REQUIRE(WSAStartup(MAKEWORD(2, 2), &data) == 0);
    }

    ~sockets_started() { WSACleanup(); }
};

LPFN_CONNECTEX find_connect_ex(SOCKET s) {
    GUID id = WSAID_CONNECTEX;
    LPFN_CONNECTEX found = nullptr;
    DWORD bytes = 0;
    REQUIRE(WSAIoctl(s,
                     SIO_GET_EXTENSION_FUNCTION_POINTER,
                     &id,
                     sizeof id,
                     &found,
                     sizeof found,
                     &bytes,
                     nullptr,
                     nullptr) == 0);
    return found;
}

bool is_expected(DWORD error) {
    return error == 0 || error == ERROR_OPERATION_ABORTED || error == ERROR_NETNAME_DELETED ||
           error == ERROR_CONNECTION_REFUSED || error == ERROR_CONNECTION_ABORTED;
}

} // namespace

TEST_CASE("R-SOCK-10: accepts and connects with random cancels and closes end exactly once") {
    const sockets_started started;
    random_source random(rp::test::seed());
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1);
    for (uint32_t round = 0; round < scaled(400); ++round) {
        sockaddr_in address;
        sockaddr_in own;
        SOCKET listener = bound_socket(port, address);
        REQUIRE(listen(listener, 8) == 0);
        const SOCKET acceptor = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
        const SOCKET client = bound_socket(port, own);
        const LPFN_CONNECTEX connect_ex = find_connect_ex(client);
        operation accept;
        operation connect;
        const DWORD room = random.below(2) == 0 ? 0 : 8;
        DWORD bytes = 0;
        REQUIRE_FALSE(AcceptEx(listener,
                               acceptor,
                               accept.data,
                               room,
                               block_bytes,
                               block_bytes,
                               &bytes,
                               &accept.overlapped));
        REQUIRE(WSAGetLastError() == WSA_IO_PENDING);
        std::thread disturber([&, choice = random.below(5)] {
            switch (choice) {
            case 0:
                (void)CancelIoEx(reinterpret_cast<HANDLE>(listener), nullptr);
                break;
            case 1:
                (void)CancelIoEx(reinterpret_cast<HANDLE>(client), &connect.overlapped);
                break;
            case 2:
                (void)closesocket(listener);
                listener = INVALID_SOCKET;
                break;
            default:
                break;
            }
        });
        char greeting[] = "12345678";
        const bool is_started = connect_ex(client,
                                           reinterpret_cast<sockaddr*>(&address),
                                           sizeof address,
                                           greeting,
                                           8,
                                           &bytes,
                                           &connect.overlapped) != FALSE ||
                                WSAGetLastError() == WSA_IO_PENDING;
        REQUIRE(is_started);
        disturber.join();
        collect(port, connect);
        if (connect.error != 0 && listener != INVALID_SOCKET) {
            (void)CancelIoEx(reinterpret_cast<HANDLE>(listener), nullptr);
        }
        closesocket(client);
        collect(port, accept);
        CHECK(is_expected(connect.error));
        CHECK(is_expected(accept.error));
        if (accept.error == 0) {
            char got[8] = {};
            std::memcpy(got, accept.data, accept.bytes);
            int have = static_cast<int>(accept.bytes);
            while (have < 8) {
                const int more = recv(acceptor, got + have, 8 - have, 0);
                if (more <= 0) {
                    break;
                }
                have += more;
            }
            CHECK(std::memcmp(got, greeting, static_cast<size_t>(have)) == 0);
            CHECK((have == 8 || connect.error != 0));
        }
        closesocket(acceptor);
        if (listener != INVALID_SOCKET) {
            closesocket(listener);
        }
    }
    CloseHandle(port);
}

TEST_CASE(
    "W32-PIPE-6: a client and a cancel race for a ConnectNamedPipe, and no byte is left over") {
    random_source random(rp::test::seed());
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1);
    const char* name = "\\\\.\\pipe\\rp-stress";
    HANDLE server = CreateNamedPipeA(
        name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 1, 0, 0, 0, nullptr);
    REQUIRE(server != INVALID_HANDLE_VALUE);
    REQUIRE(CreateIoCompletionPort(server, port, 0, 0) == port);
    for (uint32_t round = 0; round < scaled(2000); ++round) {
        operation connect;
        operation read;
        REQUIRE_FALSE(ConnectNamedPipe(server, &connect.overlapped));
        REQUIRE(GetLastError() == ERROR_IO_PENDING);
        const bool is_cancelled = random.below(2) == 0;
        std::thread canceller([&] {
            if (is_cancelled) {
                (void)CancelIoEx(server, nullptr);
            }
        });
        HANDLE client = CreateFileA(name, GENERIC_WRITE, 0, nullptr, OPEN_EXISTING, 0, nullptr);
        REQUIRE(client != INVALID_HANDLE_VALUE);
        canceller.join();
        collect(port, connect);
        CHECK((connect.error == 0 || (is_cancelled && connect.error == ERROR_OPERATION_ABORTED)));
        DWORD bytes = 0;
        REQUIRE(WriteFile(client, "x", 1, &bytes, nullptr));
        REQUIRE_FALSE(ReadFile(server, read.data, 8, nullptr, &read.overlapped));
        REQUIRE(GetLastError() == ERROR_IO_PENDING);
        if (random.below(4) == 0) {
            CHECK(DisconnectNamedPipe(server));
            CHECK(CloseHandle(client));
            collect(port, read);
            CHECK((read.error == 0 || read.error == ERROR_PIPE_NOT_CONNECTED));
        } else {
            collect(port, read);
            CHECK(read.error == 0);
            CHECK(CloseHandle(client));
            CHECK(DisconnectNamedPipe(server));
        }
        if (read.error == 0) {
            CHECK(read.bytes == 1);
            CHECK(read.data[0] == 'x');
        }
    }
    CHECK(CloseHandle(server));
    CHECK(CloseHandle(port));
}
