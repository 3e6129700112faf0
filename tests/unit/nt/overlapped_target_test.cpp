// SPDX-License-Identifier: Apache-2.0
// Binding, packets, and what becomes of odd results; mostly on a sink the test plays itself.
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/file_info.hpp"
#include "kernel_iface/nt/file_open.hpp"
#include "kernel_iface/nt/handle_table.hpp"
#include "kernel_iface/nt/operation.hpp"
#include "kernel_iface/nt/wait.hpp"
#include "tests/unit/nt/temp_file.hpp"

#include <doctest/doctest.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <deque>
#include <memory>
#include <vector>

using namespace rp::nt;
namespace kernel = rp::kernel;
using rp::test::temp_directory;
using rp::test::write_file;

namespace {

/// A sink whose completions are decided by the test, on the test's thread.
class played_sink final : public kernel::io_sink {
public:
    void arm(kernel::io_request& request) noexcept override {
        uintptr_t expected = 0;
        if (!request.place.compare_exchange_strong(expected, reinterpret_cast<uintptr_t>(this))) {
            cancelled_before_arming.push_back(&request);
            return;
        }
        armed.push_back(&request);
    }

    void cancel(kernel::io_request& request) noexcept override {
        if (request.place.fetch_or(1) != 0) {
            asked_to_cancel.push_back(&request);
        }
    }

    void finish(kernel::io_request& request, int32_t res) {
        request.place.fetch_and(1);
        request.complete(request, res);
        request.drop();
    }

    kernel::io_request& front() {
        REQUIRE_FALSE(armed.empty());
        return *armed.front();
    }

    void finish_front(int32_t res) {
        kernel::io_request& request = front();
        armed.pop_front();
        finish(request, res);
    }

    std::deque<kernel::io_request*> armed;
    std::vector<kernel::io_request*> cancelled_before_arming;
    std::vector<kernel::io_request*> asked_to_cancel;
};

struct seen_packet {
    OVERLAPPED* overlapped;
    uint32_t code;
    uint64_t bytes;
    ULONG_PTR internal;
    uint64_t epoch;
    bool was_event_set;
};

class recording_target final : public completion_target {
public:
    void operation_started(io_operation& op) noexcept override { op.target_epoch = ++started; }

    bool take_packet(io_operation& op) noexcept override {
        bool was_set = false;
        if (op.event != nullptr) {
            was_set = wait_handles({&op.event, 1}, false, poll_deadline) == status::success;
        }
        packets.push_back({op.overlapped,
                           op.status,
                           op.bytes,
                           op.overlapped->Internal,
                           op.target_epoch,
                           was_set});
        CHECK(closed == 0);
        op.drop();
        return true;
    }

    void file_closed() noexcept override { ++closed; }

    std::vector<seen_packet> packets;
    uint64_t started = 0;
    int closed = 0;
};

HANDLE open_with(const std::string& name, DWORD flags) {
    HANDLE made = nullptr;
    CHECK(is_success(create_file(
        {name.c_str(), GENERIC_READ | GENERIC_WRITE, 7, OPEN_ALWAYS, flags, false}, made)));
    return made;
}

ntstatus start(HANDLE file, bool is_write, void* buffer, DWORD bytes, OVERLAPPED& at) {
    return transfer({file, is_write, buffer, bytes, nullptr, &at});
}

/// A bound file with a played sink. The buffer's address is never touched by a played sink.
struct stage {
    temp_directory directory;
    played_sink sink;
    recording_target target;
    HANDLE file = nullptr;
    std::vector<char> storage = std::vector<char>(4096);
    char* buffer = storage.data();

    explicit stage(DWORD flags = FILE_FLAG_OVERLAPPED)
        : file(open_with(directory.file("f"), flags)) {
        REQUIRE(bind_completion_target(file, target, sink) == ERROR_SUCCESS);
    }

    /// For kinds other than regular files: binds one end of a socket pair instead.
    explicit stage(int socket_type) {
        int fds[2];
        REQUIRE(socketpair(AF_UNIX, socket_type, 0, fds) == 0);
        REQUIRE(handle_from_fd(fds[0], true, file) == status::success);
        close(fds[1]);
        REQUIRE(bind_completion_target(file, target, sink) == ERROR_SUCCESS);
    }

    ~stage() {
        close_handle(file);
        CHECK(sink.armed.empty());
        CHECK(target.closed == 1);
    }
};

} // namespace

