// SPDX-License-Identifier: Apache-2.0

// asio's file objects exist on Linux with io_uring only, and io_uring is faster here without epoll
// above it.
#define ASIO_HAS_IO_URING 1
#define ASIO_DISABLE_EPOLL 1
// Another file of this program uses asio on epoll. Two configurations of one namespace would be two
// definitions of the same inline functions, so each file has its own name for it.
#define asio asio_on_io_uring
#define asio_detail_posix_thread_function asio_on_io_uring_posix_thread_function

#include "bench/lab/workloads/io_read_job.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <deque>

#include <asio.hpp>

// asio runs one operation of a kind at a time per I/O object (its per-object queue), so each slot
// has a file object of its own: with one object for all, a queue depth above 1 would not exist.

namespace rp::lab {

namespace {

class asio_reader {
public:
    asio_reader(const read_job& job, std::span<read_slot> slots)
        : job_(job), slots_(slots), context_(ASIO_CONCURRENCY_HINT_UNSAFE_IO), guard_(context_) {}

    // False when reads were lost: then this object must stay where it is for ever.
    bool run(int fd) {
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
            if (own < 0) {
                tally_.error = describe_errno("asio: dup of the data file", errno);
                return true;
            }
            files_.emplace_back(context_, own);
        }
        const std::uint64_t now_ns = monotonic_ns();
        guard_.expires_after(std::chrono::nanoseconds(job_.window.give_up_ns() - now_ns));
        guard_.async_wait([this](const asio::error_code& cancelled) {
            if (!cancelled) {
                tally_.error = "asio: " + std::to_string(in_flight_) + " reads never completed";
                tally_.lost = true;
                context_.stop();
            }
        });
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            issue(i, now_ns);
        }
        context_.run();
        return !tally_.lost;
    }

    read_tally take() { return std::move(tally_); }

private:
    void issue(std::size_t index, std::uint64_t now_ns) {
        read_slot& slot = slots_[index];
        const std::uint64_t offset = job_.plan->advance(slot);
        slot.issued_ns = now_ns;
        in_flight_ += 1;
        files_[index].async_read_some_at(
            offset,
            asio::buffer(slot.buffer, block_bytes),
            [this, index](const asio::error_code& fault, std::size_t bytes) {
                complete(index,
                         fault ? -std::int64_t{fault.value()} : static_cast<std::int64_t>(bytes));
            });
    }

    void complete(std::size_t index, std::int64_t result) {
        const std::uint64_t now_ns = monotonic_ns();
        in_flight_ -= 1;
        if (finish_read(tally_, slots_[index], result, now_ns, job_.window)) {
            issue(index, now_ns);
        }
        if (in_flight_ == 0) {
            guard_.cancel();
        }
    }

    const read_job& job_;
    std::span<read_slot> slots_;
    read_tally tally_;
    asio::io_context context_;
    std::deque<asio::random_access_file> files_;
    asio::steady_timer guard_;
    std::size_t in_flight_ = 0;
};

} // namespace

read_tally run_read_asio(const read_job& job) {
    read_tally failed;
    const int fd = open_data_file(job, failed.error);
    if (fd < 0) {
        return failed;
    }
    read_tally tally = run_read_loops(job, [fd](const read_job& j, std::span<read_slot> slots) {
        auto reader = std::make_unique<asio_reader>(j, slots);
        const bool finished = reader->run(fd);
        read_tally result = reader->take();
        if (!finished) {
            static_cast<void>(reader.release());
        }
        return result;
    });
    ::close(fd);
    return tally;
}

} // namespace rp::lab
