// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/lab/histogram.hpp"
#include "bench/lab/workloads/io_window.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

// What every engine of the read workload shares: the blocks to read in the order fixed by the seed,
// the slots (one read in flight each), the check of what arrived, and the tally.

namespace rp::lab {

constexpr std::size_t block_bytes = 4096;

struct read_slot {
    std::byte* buffer = nullptr; // block_bytes, aligned for O_DIRECT
    std::uint64_t issued_ns = 0;
    std::uint32_t cursor = 0; // position in the plan's table
    std::uint32_t block = 0;  // the block in flight
};

// The slots of a cell. Slot s of a cell with the same seed, size and depth reads the same blocks in
// the same order under every engine.
class read_plan {
public:
    read_plan(std::uint64_t file_bytes, unsigned depth, std::uint64_t seed);

    [[nodiscard]] std::span<read_slot> slots() noexcept { return slots_; }

    // Moves the slot to its next block and returns the file offset to read.
    [[nodiscard]] std::uint64_t advance(read_slot& slot) const noexcept {
        slot.cursor = (slot.cursor + 1) & (table_size - 1);
        slot.block = blocks_[slot.cursor];
        return std::uint64_t{slot.block} * block_bytes;
    }

private:
    static constexpr std::uint32_t table_size = 1U << 18;

    struct aligned_free {
        void operator()(std::byte* p) const noexcept;
    };

    std::vector<std::uint32_t> blocks_;
    std::unique_ptr<std::byte, aligned_free> buffers_;
    std::vector<read_slot> slots_;
};

// Whether the slot's buffer holds the block that was asked for.
bool holds_its_block(const read_slot& slot) noexcept;

// Why a finished read is wrong, naming block and result; empty when it is right.
// `result` is a byte count or a negative errno.
std::string read_fault(const read_slot& slot, std::int64_t result);

struct read_tally {
    histogram latency_ns;
    std::uint64_t operations = 0;
    std::string error;
    std::string note;
    bool lost = false; // reads were still in flight when the engine gave up

    void merge(const read_tally& other);
};

struct read_job {
    std::string path;
    bool direct = false;
    unsigned workers = 1;
    std::string policy; // ringpool only
    measured_window window;
    read_plan* plan = nullptr;
};

// What one completion means to a single-threaded loop: checks and records it. False when the slot
// must not be issued again, because the window is over or the loop has met an error.
bool finish_read(read_tally& tally,
                 read_slot& slot,
                 std::int64_t result,
                 std::uint64_t now_ns,
                 const measured_window& window);

// The file of a job: read-only, O_DIRECT when asked for. -1 with a sentence in `error`.
int open_data_file(const read_job& job, std::string& error);

// Runs one loop per worker, each on a thread and with a share of the slots of its own, and adds up
// what they found. A worker for which no slot is left is not started.
read_tally
run_read_loops(const read_job& job,
               const std::function<read_tally(const read_job&, std::span<read_slot>)>& loop);

// The engines. Each returns after its last read has completed or the window's give_up_ns.
read_tally run_read_ringpool(const read_job& job);
read_tally run_read_raw(const read_job& job);
read_tally run_read_libuv(const read_job& job);
read_tally run_read_asio(const read_job& job);

} // namespace rp::lab