TEST_CASE("R-IO-2, R-IO-3: a handle is bound once, and only an overlapped file") {
    const temp_directory directory;
    played_sink sink;
    recording_target target;
    recording_target other;
    const HANDLE synchronous = open_with(directory.file("s"), 0);
    CHECK(bind_completion_target(synchronous, target, sink) == ERROR_INVALID_PARAMETER);
    close_handle(synchronous);
    CHECK(bind_completion_target(synchronous, target, sink) == ERROR_INVALID_HANDLE);
    CHECK(bind_completion_target(nullptr, target, sink) == ERROR_INVALID_HANDLE);
    CHECK(bind_completion_target(INVALID_HANDLE_VALUE, target, sink) == ERROR_INVALID_HANDLE);
    HANDLE event = nullptr;
    REQUIRE(create_event(true, true, {}, event) == status::success);
    CHECK(bind_completion_target(event, target, sink) == ERROR_INVALID_HANDLE);
    close_handle(event);
    const HANDLE file = open_with(directory.file("f"), FILE_FLAG_OVERLAPPED);
    CHECK(bind_completion_target(file, target, sink) == ERROR_SUCCESS);
    CHECK(bind_completion_target(file, other, sink) == ERROR_INVALID_PARAMETER);
    CHECK(bind_completion_target(file, target, sink) == ERROR_INVALID_PARAMETER);
    CHECK(target.closed == 0);
    close_handle(file);
    CHECK(target.closed == 1);
    CHECK(other.closed == 0);
}

TEST_CASE("R-IO-12, R-IO-13: a packet comes once, after OVERLAPPED and event are written") {
    stage play;
    HANDLE event = nullptr;
    REQUIRE(create_event(true, true, {}, event) == status::success);
    OVERLAPPED at{};
    at.hEvent = event;
    CHECK(start(play.file, true, play.buffer, 100, at) == status::pending);
    CHECK(play.target.started == 1);
    CHECK(at.Internal == status::pending);
    CHECK(wait_handles({&event, 1}, false, poll_deadline) == status::timeout);
    play.sink.finish_front(100);
    REQUIRE(play.target.packets.size() == 1);
    const seen_packet& one = play.target.packets[0];
    CHECK(one.overlapped == &at);
    CHECK(one.code == status::success);
    CHECK(one.bytes == 100);
    CHECK(one.internal == status::success);
    CHECK(one.epoch == 1);
    CHECK(one.was_event_set);
    close_handle(event);
}

TEST_CASE("R-IO-25: a low bit in hEvent suppresses the packet, with and without an event") {
    stage play;
    HANDLE event = nullptr;
    REQUIRE(create_event(true, false, {}, event) == status::success);
    for (const HANDLE base : {event, HANDLE{nullptr}}) {
        OVERLAPPED at{};
        at.hEvent = reinterpret_cast<HANDLE>(reinterpret_cast<uintptr_t>(base) | 1);
        CHECK(start(play.file, true, play.buffer, 10, at) == status::pending);
        play.sink.finish_front(10);
        CHECK(at.InternalHigh == 10);
        DWORD bytes = 0;
        CHECK(overlapped_result(play.file, &at, bytes, deadline_after_ms(INFINITE)) == 0);
    }
    CHECK(play.target.packets.empty());
    CHECK(wait_handles({&event, 1}, false, poll_deadline) == status::success);
    close_handle(event);
}

TEST_CASE("failures at issue reach neither sink nor target") {
    stage play;
    OVERLAPPED at{};
    at.hEvent = INVALID_HANDLE_VALUE;
    CHECK(start(play.file, true, play.buffer, 10, at) == status::invalid_handle);
    at.hEvent = nullptr;
    CHECK(start(play.file, true, nullptr, 10, at) == status::access_violation);
    CHECK(play.target.started == 0);
    CHECK(play.sink.armed.empty());
}

TEST_CASE("FILE_SKIP_COMPLETION_PORT_ON_SUCCESS: calls stay pending, so packets still come") {
    stage play;
    CHECK(set_notification_modes(play.file, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS) ==
          status::success);
    OVERLAPPED at{};
    CHECK(start(play.file, true, play.buffer, 10, at) == status::pending);
    play.sink.finish_front(10);
    CHECK(play.target.packets.size() == 1);
}

