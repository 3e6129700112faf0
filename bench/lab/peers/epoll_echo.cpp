// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/workloads/io_echo_job.hpp"
#include "bench/lab/workloads/io_window.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

// The loop that servers were written as before io_uring: epoll says which connection can be read,
// recv and send do it. A message of 64 bytes always fits into the socket's buffer, so a send that
// would block is a broken connection here. Level-triggered: one recv for each readiness.

namespace rp::lab {

namespace {

class epoll_server {
public:
    epoll_server(const echo_job& job, std::span<const int> sockets)
        : job_(job), sockets_(sockets.begin(), sockets.end()),
          epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

    ~epoll_server() {
        for (std::size_t i = 0; i < sockets_.size(); ++i) {
            close(i);
        }
        if (epoll_ >= 0) {
            ::close(epoll_);
        }
    }

    epoll_server(const epoll_server&) = delete;
    epoll_server& operator=(const epoll_server&) = delete;

    std::string run() {
        if (epoll_ < 0) {
            error_ = describe_errno("epoll: epoll_create1", errno);
        }
        for (std::size_t i = 0; i < sockets_.size(); ++i) {
            watch(i);
        }
        while (open_ != 0 && epoll_ >= 0) {
            std::array<epoll_event, 256> ready{};
            const int count =
                ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), patience_ms());
            if (count < 0 && errno == EINTR) {
                continue;
            }
            if (count <= 0) {
                fail(count == 0 ? "connections were still open at the end"
                                : std::string("epoll_wait: ") + std::strerror(errno));
                break;
            }
            for (int i = 0; i < count; ++i) {
                serve(ready[static_cast<std::size_t>(i)].data.u64);
            }
        }
        return error_;
    }

private:
    void watch(std::size_t index) {
        const int fd = sockets_[index];
        epoll_event wanted{};
        wanted.events = EPOLLIN;
        wanted.data.u64 = index;
        const int flags = ::fcntl(fd, F_GETFL);
        open_ += 1;
        if (epoll_ < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
            ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &wanted) != 0) {
            fail(std::string("cannot watch a socket: ") + std::strerror(errno));
            close(index);
        }
    }

    // Which also takes it out of the epoll set.
    void close(std::size_t index) {
        if (sockets_[index] >= 0) {
            ::close(sockets_[index]);
            sockets_[index] = -1;
            open_ -= 1;
        }
    }

    [[nodiscard]] int patience_ms() const {
        const std::uint64_t now = monotonic_ns();
        const std::uint64_t left = job_.give_up_ns > now ? job_.give_up_ns - now : 0;
        return static_cast<int>(std::min<std::uint64_t>(left / 1'000'000U + 1, 60'000));
    }

    void serve(std::size_t index) {
        const int fd = sockets_[index];
        std::array<char, echo_message_bytes> buffer;
        const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (got > 0) {
            const ssize_t sent =
                ::send(fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
            if (sent == got) {
                return;
            }
            if (sent >= 0 || !is_hang_up(errno)) {
                fail(std::string("send: ") + (sent >= 0 ? "cut short" : std::strerror(errno)));
            }
        } else if (got < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                return;
            }
            if (!is_hang_up(errno)) {
                fail(std::string("recv: ") + std::strerror(errno));
            }
        }
        close(index);
    }

    void fail(const std::string& why) {
        if (error_.empty()) {
            error_ = "epoll: " + why;
        }
    }

    const echo_job& job_;
    std::vector<int> sockets_; // -1: closed
    int epoll_;
    std::size_t open_ = 0;
    std::string error_;
};

} // namespace

echo_outcome run_echo_epoll(const echo_job& job) {
    return run_echo_loops(job, [](const echo_job& j, std::span<const int> sockets) {
        return epoll_server(j, sockets).run();
    });
}

} // namespace rp::lab
