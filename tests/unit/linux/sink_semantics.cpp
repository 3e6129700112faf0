// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/linux/sink_semantics.hpp"

#include "kernel_iface/linux/futex.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

using namespace rp::kernel;

namespace rp::test {

probe_request::probe_request() {
    complete = [](io_request& self, int32_t res) noexcept {
        auto& probe = static_cast<probe_request&>(self);
        // mo: relaxed, published by is_done or by the reaper's own order.
        probe.result.store(res, std::memory_order_relaxed);
        // mo: relaxed, as above.
        probe.completions.fetch_add(1, std::memory_order_relaxed);
        if (probe.then != nullptr) {
            probe.then(probe);
        }
    };
    destroy = [](io_request& self) noexcept {
        auto& probe = static_cast<probe_request&>(self);
        // mo: relaxed, published by is_done.
        probe.destructions.fetch_add(1, std::memory_order_relaxed);
        // The test may end the probe's life as soon as it sees is_done, so the address is all that
        // is used afterwards.
        std::atomic<uint32_t>& word = probe.is_done;
        // mo: release, pairs probe.is_done (has_ended).
        word.store(1, std::memory_order_release);
        futex_wake(word, 1);
    };
}

probe_request::probe_request(
    io_op new_op, int new_fd, void* new_addr, uint32_t new_len, uint32_t new_flags, uint64_t where)
    : probe_request() {
    op = new_op;
    fd = new_fd;
    addr = new_addr;
    len = new_len;
    flags = new_flags;
    offset = where;
}

bool probe_request::has_ended() const noexcept {
    // mo: acquire, pairs probe.is_done (destroy).
    return is_done.load(std::memory_order_acquire) != 0;
}

int32_t probe_request::res() const noexcept {
    // mo: relaxed, read behind has_ended().
    return result.load(std::memory_order_relaxed);
}

pipe_pair::pipe_pair(int flags) {
    if (pipe2(fds.data(), O_CLOEXEC | flags) != 0) {
        throw std::runtime_error("pipe2");
    }
}

pipe_pair::~pipe_pair() {
    close(fds[0]);
    close(fds[1]);
}

void pipe_pair::put(const char* text) const {
    const size_t bytes = std::strlen(text);
    REQUIRE(write(fds[1], text, bytes) == static_cast<ssize_t>(bytes));
}

namespace {

/// Arms, runs to the end and returns the result.
int32_t run(sink_harness& harness, probe_request& request) {
    harness.sink().arm(request);
    harness.run_until_ended(request);
    // mo: relaxed, the request has ended.
    CHECK(request.completions.load(std::memory_order_relaxed) == 1);
    // mo: relaxed, the request has ended.
    CHECK(request.destructions.load(std::memory_order_relaxed) == 1);
    return request.res();
}

void check_streams(sink_harness& harness) {
    char text[16] = {};
    {
        INFO("a read of an empty pipe ends when data comes");
        const pipe_pair pipe;
        probe_request read(io_op::read, pipe.read_end(), text, sizeof text);
        harness.sink().arm(read);
        pipe.put("later");
        harness.run_until_ended(read);
        CHECK(read.res() == 5);
        CHECK(std::string(text) == "later");
    }
    {
        INFO("non-blocking mode of the descriptor changes nothing");
        const pipe_pair pipe(O_NONBLOCK);
        probe_request read(io_op::read, pipe.read_end(), text, sizeof text);
        harness.sink().arm(read);
        probe_request write(
            io_op::write, pipe.write_end(), const_cast<char*>("abc"), 3); // NOLINT: only read
        CHECK(run(harness, write) == 3);
        harness.run_until_ended(read);
        CHECK(read.res() == 3);
    }
    {
        INFO("end of file is 0");
        pipe_pair pipe;
        close(pipe.fds[1]);
        pipe.fds[1] = -1;
        probe_request read(io_op::read, pipe.read_end(), text, sizeof text);
        CHECK(run(harness, read) == 0);
    }
    {
        INFO("poll reports what is ready");
        const pipe_pair pipe;
        probe_request poll(io_op::poll, pipe.read_end(), nullptr, 0, POLLIN);
        harness.sink().arm(poll);
        pipe.put("x");
        harness.run_until_ended(poll);
        CHECK((poll.res() & POLLIN) != 0);
    }
}

void check_files(sink_harness& harness) {
    std::string name = "/tmp/ringpool-XXXXXX";
    const int fd = mkstemp(name.data());
    REQUIRE(fd >= 0);
    unlink(name.c_str());
    char text[] = "at an offset";
    probe_request write(io_op::write, fd, text, 12, 0, 5000);
    CHECK(run(harness, write) == 12);
    probe_request sync(io_op::fsync, fd);
    sync.offset = 0;
    CHECK(run(harness, sync) == 0);
    char back[32] = {};
    probe_request read(io_op::read, fd, back, sizeof back, 0, 5003);
    CHECK(run(harness, read) == 9);
    CHECK(std::string(back) == "an offset");
    probe_request behind(io_op::read, fd, back, sizeof back, 0, 9000);
    CHECK(run(harness, behind) == 0);
    close(fd);
}

void check_sockets(sink_harness& harness) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0);

    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int refused = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    probe_request early(io_op::connect, refused, &address, sizeof address);
    CHECK(run(harness, early) == -ECONNREFUSED); // bound, but nobody listens yet
    REQUIRE(listen(listener, 4) == 0);

