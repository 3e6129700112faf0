// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/workloads/echo_client.hpp"

#include "bench/lab/workloads/io_window.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

namespace rp::lab {

namespace {

// The server leaves all CPUs to its engine; the client keeps to one, so that it is the same client
// for every engine.
void keep_to_last_cpu() {
    cpu_set_t usable;
    if (::sched_getaffinity(0, sizeof(usable), &usable) != 0 || CPU_COUNT(&usable) < 2) {
        return;
    }
    int last = CPU_SETSIZE - 1;
    while (!CPU_ISSET(last, &usable)) {
        --last;
    }
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    ::sched_setaffinity(0, sizeof(one), &one);
}

bool write_all(int fd, const void* data, std::size_t length) {
    const char* at = static_cast<const char*>(data);
    while (length != 0) {
        const ssize_t put = ::write(fd, at, length);
        if (put < 0 && errno != EINTR) {
            return false;
        }
        const std::size_t step = put < 0 ? 0 : static_cast<std::size_t>(put);
        at += step;
        length -= step;
    }
    return true;
}

bool read_all(int fd, void* data, std::size_t length) {
    char* at = static_cast<char*>(data);
    while (length != 0) {
        const ssize_t got = ::read(fd, at, length);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        const std::size_t step = got < 0 ? 0 : static_cast<std::size_t>(got);
        at += step;
        length -= step;
    }
    return true;
}

class echo_client {
public:
    echo_client() = default;

    ~echo_client() {
        for (const auto& one : connections_) {
            ::close(one.fd);
        }
        if (epoll_ >= 0) {
            ::close(epoll_);
        }
    }

    echo_client(const echo_client&) = delete;
    echo_client& operator=(const echo_client&) = delete;

    void connect_all(std::uint16_t port, unsigned count) {
        epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
        connections_.resize(count);
        for (unsigned i = 0; i < count && error_.empty(); ++i) {
            connect_one(port, i);
        }
    }

    void run(const echo_window& agreed) {
        window_.begin_ns = agreed.begin_ns;
        window_.end_ns = agreed.end_ns;
        const std::uint64_t now_ns = monotonic_ns();
        for (auto& one : connections_) {
            send_next(one, now_ns);
        }
        std::array<epoll_event, 64> events{};
        while (error_.empty() && waiting_ != 0) {
            const std::uint64_t clock_ns = monotonic_ns();
            if (clock_ns >= window_.give_up_ns()) {
                fail(std::to_string(waiting_) + " messages were never answered");
                break;
            }
            const auto limit_ms =
                static_cast<int>((window_.give_up_ns() - clock_ns) / 1'000'000U) + 1;
            const int ready =
                ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), limit_ms);
            if (ready < 0 && errno != EINTR) {
                fail(describe_errno("epoll_wait", errno));
            }
            for (int i = 0; i < ready && error_.empty(); ++i) {
                receive(connections_[events[static_cast<std::size_t>(i)].data.u32]);
            }
        }
    }

    bool report(int fd) const {
        const auto buckets = latency_ns_.buckets();
        echo_report_head head{};
        head.magic = echo_report_head::expected_magic;
        head.operations = operations_;
        head.error_bytes = error_.size();
        head.buckets = buckets.size();
        head.exact = latency_ns_.exact();
        std::vector<echo_bucket> pairs;
        pairs.reserve(buckets.size());
        for (const auto& [index, count] : buckets) {
            pairs.push_back({index, count});
        }
        return write_all(fd, &head, sizeof(head)) && write_all(fd, error_.data(), error_.size()) &&
               write_all(fd, pairs.data(), pairs.size() * sizeof(echo_bucket));
    }

    [[nodiscard]] bool failed() const { return !error_.empty(); }

private:
    struct connection {
        int fd = -1;
        std::uint32_t number = 0;
        std::uint64_t sequence = 0;
        std::uint64_t sent_ns = 0;
        std::size_t received = 0;
        std::array<std::uint64_t, echo_message_bytes / 8> incoming{};
    };

