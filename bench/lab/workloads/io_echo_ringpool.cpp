// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/workloads/io_bench_pool.hpp"
#include "bench/lab/workloads/io_echo_job.hpp"
#include "bench/lab/workloads/io_window.hpp"

#include <windows.h>

#include <unistd.h>

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>

// The echo server as a Windows program would write it: a TP_IO and an OVERLAPPED per connection,
// which is either reading or writing. The handles skip the callback when an operation succeeds at
// once (FILE_SKIP_COMPLETION_PORT_ON_SUCCESS), so that a reply that fits into the socket buffer
// costs no second turn through the pool; libuv's server does the same with uv_try_write.

namespace rp::lab {

namespace {

class pool_server;

class pool_connection {
public:
    pool_connection(pool_server& server, HANDLE socket) : server_(server), socket_(socket) {}

    [[nodiscard]] std::string open(PTP_CALLBACK_ENVIRON environment) {
        skips_ = SetFileCompletionNotificationModes(socket_,
                                                    FILE_SKIP_COMPLETION_PORT_ON_SUCCESS) != FALSE;
        io_ = CreateThreadpoolIo(socket_, on_done, this, environment);
        return io_ != nullptr ? std::string()
                              : describe_win32("ringpool: CreateThreadpoolIo", GetLastError());
    }

    // Reads and writes until something stays pending or the connection is over.
    void advance() {
        for (;;) {
            DWORD moved = 0;
            switch (start(moved)) {
            case started::pending:
                return;
            case started::failed:
                retire();
                return;
            case started::done:
                if (!take(moved)) {
                    retire();
                    return;
                }
                break;
            }
        }
    }

    void cancel() { CancelIoEx(socket_, nullptr); }

    void close() {
        if (io_ != nullptr) {
            WaitForThreadpoolIoCallbacks(io_, FALSE);
            CloseThreadpoolIo(io_);
        }
        CloseHandle(socket_);
    }

private:
    enum class started { pending, done, failed };

    started start(DWORD& moved) {
        overlapped_ = {};
        StartThreadpoolIo(io_);
        const BOOL at_once =
            writing_
                ? WriteFile(socket_, buffer_.data() + done_, have_ - done_, &moved, &overlapped_)
                : ReadFile(socket_, buffer_.data(), buffer_.size(), &moved, &overlapped_);
        if (at_once) {
            if (!skips_) {
                return started::pending;
            }
            CancelThreadpoolIo(io_);
            moved = static_cast<DWORD>(overlapped_.InternalHigh);
            return started::done;
        }
        const DWORD error = GetLastError();
        if (error == ERROR_IO_PENDING) {
            return started::pending;
        }
        CancelThreadpoolIo(io_);
        note_error(error);
        return started::failed;
    }

    // False when the client has closed the connection.
    bool take(DWORD moved) {
        if (!writing_) {
            have_ = moved;
            done_ = 0;
            writing_ = true;
            return moved != 0;
        }
        done_ += moved;
        writing_ = done_ < have_;
        return true;
    }

    static void CALLBACK
    on_done(PTP_CALLBACK_INSTANCE, PVOID context, PVOID, ULONG error, ULONG_PTR bytes, PTP_IO) {
        auto& self = *static_cast<pool_connection*>(context);
        if (error != ERROR_SUCCESS) {
            self.note_error(error);
            self.retire();
        } else if (self.take(static_cast<DWORD>(bytes))) {
            self.advance();
        } else {
            self.retire();
        }
    }

    void note_error(DWORD error);
    void retire();

    pool_server& server_;
    HANDLE socket_;
    PTP_IO io_ = nullptr;
    OVERLAPPED overlapped_{};
    std::array<char, echo_message_bytes> buffer_{};
    DWORD have_ = 0;
    DWORD done_ = 0;
    bool writing_ = false;
    bool skips_ = false;
};

class pool_server {
public:
    echo_outcome run(const echo_job& job) {
        echo_outcome outcome;
        outcome.error = open(job);
        if (outcome.error.empty()) {
            // mo: relaxed, no callback exists yet
            open_.store(connections_.size(), std::memory_order_relaxed);
            for (auto& connection : connections_) {
                connection.advance();
            }
            if (connections_.empty() || closed_.wait_until(job.give_up_ns)) {
                outcome.note = pool_.completion_source();
            } else {
                lost_ = true;
                for (auto& connection : connections_) {
                    connection.cancel();
                }
                outcome.error = "ringpool: connections were still open at the end";
                return outcome;
            }
        }
        for (auto& connection : connections_) {
            connection.close();
        }
        const std::lock_guard lock(mutex_);
        if (outcome.error.empty()) {
            outcome.error = error_;
        }
        return outcome;
    }

    // Whether callbacks may still come, so that this object must stay.
    [[nodiscard]] bool lost() const { return lost_; }

    void fail(std::string why) {
        const std::lock_guard lock(mutex_);
        if (error_.empty()) {
            error_ = std::move(why);
        }
    }

    void retire_one() {
        // mo: acq_rel, pairs last_retire (itself): the last one sees what the others wrote
        if (open_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            closed_.set();
        }
    }

private:
    std::string open(const echo_job& job) {
        std::string fault = pool_.open(job.policy, job.workers);
        for (const int fd : job.sockets) {
            const HANDLE socket = fault.empty() ? rp_handle_from_fd(fd, TRUE) : nullptr;
            if (socket == nullptr) {
                if (fault.empty()) {
                    fault = describe_win32("ringpool: rp_handle_from_fd", GetLastError());
                }
                ::close(fd);
                continue;
            }
            fault = connections_.emplace_back(*this, socket).open(pool_.environment());
        }
        return fault;
    }

    bench_pool pool_;
    std::deque<pool_connection> connections_;
    std::atomic<std::size_t> open_{0};
    one_shot closed_;
    std::mutex mutex_;
    std::string error_;
    bool lost_ = false;
};

void pool_connection::note_error(DWORD error) {
    constexpr std::array hang_ups{static_cast<DWORD>(ERROR_NETNAME_DELETED),
                                  static_cast<DWORD>(ERROR_BROKEN_PIPE),
                                  static_cast<DWORD>(ERROR_HANDLE_EOF),
                                  static_cast<DWORD>(ERROR_NO_DATA),
                                  static_cast<DWORD>(WSAECONNRESET),
                                  static_cast<DWORD>(WSAECONNABORTED)};
    for (const DWORD hang_up : hang_ups) {
        if (error == hang_up) {
            return;
        }
    }
    server_.fail(describe_win32(writing_ ? "ringpool: WriteFile" : "ringpool: ReadFile", error));
}

void pool_connection::retire() {
    server_.retire_one();
}

} // namespace

echo_outcome run_echo_ringpool(const echo_job& job) {
    auto server = std::make_unique<pool_server>();
    echo_outcome outcome = server->run(job);
    if (server->lost()) {
        static_cast<void>(server.release());
    }
    return outcome;
}

} // namespace rp::lab
