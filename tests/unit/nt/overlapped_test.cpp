// SPDX-License-Identifier: Apache-2.0
// Overlapped operations, each test on threads and on a ring.
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/file_info.hpp"
#include "kernel_iface/nt/file_open.hpp"
#include "kernel_iface/nt/handle_table.hpp"
#include "kernel_iface/nt/operation.hpp"
#include "kernel_iface/nt/wait.hpp"
#include "tests/unit/nt/sinks.hpp"
#include "tests/unit/nt/temp_file.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

using namespace rp::nt;
using rp::test::read_file;
using rp::test::temp_directory;
using rp::test::write_file;

namespace {

/// Runs the rest of the test case once per sink.
#define ON_EACH_SINK                                                                               \
    bool wants_ring = false;                                                                       \
    SUBCASE("threads") {                                                                           \
        wants_ring = false;                                                                        \
    }                                                                                              \
    SUBCASE("ring") {                                                                              \
        wants_ring = true;                                                                         \
    }                                                                                              \
    if (wants_ring && !rp::test::shared_ring_sink().is_usable()) {                                 \
        rp::test::skip_missing("io_uring: " + rp::kernel::probed_ring_caps().cause);               \
        return;                                                                                    \
    }                                                                                              \
    const rp::test::sink_choice chosen(wants_ring)

HANDLE open_overlapped(const std::string& name, DWORD disposition = OPEN_EXISTING) {
    HANDLE made = nullptr;
    CHECK(is_success(create_file({name.c_str(),
                                  GENERIC_READ | GENERIC_WRITE,
                                  FILE_SHARE_READ | FILE_SHARE_WRITE,
                                  disposition,
                                  FILE_FLAG_OVERLAPPED,
                                  false},
                                 made)));
    return made;
}

ntstatus start_read(HANDLE file, void* buffer, DWORD bytes, OVERLAPPED& at) {
    return transfer({file, false, buffer, bytes, nullptr, &at});
}

ntstatus start_write(HANDLE file, const void* data, DWORD bytes, OVERLAPPED& at) {
    return transfer({file, true, const_cast<void*>(data), bytes, nullptr, &at});
}

struct result {
    DWORD error;
    DWORD bytes;
    bool operator==(const result&) const = default;
};

std::ostream& operator<<(std::ostream& out, const result& value) {
    return out << "error " << value.error << ", bytes " << value.bytes;
}

result wait_for(HANDLE file, OVERLAPPED& at) {
    result got{0, 0};
    got.error = overlapped_result(file, &at, got.bytes, deadline_after_ms(20'000));
    return got;
}

bool is_signaled(HANDLE handle) {
    return wait_handles({&handle, 1}, false, poll_deadline) == status::success;
}

/// Both ends as handles; closes what is still open.
struct handle_pair {
    HANDLE reader = nullptr;
    HANDLE writer = nullptr;

    static handle_pair of(const int (&fds)[2]) {
        handle_pair made;
        CHECK(handle_from_fd(fds[0], true, made.reader) == status::success);
        CHECK(handle_from_fd(fds[1], true, made.writer) == status::success);
        return made;
    }

    static handle_pair pipe(int flags = 0) {
        int fds[2];
        REQUIRE(pipe2(fds, O_CLOEXEC | flags) == 0);
        return of(fds);
    }

    static handle_pair sockets(int type) {
        int fds[2];
        REQUIRE(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) == 0);
        return of(fds);
    }

    ~handle_pair() {
        close_handle(reader);
        close_handle(writer);
    }

    handle_pair() = default;

    handle_pair(handle_pair&& other) noexcept
        : reader(std::exchange(other.reader, nullptr)),
          writer(std::exchange(other.writer, nullptr)) {}

    handle_pair& operator=(handle_pair&&) = delete;
};

std::string pattern(size_t bytes, unsigned seed) {
    std::string data(bytes, '\0');
    for (size_t i = 0; i < bytes; ++i) {
        data[i] = static_cast<char>(i * 31 + i / 509 + seed);
    }
    return data;
}

} // namespace

TEST_CASE("R-FILE-2: an overlapped handle needs an OVERLAPPED; a bad hEvent is 6") {
    ON_EACH_SINK;
    const temp_directory directory;
    const HANDLE file = open_overlapped(directory.file("f"), CREATE_ALWAYS);
    char byte = 'x';
    DWORD moved = 9;
    CHECK(transfer({file, true, &byte, 1, &moved, nullptr}) == status::invalid_parameter);
    CHECK(moved == 0);
    OVERLAPPED at{};
    at.hEvent = INVALID_HANDLE_VALUE;
    CHECK(win32_of_status(start_write(file, &byte, 1, at)) == ERROR_INVALID_HANDLE);
    at.hEvent = file;
    CHECK(win32_of_status(start_write(file, &byte, 1, at)) == ERROR_INVALID_HANDLE);
    at.hEvent = nullptr;
    at.OffsetHigh = 0x80000000;
    CHECK(win32_of_status(start_write(file, &byte, 1, at)) == ERROR_INVALID_PARAMETER);
    at.OffsetHigh = 0;
    CHECK(win32_of_status(start_read(file, nullptr, 1, at)) == ERROR_NOACCESS);
    close_handle(file);
    CHECK(win32_of_status(start_read(file, &byte, 1, at)) == ERROR_INVALID_HANDLE);
}

TEST_CASE("R-FILE-3, R-IO-11: reads and writes are pending, then complete with their count") {
    ON_EACH_SINK;
    const temp_directory directory;
    const HANDLE file = open_overlapped(directory.file("f"), CREATE_ALWAYS);
    const std::string data = pattern(100'000, 1);
    OVERLAPPED at{};
    at.Offset = 500;
    CHECK(start_write(file, data.data(), 100'000, at) == status::pending);
    CHECK(wait_for(file, at) == result{0, 100'000});
    CHECK(at.Internal == 0);
    CHECK(at.InternalHigh == 100'000);
    CHECK(at.Offset == 500); // R-OVL-3
    std::string back(100'000, '\0');
    CHECK(start_read(file, back.data(), 100'000, at) == status::pending);
    CHECK(wait_for(file, at) == result{0, 100'000});
    CHECK(back == data);
    close_handle(file);
}

TEST_CASE("R-FILE-4, R-IO-31: past the end is 38 with 0 bytes; before it, what is there") {
    ON_EACH_SINK;
    const temp_directory directory;
    write_file(directory.file("f"), "0123456789");
    const HANDLE file = open_overlapped(directory.file("f"));
    std::array<char, 64> buffer;
    OVERLAPPED at{};
    at.Offset = 7;
    CHECK(start_read(file, buffer.data(), 64, at) == status::pending);
    CHECK(wait_for(file, at) == result{0, 3});
    at.Offset = 10;
    CHECK(start_read(file, buffer.data(), 64, at) == status::pending);
    CHECK(wait_for(file, at) == result{ERROR_HANDLE_EOF, 0});
    CHECK(at.Internal == status::end_of_file);
    close_handle(file);
}

TEST_CASE("R-IO-30: zero-byte operations complete with 0 bytes on every kind of file") {
    ON_EACH_SINK;
    const temp_directory directory;
    const HANDLE file = open_overlapped(directory.file("f"), CREATE_ALWAYS);
    const handle_pair ends = handle_pair::pipe();
    const handle_pair sockets = handle_pair::sockets(SOCK_STREAM);
    OVERLAPPED at{};
    for (const HANDLE reader : {file, ends.reader, sockets.reader}) {
        CHECK(start_read(reader, nullptr, 0, at) == status::pending);
        CHECK(wait_for(reader, at) == result{0, 0});
    }
    for (const HANDLE writer : {file, ends.writer, sockets.writer}) {
        CHECK(start_write(writer, nullptr, 0, at) == status::pending);
        CHECK(wait_for(writer, at) == result{0, 0});
    }
    close_handle(file);
}

TEST_CASE("R-FILE-6: a write at 0xFFFFFFFFFFFFFFFF appends") {
    ON_EACH_SINK;
    const temp_directory directory;
    write_file(directory.file("f"), "abc");
    const HANDLE file = open_overlapped(directory.file("f"));
    OVERLAPPED at{};
    at.Offset = 0xFFFFFFFF;
    at.OffsetHigh = 0xFFFFFFFF;
    for (int i = 0; i < 3; ++i) {
        CHECK(start_write(file, "de", 2, at) == status::pending);
        CHECK(wait_for(file, at) == result{0, 2});
    }
    CHECK(read_file(directory.file("f")) == "abcdedede");
    CHECK(start_read(file, &at, 1, at) == status::invalid_parameter);
    close_handle(file);
}

TEST_CASE("R-OVL-2, R-IO-26: hEvent is reset at the start and set at the end") {
    ON_EACH_SINK;
    const handle_pair ends = handle_pair::pipe();
    HANDLE event = nullptr;
    REQUIRE(create_event(true, true, {}, event) == status::success);
    OVERLAPPED at{};
    at.hEvent = event;
    char byte = 0;
    CHECK(start_read(ends.reader, &byte, 1, at) == status::pending);
    CHECK_FALSE(is_signaled(event));
    CHECK(overlapped_status(at) == status::pending);
    DWORD bytes = 0;
    CHECK(overlapped_result(ends.reader, &at, bytes, poll_deadline) == ERROR_IO_INCOMPLETE);
    CHECK(overlapped_result(ends.reader, &at, bytes, deadline_after_ms(5)) == WAIT_TIMEOUT);
    OVERLAPPED out{};
    CHECK(start_write(ends.writer, "x", 1, out) == status::pending);
    CHECK(wait_for(ends.reader, at) == result{0, 1});
    CHECK(wait_for(ends.writer, out) == result{0, 1});
    CHECK(is_signaled(event));
    CHECK_FALSE(is_signaled(ends.reader));
    close_handle(event);
}

TEST_CASE("R-IO-26: without hEvent the file handle is signalled, unless told not to") {
    ON_EACH_SINK;
    const temp_directory directory;
    const HANDLE file = open_overlapped(directory.file("f"), CREATE_ALWAYS);
    CHECK_FALSE(is_signaled(file));
    OVERLAPPED at{};
    CHECK(start_write(file, "abc", 3, at) == status::pending);
    const HANDLE set[] = {file};
    CHECK(wait_handles(set, false, deadline_after_ms(20'000)) == status::success);
    CHECK(overlapped_status(at) == status::success);
    CHECK(set_notification_modes(file, 4) == status::invalid_parameter);
    CHECK(set_notification_modes(file, FILE_SKIP_SET_EVENT_ON_HANDLE) == status::success);
    CHECK(set_notification_modes(file, 0) == status::success); // R-IOCP-7: stays set
    CHECK(start_write(file, "abc", 3, at) == status::pending);
    CHECK(wait_for(file, at) == result{0, 3});
    CHECK_FALSE(is_signaled(file));
    close_handle(file);
}

TEST_CASE("R-OVL-6: several operations on one handle are waited for separately") {
    ON_EACH_SINK;
    const handle_pair ends = handle_pair::pipe();
    std::array<char, 4> bytes{};
    std::array<OVERLAPPED, 4> reads{};
    for (size_t i = 0; i < 4; ++i) {
        CHECK(start_read(ends.reader, &bytes[i], 1, reads[i]) == status::pending);
    }
    std::thread waiter([&] { CHECK(wait_for(ends.reader, reads[3]) == result{0, 1}); });
    for (const char* text : {"a", "b", "c", "d"}) {
        OVERLAPPED out{};
        CHECK(start_write(ends.writer, text, 1, out) == status::pending);
        CHECK(wait_for(ends.writer, out) == result{0, 1});
    }
    waiter.join();
    for (size_t i = 0; i < 3; ++i) {
        CHECK(wait_for(ends.reader, reads[i]) == result{0, 1});
    }
    CHECK(std::string(bytes.data(), 4) == "abcd"); // R-SOCK-4: filled in posting order
}

TEST_CASE("R-FILE-5: a pipe without writer ends with 109, one without reader with 232") {
    ON_EACH_SINK;
    {
        handle_pair ends = handle_pair::pipe();
        OVERLAPPED at{};
        char byte = 0;
        CHECK(start_read(ends.reader, &byte, 1, at) == status::pending);
        close_handle(ends.writer);
        CHECK(wait_for(ends.reader, at) == result{ERROR_BROKEN_PIPE, 0});
        CHECK(start_read(ends.reader, &byte, 1, at) == status::pending);
        CHECK(wait_for(ends.reader, at) == result{ERROR_BROKEN_PIPE, 0});
    }
    handle_pair ends = handle_pair::pipe();
    close_handle(ends.reader);
    OVERLAPPED at{};
    CHECK(start_write(ends.writer, "x", 1, at) == status::pending);
    CHECK(wait_for(ends.writer, at) == result{ERROR_NO_DATA, 0});
}

TEST_CASE("R-SOCK-3, R-SOCK-8: a closed peer is success with 0 bytes, a reset one is 64") {
    ON_EACH_SINK;
    std::array<char, 16> buffer;
    OVERLAPPED at{};
    {
        handle_pair ends = handle_pair::sockets(SOCK_STREAM);
        CHECK(start_read(ends.reader, buffer.data(), 16, at) == status::pending);
        close_handle(ends.writer);
        CHECK(wait_for(ends.reader, at) == result{0, 0});
        CHECK(start_write(ends.reader, "x", 1, at) == status::pending);
        CHECK(wait_for(ends.reader, at) == result{ERROR_NETNAME_DELETED, 0});
    }
    handle_pair ends = handle_pair::sockets(SOCK_STREAM);
    OVERLAPPED out{};
    CHECK(start_write(ends.reader, "unread", 6, out) == status::pending);
    CHECK(wait_for(ends.reader, out) == result{0, 6});
    close_handle(ends.writer); // with unread data: a reset
    CHECK(start_read(ends.reader, buffer.data(), 16, at) == status::pending);
    CHECK(wait_for(ends.reader, at) == result{ERROR_NETNAME_DELETED, 0});
}

TEST_CASE("R-SOCK-4: a send completes when all is out, and sends keep their order") {
    ON_EACH_SINK;
    for (const bool is_socket : {true, false}) {
        CAPTURE(is_socket);
        const handle_pair ends =
            is_socket ? handle_pair::sockets(SOCK_STREAM) : handle_pair::pipe();
        constexpr DWORD bytes_each = 700'000;
        std::array<std::string, 4> sent;
        std::array<OVERLAPPED, 4> sends{};
        std::string expected;
        for (unsigned i = 0; i < 4; ++i) {
            sent[i] = pattern(bytes_each, i * 13);
            expected += sent[i];
            CHECK(start_write(ends.writer, sent[i].data(), bytes_each, sends[i]) ==
                  status::pending);
        }
        std::string got;
        std::vector<char> piece(50'000);
        while (got.size() < expected.size()) {
            OVERLAPPED at{};
            REQUIRE(start_read(ends.reader, piece.data(), 50'000, at) == status::pending);
            const result one = wait_for(ends.reader, at);
            REQUIRE(one.error == 0);
            got.append(piece.data(), one.bytes);
        }
        CHECK((got == expected));
        for (OVERLAPPED& send : sends) {
            CHECK(wait_for(ends.writer, send) == result{0, bytes_each});
        }
    }
}

TEST_CASE("non-blocking descriptors behave like blocking ones") {
    ON_EACH_SINK;
    for (const bool is_socket : {true, false}) {
        CAPTURE(is_socket);
        const handle_pair ends = is_socket ? handle_pair::sockets(SOCK_STREAM | SOCK_NONBLOCK)
                                           : handle_pair::pipe(O_NONBLOCK);
        OVERLAPPED at{};
        std::array<char, 8> buffer{};
        CHECK(start_read(ends.reader, buffer.data(), 8, at) == status::pending);
        DWORD bytes = 0;
        CHECK(overlapped_result(ends.reader, &at, bytes, deadline_after_ms(5)) == WAIT_TIMEOUT);
        const std::string data = pattern(400'000, 3); // does not fit: the write polls, too
        OVERLAPPED out{};
        CHECK(start_write(ends.writer, data.data(), 400'000, out) == status::pending);
        CHECK(wait_for(ends.reader, at) == result{0, 8});
        std::string got(buffer.data(), 8);
        std::vector<char> piece(30'000);
        while (got.size() < data.size()) {
            REQUIRE(start_read(ends.reader, piece.data(), 30'000, at) == status::pending);
            const result one = wait_for(ends.reader, at);
            REQUIRE(one.error == 0);
            got.append(piece.data(), one.bytes);
        }
        CHECK((got == data));
        CHECK(wait_for(ends.writer, out) == result{0, 400'000});
        // A poll that waits can be cancelled.
        CHECK(start_read(ends.reader, buffer.data(), 8, at) == status::pending);
        CHECK(cancel_io(ends.reader, &at, 0) == status::success);
        CHECK(wait_for(ends.reader, at) == result{ERROR_OPERATION_ABORTED, 0});
    }
}

TEST_CASE("R-SOCK-6: a datagram larger than the buffer is 234 with a full buffer") {
    ON_EACH_SINK;
    const handle_pair ends = handle_pair::sockets(SOCK_DGRAM);
    OVERLAPPED at{};
    OVERLAPPED out{};
    std::array<char, 4> buffer{};
    CHECK(start_read(ends.reader, buffer.data(), 4, at) == status::pending);
    CHECK(start_write(ends.writer, "0123456789", 10, out) == status::pending);
    CHECK(wait_for(ends.writer, out) == result{0, 10});
    CHECK(wait_for(ends.reader, at) == result{ERROR_MORE_DATA, 4});
    CHECK(std::memcmp(buffer.data(), "0123", 4) == 0);
    CHECK(start_write(ends.writer, "", 0, out) == status::pending);
    CHECK(wait_for(ends.writer, out) == result{0, 0});
    CHECK(start_read(ends.reader, buffer.data(), 4, at) == status::pending);
    CHECK(wait_for(ends.reader, at) == result{0, 0}); // the empty datagram
}

TEST_CASE("R-FILE-7: an inaccessible buffer ends with 998") {
    ON_EACH_SINK;
    const temp_directory directory;
    write_file(directory.file("f"), "0123456789");
    const HANDLE file = open_overlapped(directory.file("f"));
    OVERLAPPED at{};
    CHECK(start_read(file, reinterpret_cast<void*>(uintptr_t{0x7000000000}), 4, at) ==
          status::pending);
    CHECK(wait_for(file, at) == result{ERROR_NOACCESS, 0});
    close_handle(file);
}

TEST_CASE("R-CANCEL-1: CancelIoEx ends one operation, or all, or finds none (1168)") {
    ON_EACH_SINK;
    const handle_pair ends = handle_pair::pipe();
    CHECK(win32_of_status(cancel_io(ends.reader, nullptr, 0)) == ERROR_NOT_FOUND);
    CHECK(cancel_io(nullptr, nullptr, 0) == status::invalid_handle);
    std::array<OVERLAPPED, 40> reads{}; // more than one round of victims
    std::array<char, 40> bytes{};
    for (size_t i = 0; i < reads.size(); ++i) {
        CHECK(start_read(ends.reader, &bytes[i], 1, reads[i]) == status::pending);
    }
    // One that waits for its turn: it must end at once although those before it do not.
    CHECK(cancel_io(ends.reader, &reads[7], 0) == status::success);
    CHECK(wait_for(ends.reader, reads[7]) == result{ERROR_OPERATION_ABORTED, 0});
    CHECK(reads[7].Internal == status::cancelled);
    CHECK(win32_of_status(cancel_io(ends.reader, &reads[7], 0)) == ERROR_NOT_FOUND);
    // The armed one: the next takes its turn.
    CHECK(cancel_io(ends.reader, reads.data(), 0) == status::success);
    CHECK(wait_for(ends.reader, reads[0]) == result{ERROR_OPERATION_ABORTED, 0});
    OVERLAPPED out{};
    CHECK(start_write(ends.writer, "x", 1, out) == status::pending);
    CHECK(wait_for(ends.reader, reads[1]) == result{0, 1});
    CHECK(bytes[1] == 'x');
    CHECK(cancel_io(ends.reader, nullptr, 0) == status::success);
    for (size_t i = 2; i < reads.size(); ++i) {
        if (i != 7) {
            CHECK(wait_for(ends.reader, reads[i]) == result{ERROR_OPERATION_ABORTED, 0});
        }
    }
    CHECK(wait_for(ends.writer, out) == result{0, 1});
}

TEST_CASE("R-CANCEL-2: CancelIo ends only what the calling thread issued") {
    ON_EACH_SINK;
    const handle_pair ends = handle_pair::pipe();
    OVERLAPPED mine{};
    OVERLAPPED other{};
    std::array<char, 2> bytes{};
    const auto me = static_cast<uint32_t>(gettid());
    std::thread([&] {
        CHECK(start_read(ends.reader, &bytes[0], 1, other) == status::pending);
    }).join();
    CHECK(start_read(ends.reader, &bytes[1], 1, mine) == status::pending);
    CHECK(cancel_io(ends.reader, nullptr, me) == status::success);
    CHECK(wait_for(ends.reader, mine) == result{ERROR_OPERATION_ABORTED, 0});
    CHECK(overlapped_status(other) == status::pending);
    CHECK(cancel_io(ends.reader, nullptr, me) == status::not_found);
    CHECK(cancel_io(ends.reader, &other, 0) == status::success);
    CHECK(wait_for(ends.reader, other) == result{ERROR_OPERATION_ABORTED, 0});
}

TEST_CASE("R-IO-22: closing a handle cancels what is in flight and then closes the descriptor") {
    ON_EACH_SINK;
    int fds[2];
    REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
    HANDLE reader = nullptr;
    REQUIRE(handle_from_fd(fds[0], true, reader) == status::success);
    HANDLE event = nullptr;
    REQUIRE(create_event(true, false, {}, event) == status::success);
    std::array<OVERLAPPED, 5> reads{};
    std::array<char, 5> bytes{};
    for (size_t i = 0; i < reads.size(); ++i) {
        reads[i].hEvent = i == 4 ? event : nullptr;
        CHECK(start_read(reader, &bytes[i], 1, reads[i]) == status::pending);
    }
    CHECK(close_handle(reader) == status::success);
    CHECK(start_read(reader, bytes.data(), 1, reads[0]) == status::invalid_handle);
    const HANDLE set[] = {event};
    CHECK(wait_handles(set, false, deadline_after_ms(20'000)) == status::success);
    for (OVERLAPPED& read : reads) {
        while (overlapped_status(read) == status::pending) {
            std::this_thread::yield();
        }
        CHECK(overlapped_status(read) == status::cancelled);
    }
    // The writer sees the last reader go: POLLERR.
    pollfd one{fds[1], 0, 0};
    CHECK(poll(&one, 1, 20'000) == 1);
    CHECK((one.revents & POLLERR) != 0);
    close(fds[1]);
    close_handle(event);
}

TEST_CASE("closing a handle without ownership cancels, but leaves the descriptor") {
    ON_EACH_SINK;
    int fds[2];
    REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
    HANDLE reader = nullptr;
    REQUIRE(handle_from_fd(fds[0], false, reader) == status::success);
    HANDLE event = nullptr;
    REQUIRE(create_event(true, false, {}, event) == status::success);
    OVERLAPPED at{};
    at.hEvent = event;
    char byte = 0;
    CHECK(start_read(reader, &byte, 1, at) == status::pending);
    CHECK(close_handle(reader) == status::success);
    CHECK(wait_handles({&event, 1}, false, deadline_after_ms(20'000)) == status::success);
    CHECK(overlapped_status(at) == status::cancelled);
    CHECK(fcntl(fds[0], F_GETFD) != -1);
    close(fds[0]);
    close(fds[1]);
    close_handle(event);
}

TEST_CASE("R-IO-24: an operation outlives the thread that issued it") {
    ON_EACH_SINK;
    const handle_pair ends = handle_pair::sockets(SOCK_STREAM);
    OVERLAPPED at{};
    std::array<char, 8> buffer{};
    std::thread([&] {
        CHECK(start_read(ends.reader, buffer.data(), 8, at) == status::pending);
    }).join();
    OVERLAPPED out{};
    CHECK(start_write(ends.writer, "data", 4, out) == status::pending);
    CHECK(wait_for(ends.reader, at) == result{0, 4});
    CHECK(wait_for(ends.writer, out) == result{0, 4});
}

TEST_CASE("R-OVL-2: the OVERLAPPED may be freed as soon as it is seen complete") {
    ON_EACH_SINK;
    const temp_directory directory;
    write_file(directory.file("f"), "0123456789");
    const HANDLE file = open_overlapped(directory.file("f"));
    for (int i = 0; i < 500; ++i) {
        auto at = std::make_unique<OVERLAPPED>();
        auto buffer = std::make_unique<std::array<char, 4>>();
        CHECK(start_read(file, buffer->data(), 4, *at) == status::pending);
        while (overlapped_status(*at) == status::pending) {
            std::this_thread::yield();
        }
        CHECK(at->InternalHigh == 4);
    }
    close_handle(file);
}