    void fail(std::string why) {
        if (error_.empty()) {
            error_ = std::move(why);
        }
    }

    void connect_one(std::uint16_t port, unsigned number) {
        connection& fresh = connections_[number];
        fresh.number = number;
        fresh.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int on = 1;
        if (fresh.fd < 0 ||
            ::connect(fresh.fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
            ::setsockopt(fresh.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
            const std::string what = "connection " + std::to_string(number);
            fail(what + ": " + std::strerror(errno));
            return;
        }
        epoll_event interest{};
        interest.events = EPOLLIN;
        interest.data.u32 = number;
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fresh.fd, &interest) != 0) {
            fail(std::string("epoll_ctl: ") + std::strerror(errno));
        }
    }

    static std::array<std::uint64_t, echo_message_bytes / 8> message_of(const connection& of) {
        std::array<std::uint64_t, echo_message_bytes / 8> words{};
        for (std::size_t i = 0; i < words.size(); ++i) {
            words[i] = (std::uint64_t{of.number} << 40) + of.sequence * words.size() + i;
        }
        return words;
    }

    void send_next(connection& to, std::uint64_t now_ns) {
        to.sequence += 1;
        to.received = 0;
        to.sent_ns = now_ns;
        const auto message = message_of(to);
        const ssize_t put = ::send(to.fd, message.data(), echo_message_bytes, MSG_NOSIGNAL);
        if (put != static_cast<ssize_t>(echo_message_bytes)) {
            fail(put < 0 ? std::string("send: ") + std::strerror(errno) : "send: cut short");
            return;
        }
        waiting_ += 1;
    }

    void receive(connection& from) {
        const ssize_t got = ::recv(from.fd,
                                   reinterpret_cast<char*>(from.incoming.data()) + from.received,
                                   echo_message_bytes - from.received,
                                   MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (got <= 0) {
            fail(got == 0 ? "the server closed a connection"
                          : std::string("recv: ") + std::strerror(errno));
            return;
        }
        from.received += static_cast<std::size_t>(got);
        if (from.received < echo_message_bytes) {
            return;
        }
        const std::uint64_t now_ns = monotonic_ns();
        waiting_ -= 1;
        if (from.incoming != message_of(from)) {
            fail("connection " + std::to_string(from.number) + " got other bytes than it sent");
            return;
        }
        if (window_.counts(now_ns)) {
            latency_ns_.record(now_ns - from.sent_ns);
            operations_ += 1;
        }
        if (now_ns < window_.end_ns) {
            send_next(from, now_ns);
        }
    }

    int epoll_ = -1;
    std::vector<connection> connections_;
    measured_window window_;
    histogram latency_ns_;
    std::uint64_t operations_ = 0;
    std::size_t waiting_ = 0;
    std::string error_;
};

} // namespace

int echo_client_main(int argc, char** argv) {
    if (argc != 5) {
        std::fputs("echo-client is started by `run` for the echo workload; it has no other use\n",
                   stderr);
        return 2;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const auto port = static_cast<std::uint16_t>(std::strtoul(argv[2], nullptr, 10));
    const auto connections = static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10));
    const auto limit_ms = std::strtoul(argv[4], nullptr, 10);
    // SIGALRM ends a client that is stuck in connect or waits for a window that never comes.
    ::alarm(static_cast<unsigned>(limit_ms / 1000) + 1);
    keep_to_last_cpu();

    echo_client client;
    client.connect_all(port, connections);
    echo_window window{};
    if (!client.failed()) {
        if (!read_all(STDIN_FILENO, &window, sizeof(window))) {
            return 1;
        }
        ::alarm(0);
        client.run(window);
    }
    return client.report(STDOUT_FILENO) ? 0 : 1;
}

} // namespace rp::lab
