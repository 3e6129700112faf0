// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/workloads/io_read_job.hpp"

#include <unistd.h>
#include <uv.h>

// libuv 1.44 reads files on its own pool of threads (four, unless UV_THREADPOOL_SIZE says
// otherwise, which is left as the user has it) and calls back on the loop's thread.

namespace rp::lab {

namespace {

class uv_reader {
public:
    uv_reader(const read_job& job, std::span<read_slot> slots)
        : job_(job), operations_(slots.size()) {
        for (std::size_t i = 0; i < slots.size(); ++i) {
            operations_[i].owner = this;
            operations_[i].slot = &slots[i];
        }
    }

    // False when reads were lost: then this object must stay where it is for ever.
    bool run(int fd) {
        fd_ = fd;
        if (const int fault = uv_loop_init(&loop_); fault != 0) {
            fail("uv_loop_init", fault);
            return true;
        }
        uv_timer_init(&loop_, &guard_);
        guard_.data = this;
        const std::uint64_t patience_ns = job_.window.give_up_ns() - monotonic_ns();
        uv_timer_start(&guard_, on_guard, patience_ns / 1'000'000U, 0);
        const std::uint64_t now_ns = monotonic_ns();
        for (auto& operation : operations_) {
            issue(operation, now_ns);
        }
        if (in_flight_ == 0) {
            uv_close(reinterpret_cast<uv_handle_t*>(&guard_), nullptr);
        }
        uv_run(&loop_, UV_RUN_DEFAULT);
        if (tally_.lost) {
            return false;
        }
        uv_loop_close(&loop_);
        return true;
    }

    read_tally take() { return std::move(tally_); }

private:
    struct pending_read {
        uv_fs_t request{};
        uv_reader* owner = nullptr;
        read_slot* slot = nullptr;
    };

    void fail(const char* what, int fault) {
        if (tally_.error.empty()) {
            tally_.error = std::string("libuv: ") + what + ": " + uv_strerror(fault);
        }
    }

    void issue(pending_read& operation, std::uint64_t now_ns) {
        const std::uint64_t offset = job_.plan->advance(*operation.slot);
        operation.slot->issued_ns = now_ns;
        operation.request.data = &operation;
        const uv_buf_t buffer =
            uv_buf_init(reinterpret_cast<char*>(operation.slot->buffer), block_bytes);
        const int fault = uv_fs_read(&loop_,
                                     &operation.request,
                                     fd_,
                                     &buffer,
                                     1,
                                     static_cast<std::int64_t>(offset),
                                     on_read);
        if (fault != 0) {
            fail("uv_fs_read", fault);
            return;
        }
        in_flight_ += 1;
    }

    static void on_read(uv_fs_t* request) {
        auto& done = *static_cast<pending_read*>(request->data);
        const std::int64_t result = request->result;
        uv_fs_req_cleanup(request);
        done.owner->complete(done, result);
    }

    void complete(pending_read& done, std::int64_t result) {
        const std::uint64_t now_ns = monotonic_ns();
        in_flight_ -= 1;
        if (finish_read(tally_, *done.slot, result, now_ns, job_.window)) {
            issue(done, now_ns);
        }
        if (in_flight_ == 0) {
            uv_close(reinterpret_cast<uv_handle_t*>(&guard_), nullptr);
        }
    }

    static void on_guard(uv_timer_t* timer) {
        auto& self = *static_cast<uv_reader*>(timer->data);
        self.tally_.error = "libuv: " + std::to_string(self.in_flight_) + " reads never completed";
        self.tally_.lost = true;
        uv_stop(&self.loop_);
    }

    const read_job& job_;
    std::vector<pending_read> operations_;
    read_tally tally_;
    uv_loop_t loop_{};
    uv_timer_t guard_{};
    int fd_ = -1;
    std::size_t in_flight_ = 0;
};

} // namespace

read_tally run_read_libuv(const read_job& job) {
    read_tally failed;
    const int fd = open_data_file(job, failed.error);
    if (fd < 0) {
        return failed;
    }
    read_tally tally = run_read_loops(job, [fd](const read_job& j, std::span<read_slot> slots) {
        auto reader = std::make_unique<uv_reader>(j, slots);
        const bool finished = reader->run(fd);
        read_tally result = reader->take();
        if (!finished) {
            static_cast<void>(reader.release());
        }
        return result;
    });
    if (!tally.lost) {
        ::close(fd);
    }
    return tally;
}

} // namespace rp::lab