TEST_CASE("R-FILE-10: a short transfer of a regular file is continued where it stopped") {
    stage play;
    OVERLAPPED at{};
    at.Offset = 1000;
    CHECK(start(play.file, false, play.buffer, 300, at) == status::pending);
    CHECK(play.sink.front().len == 300);
    CHECK(play.sink.front().offset == 1000);
    play.sink.finish_front(100);
    CHECK(play.target.packets.empty());
    CHECK(play.sink.front().addr == play.buffer + 100);
    CHECK(play.sink.front().len == 200);
    CHECK(play.sink.front().offset == 1100);
    play.sink.finish_front(-EINTR);
    CHECK(play.sink.front().len == 200);
    play.sink.finish_front(50);
    play.sink.finish_front(0); // the end of the file
    REQUIRE(play.target.packets.size() == 1);
    CHECK(play.target.packets[0].code == status::success);
    CHECK(play.target.packets[0].bytes == 150);
    CHECK(at.InternalHigh == 150);
}

TEST_CASE("R-FILE-10: nearly 4 GiB are moved in pieces the kernel accepts") {
    stage play;
    OVERLAPPED at{};
    constexpr DWORD wanted = 0xFFFFFFFF;
    CHECK(start(play.file, true, play.buffer, wanted, at) == status::pending);
    uint64_t moved = 0;
    while (play.target.packets.empty()) {
        const uint32_t piece = play.sink.front().len;
        CHECK(piece <= 0x7ffff000);
        CHECK(play.sink.front().offset == moved);
        moved += piece;
        play.sink.finish_front(static_cast<int32_t>(piece));
    }
    CHECK(moved == wanted);
    CHECK(at.InternalHigh == wanted);
}

TEST_CASE("a failing continuation reports its error and what was moved before") {
    stage play;
    OVERLAPPED at{};
    CHECK(start(play.file, true, play.buffer, 300, at) == status::pending);
    play.sink.finish_front(100);
    play.sink.finish_front(-ENOSPC);
    REQUIRE(play.target.packets.size() == 1);
    CHECK(win32_of_status(play.target.packets[0].code) == ERROR_DISK_FULL);
    CHECK(play.target.packets[0].bytes == 100);
    CHECK(start(play.file, true, play.buffer, 300, at) == status::pending);
    play.sink.finish_front(0); // accepts nothing, reports nothing
    CHECK(win32_of_status(play.target.packets[1].code) == ERROR_IO_DEVICE);
}

TEST_CASE("-EAGAIN of a stream polls and tries again") {
    stage play(SOCK_STREAM);
    OVERLAPPED at{};
    CHECK(start(play.file, false, play.buffer, 64, at) == status::pending);
    CHECK(play.sink.front().op == kernel::io_op::recv);
    play.sink.finish_front(-EAGAIN);
    CHECK(play.sink.front().op == kernel::io_op::poll);
    CHECK(play.sink.front().flags == POLLIN);
    play.sink.finish_front(POLLIN);
    CHECK(play.sink.front().op == kernel::io_op::recv);
    CHECK(play.sink.front().flags == 0);
    CHECK(play.sink.front().offset == ~uint64_t{0});
    play.sink.finish_front(-EAGAIN);
    play.sink.finish_front(POLLIN | POLLHUP);
    play.sink.finish_front(12);
    CHECK(start(play.file, true, play.buffer, 64, at) == status::pending);
    CHECK(play.sink.front().op == kernel::io_op::send);
    CHECK((play.sink.front().flags & MSG_NOSIGNAL) != 0);
    play.sink.finish_front(40);
    play.sink.finish_front(-EAGAIN);
    CHECK(play.sink.front().flags == POLLOUT);
    play.sink.finish_front(-EAGAIN); // a sink without the means to poll
    REQUIRE(play.target.packets.size() == 2);
    CHECK(play.target.packets[0].bytes == 12);
    CHECK(win32_of_status(play.target.packets[1].code) == ERROR_NO_SYSTEM_RESOURCES);
    CHECK(play.target.packets[1].bytes == 40);
}

TEST_CASE("R-CANCEL-1: a cancel between two pieces ends the operation with 995") {
    for (const int32_t res : {100, -EINTR, -ECANCELED}) {
        CAPTURE(res);
        stage play;
        OVERLAPPED at{};
        CHECK(start(play.file, false, play.buffer, 300, at) == status::pending);
        CHECK(cancel_io(play.file, &at, 0) == status::success);
        CHECK(cancel_io(play.file, &at, 0) == status::success);
        CHECK(play.sink.asked_to_cancel.size() == 1);
        play.sink.finish_front(res);
        REQUIRE(play.target.packets.size() == 1);
        CHECK(win32_of_status(play.target.packets[0].code) == ERROR_OPERATION_ABORTED);
    }
}

