// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/peers/raw_ring.hpp"
#include "bench/lab/workloads/io_echo_job.hpp"
#include "bench/lab/workloads/io_window.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

// A reply and the next read are one linked pair; a send that succeeds posts no completion. So a
// message costs one completion and, under load, a share of one io_uring_enter.

namespace rp::lab {

namespace {

class raw_server {
public:
    raw_server(const echo_job& job, std::span<const int> sockets)
        : job_(job), connections_(sockets.size()) {
        for (std::size_t i = 0; i < sockets.size(); ++i) {
            connections_[i].fd = sockets[i];
        }
    }

    ~raw_server() {
        for (const auto& one : connections_) {
            if (one.fd >= 0) {
                ::close(one.fd);
            }
        }
    }

    raw_server(const raw_server&) = delete;
    raw_server& operator=(const raw_server&) = delete;

    std::string run() {
        error_ = ring_.open(static_cast<unsigned>(2 * connections_.size()) + 1);
        if (!error_.empty()) {
            return error_;
        }
        ring_.arm_guard(job_.give_up_ns);
        for (auto& one : connections_) {
            receive(one);
        }
        open_ = connections_.size();
        while (open_ != 0 && !stuck_) {
            if (std::string fault = ring_.submit_and_wait(); !fault.empty()) {
                return fault;
            }
            ring_.reap([this](std::uint64_t tag, std::int32_t result) { complete(tag, result); });
        }
        return error_;
    }

private:
    // Bit 0 of the user_data of a send; a connection's address is even.
    static constexpr std::uint64_t send_bit = 1;

    struct connection {
        int fd = -1;
        std::array<char, echo_message_bytes> buffer{};
    };

    void receive(connection& on) {
        io_uring_sqe* sqe = ring_.entry();
        io_uring_prep_recv(sqe, on.fd, on.buffer.data(), on.buffer.size(), 0);
        io_uring_sqe_set_data(sqe, &on);
    }

    void reply(connection& on, std::size_t bytes) {
        io_uring_sqe* sqe = ring_.entry();
        // MSG_WAITALL: a send that is cut short would break the link.
        io_uring_prep_send(sqe, on.fd, on.buffer.data(), bytes, MSG_NOSIGNAL | MSG_WAITALL);
        sqe->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = reinterpret_cast<std::uintptr_t>(&on) | send_bit;
        receive(on);
    }

    void complete(std::uint64_t tag, std::int32_t result) {
        if (tag == raw_ring::guard_tag) {
            fail("connections were still open at the end");
            stuck_ = true;
            return;
        }
        if ((tag & send_bit) != 0) {
            // Only failures arrive here; the linked receive follows with ECANCELED.
            if (!is_hang_up(-result)) {
                fail(std::string("send: ") + std::strerror(-result));
            }
            return;
        }
        auto& on = *reinterpret_cast<connection*>(static_cast<std::uintptr_t>(tag));
        if (result > 0) {
            reply(on, static_cast<std::size_t>(result));
            return;
        }
        if (result < 0 && result != -ECANCELED && !is_hang_up(-result)) {
            fail(std::string("recv: ") + std::strerror(-result));
        }
        ::close(on.fd);
        on.fd = -1;
        open_ -= 1;
    }

    void fail(const std::string& why) {
        if (error_.empty()) {
            error_ = "raw: " + why;
        }
    }

    const echo_job& job_;
    std::vector<connection> connections_; // outlives the ring, which cancels what is in flight
    raw_ring ring_;
    std::string error_;
    std::size_t open_ = 0;
    bool stuck_ = false;
};

} // namespace

echo_outcome run_echo_raw(const echo_job& job) {
    return run_echo_loops(job, [](const echo_job& j, std::span<const int> sockets) {
        return raw_server(j, sockets).run();
    });
}

} // namespace rp::lab
