// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/peers/raw_ring.hpp"
#include "bench/lab/workloads/io_read_job.hpp"

#include <unistd.h>

namespace rp::lab {

namespace {

class raw_reader {
public:
    raw_reader(const read_job& job, std::span<read_slot> slots) : job_(job), slots_(slots) {}

    read_tally run(int fd) {
        tally_.error = ring_.open(static_cast<unsigned>(slots_.size()) + 1);
        if (!tally_.error.empty()) {
            return std::move(tally_);
        }
        ring_.arm_guard(job_.window.give_up_ns());
        const std::uint64_t now_ns = monotonic_ns();
        for (auto& slot : slots_) {
            issue(fd, slot, now_ns);
        }
        while (in_flight_ != 0 && !tally_.lost) {
            if (std::string fault = ring_.submit_and_wait(); !fault.empty()) {
                tally_.error = std::move(fault);
                tally_.lost = true;
                break;
            }
            ring_.reap([&](std::uint64_t tag, std::int32_t result) { complete(fd, tag, result); });
        }
        return std::move(tally_);
    }

private:
    void issue(int fd, read_slot& slot, std::uint64_t now_ns) {
        const std::uint64_t offset = job_.plan->advance(slot);
        slot.issued_ns = now_ns;
        io_uring_sqe* sqe = ring_.entry();
        io_uring_prep_read(sqe, fd, slot.buffer, block_bytes, offset);
        io_uring_sqe_set_data(sqe, &slot);
        in_flight_ += 1;
    }

    void complete(int fd, std::uint64_t tag, std::int32_t result) {
        if (tag == raw_ring::guard_tag) {
            tally_.error = "raw: " + std::to_string(in_flight_) + " reads never completed";
            tally_.lost = true;
            return;
        }
        auto& slot = *reinterpret_cast<read_slot*>(static_cast<std::uintptr_t>(tag));
        const std::uint64_t now_ns = monotonic_ns();
        in_flight_ -= 1;
        if (finish_read(tally_, slot, result, now_ns, job_.window)) {
            issue(fd, slot, now_ns);
        }
    }

    const read_job& job_;
    std::span<read_slot> slots_;
    read_tally tally_;
    raw_ring ring_;
    std::size_t in_flight_ = 0;
};

} // namespace

read_tally run_read_raw(const read_job& job) {
    read_tally failed;
    const int fd = open_data_file(job, failed.error);
    if (fd < 0) {
        return failed;
    }
    read_tally tally = run_read_loops(job, [fd](const read_job& j, std::span<read_slot> slots) {
        return raw_reader(j, slots).run(fd);
    });
    ::close(fd);
    return tally;
}

} // namespace rp::lab
