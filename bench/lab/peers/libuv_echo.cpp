// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/workloads/io_echo_job.hpp"
#include "bench/lab/workloads/io_window.hpp"

#include <unistd.h>
#include <uv.h>

#include <array>
#include <cstring>
#include <memory>

namespace rp::lab {

namespace {

class uv_server {
public:
    uv_server(const echo_job& job, std::span<const int> sockets)
        : job_(job), connections_(sockets.size()) {
        for (std::size_t i = 0; i < sockets.size(); ++i) {
            connections_[i].fd = sockets[i];
        }
    }

    std::string run() {
        if (const int fault = uv_loop_init(&loop_); fault != 0) {
            fail("uv_loop_init", fault);
            for (const auto& one : connections_) {
                ::close(one.fd);
            }
            return error_;
        }
        uv_timer_init(&loop_, &guard_);
        guard_.data = this;
        const std::uint64_t now_ns = monotonic_ns();
        const std::uint64_t patience_ns = job_.give_up_ns > now_ns ? job_.give_up_ns - now_ns : 0;
        uv_timer_start(&guard_, on_guard, patience_ns / 1'000'000U, 0);
        for (auto& one : connections_) {
            open(one);
        }
        uv_run(&loop_, UV_RUN_DEFAULT);
        uv_loop_close(&loop_);
        return error_;
    }

private:
    struct connection {
        uv_tcp_t tcp{};
        uv_write_t write{};
        uv_server* owner = nullptr;
        int fd = -1;
        std::array<char, echo_message_bytes> buffer{};
    };

    static connection& of(uv_handle_t* handle) { return *static_cast<connection*>(handle->data); }

    void fail(const char* what, int fault) {
        if (error_.empty()) {
            error_ = std::string("libuv: ") + what + ": " + uv_strerror(fault);
        }
    }

    void open(connection& fresh) {
        fresh.owner = this;
        uv_tcp_init(&loop_, &fresh.tcp);
        fresh.tcp.data = &fresh;
        open_ += 1;
        int fault = uv_tcp_open(&fresh.tcp, fresh.fd);
        if (fault != 0) {
            ::close(fresh.fd);
        } else {
            fault = uv_read_start(reinterpret_cast<uv_stream_t*>(&fresh.tcp), on_buffer, on_data);
        }
        if (fault != 0) {
            fail("opening a connection", fault);
            close(fresh);
        }
    }

    void close(connection& over) {
        auto* const handle = reinterpret_cast<uv_handle_t*>(&over.tcp);
        if (uv_is_closing(handle) == 0) {
            uv_close(handle, on_closed);
        }
    }

    static void on_buffer(uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
        connection& on = of(handle);
        *buffer = uv_buf_init(on.buffer.data(), static_cast<unsigned>(on.buffer.size()));
    }

    static void on_data(uv_stream_t* stream, ssize_t result, const uv_buf_t*) {
        connection& on = of(reinterpret_cast<uv_handle_t*>(stream));
        if (result == 0) {
            return;
        }
        if (result < 0) {
            if (result != UV_EOF && !is_hang_up(static_cast<int>(-result))) {
                on.owner->fail("read", static_cast<int>(result));
            }
            on.owner->close(on);
            return;
        }
        on.owner->reply(on, static_cast<unsigned>(result));
    }

    void reply(connection& on, unsigned bytes) {
        auto* const stream = reinterpret_cast<uv_stream_t*>(&on.tcp);
        uv_buf_t message = uv_buf_init(on.buffer.data(), bytes);
        const int put = uv_try_write(stream, &message, 1);
        if (put == static_cast<int>(bytes)) {
            return;
        }
        if (put < 0 && put != UV_EAGAIN) {
            if (!is_hang_up(-put)) {
                fail("uv_try_write", put);
            }
            close(on);
            return;
        }
        // The buffer must not be read into while its rest is being written.
        const unsigned done = put < 0 ? 0 : static_cast<unsigned>(put);
        message = uv_buf_init(on.buffer.data() + done, bytes - done);
        uv_read_stop(stream);
        if (const int fault = uv_write(&on.write, stream, &message, 1, on_written); fault != 0) {
            fail("uv_write", fault);
            close(on);
        }
    }

    static void on_written(uv_write_t* request, int status) {
        connection& on = of(reinterpret_cast<uv_handle_t*>(request->handle));
        if (status != 0) {
            if (status != UV_ECANCELED && !is_hang_up(-status)) {
                on.owner->fail("write", status);
            }
            on.owner->close(on);
            return;
        }
        uv_read_start(request->handle, on_buffer, on_data);
    }

    static void on_closed(uv_handle_t* handle) {
        uv_server& self = *of(handle).owner;
        self.open_ -= 1;
        if (self.open_ == 0) {
            uv_close(reinterpret_cast<uv_handle_t*>(&self.guard_), nullptr);
        }
    }

    static void on_guard(uv_timer_t* timer) {
        auto& self = *static_cast<uv_server*>(timer->data);
        if (self.error_.empty()) {
            self.error_ = "libuv: connections were still open at the end";
        }
        for (auto& one : self.connections_) {
            self.close(one);
        }
    }

    const echo_job& job_;
    std::vector<connection> connections_;
    std::string error_;
    uv_loop_t loop_{};
    uv_timer_t guard_{};
    std::size_t open_ = 0;
};

} // namespace

echo_outcome run_echo_libuv(const echo_job& job) {
    return run_echo_loops(job, [](const echo_job& j, std::span<const int> sockets) {
        return std::make_unique<uv_server>(j, sockets)->run();
    });
}

} // namespace rp::lab