    sockaddr_in peer{};
    socklen_t peer_length = sizeof peer;
    probe_request accept(
        io_op::accept, listener, &peer, 0, SOCK_CLOEXEC, reinterpret_cast<uintptr_t>(&peer_length));
    harness.sink().arm(accept);
    probe_request connect(io_op::connect, client, &address, sizeof address);
    CHECK(run(harness, connect) == 0);
    harness.run_until_ended(accept);
    const int server = accept.res();
    REQUIRE(server >= 0);
    CHECK(peer_length == sizeof peer);
    CHECK(peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    CHECK((fcntl(server, F_GETFD) & FD_CLOEXEC) != 0);

    char text[16] = {};
    probe_request recv(io_op::recv, server, text, sizeof text);
    harness.sink().arm(recv);
    char hello[] = "hello";
    probe_request send(io_op::send, client, hello, 5, MSG_NOSIGNAL);
    CHECK(run(harness, send) == 5);
    harness.run_until_ended(recv);
    CHECK(recv.res() == 5);
    CHECK(std::string(text) == "hello");

    close(client);
    probe_request at_end(io_op::recv, server, text, sizeof text);
    CHECK(run(harness, at_end) == 0);
    for (const int fd : {server, listener, refused}) {
        close(fd);
    }
}

void check_messages(sink_harness& harness) {
    const int one = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int two = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(bind(two, reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(getsockname(two, reinterpret_cast<sockaddr*>(&address), &length) == 0);

    char head[3] = {};
    char tail[8] = {};
    iovec in[2] = {{head, sizeof head}, {tail, sizeof tail}};
    sockaddr_in from{};
    msghdr incoming{};
    incoming.msg_name = &from;
    incoming.msg_namelen = sizeof from;
    incoming.msg_iov = in;
    incoming.msg_iovlen = 2;
    probe_request receive(io_op::recvmsg, two, &incoming, 1, MSG_TRUNC);
    harness.sink().arm(receive);

    char text[] = "message";
    iovec out[2] = {{text, 4}, {text + 4, 3}};
    msghdr outgoing{};
    outgoing.msg_name = &address;
    outgoing.msg_namelen = sizeof address;
    outgoing.msg_iov = out;
    outgoing.msg_iovlen = 2;
    probe_request send(io_op::sendmsg, one, &outgoing, 1, MSG_NOSIGNAL);
    CHECK(run(harness, send) == 7);
    harness.run_until_ended(receive);
    CHECK(receive.res() == 7);
    CHECK(std::string(head, sizeof head) == "mes");
    CHECK(std::string(tail) == "sage");
    CHECK(incoming.msg_namelen == sizeof from);
    CHECK(from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));

    close(one);
    close(two);
}

void check_cancelling(sink_harness& harness) {
    char text[16] = {};
    {
        INFO("cancelled before it is armed");
        const pipe_pair pipe;
        pipe.put("kept");
        probe_request read(io_op::read, pipe.read_end(), text, sizeof text);
        harness.sink().cancel(read);
        CHECK(run(harness, read) == -ECANCELED);
        CHECK(::read(pipe.read_end(), text, sizeof text) == 4);
    }
    {
        INFO("cancelled in flight, twice");
        const pipe_pair pipe;
        probe_request read(io_op::read, pipe.read_end(), text, sizeof text);
        read.hold();
        harness.sink().arm(read);
        harness.sink().cancel(read);
        harness.sink().cancel(read);
        read.drop();
        harness.run_until_ended(read);
        CHECK(read.res() == -ECANCELED);
        pipe.put("kept");
        CHECK(::read(pipe.read_end(), text, sizeof text) == 4);
    }
    {
        INFO("an accept, a poll and a message can be cancelled");
        const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(listen(listener, 4) == 0);
        const pipe_pair pipe;
        probe_request accept(io_op::accept, listener, nullptr, 0, 0, 0);
        probe_request poll(io_op::poll, pipe.read_end(), nullptr, 0, POLLIN);
        const int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        msghdr nothing{};
        probe_request message(io_op::recvmsg, datagrams, &nothing, 1);
        for (probe_request* request : {&accept, &poll, &message}) {
            request->hold();
            harness.sink().arm(*request);
            harness.sink().cancel(*request);
            request->drop();
            harness.run_until_ended(*request);
            CHECK(request->res() == -ECANCELED);
        }
        close(datagrams);
        close(listener);
    }
    {
        INFO("a cancel that comes after the completion changes nothing");
        const pipe_pair pipe;
        pipe.put("data");
        probe_request read(io_op::read, pipe.read_end(), text, sizeof text);
        read.hold();
        harness.sink().arm(read);
        // mo: acquire, pairs probe.completions (complete); only the count is read.
        while (read.completions.load(std::memory_order_acquire) == 0) {
            probe_request nop(io_op::nop, -1);
            run(harness, nop);
        }
        harness.sink().cancel(read);
        read.drop();
        harness.run_until_ended(read);
        CHECK(read.res() == 4);
    }
}

void check_odd_requests(sink_harness& harness) {
    probe_request nop(io_op::nop, -1);
    CHECK(run(harness, nop) == 0);

    char byte = 0;
    for (const io_op op : {io_op::read,
                           io_op::write,
                           io_op::recv,
                           io_op::send,
                           io_op::poll,
                           io_op::accept,
                           io_op::fsync}) {
        INFO("a descriptor that is not open, operation " << static_cast<int>(op));
        probe_request request(op, -1, &byte, 1, 0, 0);
        request.addr = op == io_op::accept ? nullptr : &byte;
        CHECK(run(harness, request) == -EBADF);
    }
    {
        INFO("a socket operation on a pipe");
        const pipe_pair pipe;
        probe_request recv(io_op::recv, pipe.read_end(), &byte, 1);
        CHECK(run(harness, recv) == -ENOTSOCK);
    }
    {
        INFO("complete may arm the request again");
        static io_sink* sink = nullptr;
        sink = &harness.sink();
        probe_request repeated(io_op::nop, -1);
        repeated.then = [](probe_request& self) noexcept {
            // mo: relaxed, one completion at a time.
            if (self.completions.load(std::memory_order_relaxed) < 10) {
                self.hold();
                sink->arm(self);
            }
        };
        harness.sink().arm(repeated);
        harness.run_until_ended(repeated);
        // mo: relaxed, the request has ended.
        CHECK(repeated.completions.load(std::memory_order_relaxed) == 10);
        CHECK(repeated.res() == 0);
    }
}

} // namespace

void check_sink_semantics(sink_harness& harness) {
    check_odd_requests(harness);
    check_streams(harness);
    check_files(harness);
    check_sockets(harness);
    check_messages(harness);
    check_cancelling(harness);
}

} // namespace rp::test