TEST_CASE("R-CANCEL-1: an operation may complete in spite of its cancellation") {
    stage play;
    OVERLAPPED at{};
    CHECK(start(play.file, false, play.buffer, 300, at) == status::pending);
    CHECK(cancel_io(play.file, nullptr, 0) == status::success);
    play.sink.finish_front(300);
    CHECK(play.target.packets[0].code == status::success);
    CHECK(play.target.packets[0].bytes == 300);
}

TEST_CASE("streams have one transfer armed per direction; the rest wait in order") {
    stage play(SOCK_STREAM);
    std::vector<OVERLAPPED> reads(4);
    OVERLAPPED write{};
    for (OVERLAPPED& at : reads) {
        CHECK(start(play.file, false, play.buffer, 8, at) == status::pending);
    }
    CHECK(start(play.file, true, play.buffer, 8, write) == status::pending);
    CHECK(play.sink.armed.size() == 2); // one read, one write
    // A waiting one that is cancelled ends on the sink's thread, without having been started.
    CHECK(cancel_io(play.file, &reads[2], 0) == status::success);
    CHECK(play.target.packets.empty());
    REQUIRE(play.sink.cancelled_before_arming.size() == 1);
    play.sink.finish(*play.sink.cancelled_before_arming[0], -ECANCELED);
    REQUIRE(play.target.packets.size() == 1);
    CHECK(play.target.packets[0].overlapped == &reads[2]);
    CHECK(play.sink.armed.size() == 2);
    play.sink.finish_front(8); // reads[0]
    play.sink.finish_front(8); // write
    play.sink.finish_front(8); // reads[1]
    play.sink.finish_front(8); // reads[3]
    REQUIRE(play.target.packets.size() == 5);
    CHECK(play.target.packets[1].overlapped == &reads[0]);
    CHECK(play.target.packets[2].overlapped == &write);
    CHECK(play.target.packets[3].overlapped == &reads[1]);
    CHECK(play.target.packets[4].overlapped == &reads[3]);
}

TEST_CASE("datagrams and regular files are armed at once, all of them") {
    stage files;
    stage datagrams(SOCK_DGRAM);
    std::vector<OVERLAPPED> at(6);
    for (size_t i = 0; i < 3; ++i) {
        CHECK(start(files.file, false, files.buffer, 8, at[i]) == status::pending);
        CHECK(start(datagrams.file, false, datagrams.buffer, 8, at[i + 3]) == status::pending);
    }
    CHECK(files.sink.armed.size() == 3);
    CHECK(datagrams.sink.armed.size() == 3);
    CHECK(datagrams.sink.front().flags == MSG_TRUNC);
    for (int i = 0; i < 3; ++i) {
        files.sink.finish_front(8);
        datagrams.sink.finish_front(20);
    }
    CHECK(datagrams.target.packets[0].code == status::buffer_overflow);
    CHECK(datagrams.target.packets[0].bytes == 8);
}

TEST_CASE("R-IO-22: the target is told of the end after the last operation, not at CloseHandle") {
    auto play = std::make_unique<stage>();
    OVERLAPPED first{};
    OVERLAPPED second{};
    CHECK(start(play->file, false, play->buffer, 8, first) == status::pending);
    CHECK(start(play->file, false, play->buffer, 8, second) == status::pending);
    CHECK(close_handle(play->file) == status::success);
    CHECK(play->sink.asked_to_cancel.size() == 2);
    CHECK(play->target.closed == 0);
    play->sink.finish_front(-ECANCELED);
    CHECK(play->target.closed == 0);
    play->sink.finish_front(8); // raced
    CHECK(play->target.closed == 1);
    CHECK(win32_of_status(play->target.packets[0].code) == ERROR_OPERATION_ABORTED);
    CHECK(play->target.packets[1].code == status::success);
}

TEST_CASE("R-FILE-6: appending asks the kernel to append, whatever the offset") {
    stage play;
    OVERLAPPED at{};
    at.Offset = 0xFFFFFFFF;
    at.OffsetHigh = 0xFFFFFFFF;
    CHECK(start(play.file, true, play.buffer, 8, at) == status::pending);
    CHECK(play.sink.front().flags == RWF_APPEND);
    play.sink.finish_front(8);
}
