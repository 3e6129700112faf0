// SPDX-License-Identifier: Apache-2.0

// For sockets asio is faster on epoll than on io_uring, so this file uses that configuration; see
// asio_read.cpp for why the namespace has a name of its own.
#define asio asio_on_epoll
#define asio_detail_posix_thread_function asio_on_epoll_posix_thread_function

#include "bench/lab/workloads/io_echo_job.hpp"
#include "bench/lab/workloads/io_window.hpp"

#include <unistd.h>

#include <array>
#include <deque>

#include <asio.hpp>

namespace rp::lab {

namespace {

class asio_server {
public:
    asio_server(const echo_job& job, std::span<const int> sockets)
        : job_(job), context_(ASIO_CONCURRENCY_HINT_UNSAFE_IO), guard_(context_) {
        for (const int fd : sockets) {
            connections_.emplace_back(context_);
            asio::error_code fault;
            connections_.back().socket.assign(asio::ip::tcp::v4(), fd, fault);
            if (fault) {
                fail("assign", fault);
                ::close(fd);
                connections_.pop_back();
            }
        }
    }

    std::string run() {
        const std::uint64_t now_ns = monotonic_ns();
        const std::uint64_t patience_ns = job_.give_up_ns > now_ns ? job_.give_up_ns - now_ns : 0;
        guard_.expires_after(std::chrono::nanoseconds(patience_ns));
        guard_.async_wait([this](const asio::error_code& cancelled) {
            if (!cancelled) {
                error_ = "asio: connections were still open at the end";
                context_.stop();
            }
        });
        open_ = connections_.size();
        if (open_ == 0) {
            guard_.cancel();
        }
        for (auto& one : connections_) {
            receive(one);
        }
        context_.run();
        return error_;
    }

private:
    struct connection {
        explicit connection(asio::io_context& context) : socket(context) {}

        asio::ip::tcp::socket socket;
        std::array<char, echo_message_bytes> buffer{};
    };

    void fail(const char* what, const asio::error_code& fault) {
        if (error_.empty()) {
            error_ = std::string("asio: ") + what + ": " + fault.message();
        }
    }

    void receive(connection& on) {
        on.socket.async_read_some(asio::buffer(on.buffer),
                                  [this, &on](const asio::error_code& fault, std::size_t bytes) {
                                      if (!fault) {
                                          reply(on, bytes);
                                      } else {
                                          end(on, "read", fault);
                                      }
                                  });
    }

    void reply(connection& on, std::size_t bytes) {
        asio::async_write(on.socket,
                          asio::buffer(on.buffer.data(), bytes),
                          [this, &on](const asio::error_code& fault, std::size_t) {
                              if (!fault) {
                                  receive(on);
                              } else {
                                  end(on, "write", fault);
                              }
                          });
    }

    void end(connection& on, const char* what, const asio::error_code& fault) {
        if (fault != asio::error::eof && !is_hang_up(fault.value())) {
            fail(what, fault);
        }
        asio::error_code ignored;
        on.socket.close(ignored);
        open_ -= 1;
        if (open_ == 0) {
            guard_.cancel();
        }
    }

    const echo_job& job_;
    asio::io_context context_;
    std::deque<connection> connections_;
    asio::steady_timer guard_;
    std::string error_;
    std::size_t open_ = 0;
};

} // namespace

echo_outcome run_echo_asio(const echo_job& job) {
    return run_echo_loops(job, [](const echo_job& j, std::span<const int> sockets) {
        return asio_server(j, sockets).run();
    });
}

} // namespace rp::lab
