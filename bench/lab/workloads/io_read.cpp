// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/workloads/io_read.hpp"

#include "bench/lab/workloads/io_data_file.hpp"
#include "bench/lab/workloads/io_read_job.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <random>
#include <thread>

namespace rp::lab {

void read_plan::aligned_free::operator()(std::byte* p) const noexcept {
    std::free(p);
}

read_plan::read_plan(std::uint64_t file_bytes, unsigned depth, std::uint64_t seed)
    : blocks_(table_size), slots_(depth) {
    std::mt19937_64 random(seed);
    const std::uint64_t blocks_in_file = file_bytes / block_bytes;
    for (auto& block : blocks_) {
        // Not std::uniform_int_distribution: its values differ between standard libraries.
        block = static_cast<std::uint32_t>(random() % blocks_in_file);
    }
    void* memory = std::aligned_alloc(block_bytes, block_bytes * depth);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    std::memset(memory, 0xee, block_bytes * depth);
    buffers_.reset(static_cast<std::byte*>(memory));
    for (unsigned i = 0; i < depth; ++i) {
        slots_[i].buffer = buffers_.get() + std::size_t{i} * block_bytes;
        slots_[i].cursor = static_cast<std::uint32_t>(std::uint64_t{i} * table_size / depth);
    }
}

bool holds_its_block(const read_slot& slot) noexcept {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::memcpy(&first, slot.buffer, sizeof(first));
    std::memcpy(&last, slot.buffer + block_bytes - sizeof(last), sizeof(last));
    return first == slot.block && last == ~std::uint64_t{slot.block};
}

std::string read_fault(const read_slot& slot, std::int64_t result) {
    const std::string where = "read of block " + std::to_string(slot.block);
    if (result < 0) {
        return where + " failed: " + std::strerror(static_cast<int>(-result));
    }
    if (result != static_cast<std::int64_t>(block_bytes)) {
        return where + " returned " + std::to_string(result) + " bytes instead of 4096";
    }
    if (!holds_its_block(slot)) {
        std::uint64_t first = 0;
        std::memcpy(&first, slot.buffer, sizeof(first));
        return where + " delivered other data (first word " + std::to_string(first) + ")";
    }
    return {};
}

void read_tally::merge(const read_tally& other) {
    latency_ns.merge(other.latency_ns);
    operations += other.operations;
    lost = lost || other.lost;
    if (error.empty()) {
        error = other.error;
    }
    if (note.empty()) {
        note = other.note;
    }
}

bool finish_read(read_tally& tally,
                 read_slot& slot,
                 std::int64_t result,
                 std::uint64_t now_ns,
                 const measured_window& window) {
    if (result != static_cast<std::int64_t>(block_bytes) || !holds_its_block(slot)) [[unlikely]] {
        if (tally.error.empty()) {
            tally.error = read_fault(slot, result);
        }
        return false;
    }
    if (window.counts(now_ns)) {
        tally.latency_ns.record(now_ns - slot.issued_ns);
        tally.operations += 1;
    }
    // The next read must not hide behind what the last one left in the buffer.
    std::memset(slot.buffer, 0xee, sizeof(std::uint64_t));
    return now_ns < window.end_ns && tally.error.empty();
}

int open_data_file(const read_job& job, std::string& error) {
    const int flags = O_RDONLY | O_CLOEXEC | (job.direct ? O_DIRECT : 0);
    const int fd = ::open(job.path.c_str(), flags);
    if (fd < 0) {
        error = "cannot open " + job.path + (job.direct ? " with O_DIRECT: " : ": ") +
                std::strerror(errno);
        if (job.direct && errno == EINVAL) {
            error += " (this file system does not offer it; put the data file elsewhere)";
        }
    }
    return fd;
}

read_tally
run_read_loops(const read_job& job,
               const std::function<read_tally(const read_job&, std::span<read_slot>)>& loop) {
    const std::span<read_slot> slots = job.plan->slots();
    const std::size_t loops = std::min<std::size_t>(std::max(job.workers, 1U), slots.size());
    std::vector<read_tally> tallies(loops);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < loops; ++i) {
        const std::size_t first = slots.size() * i / loops;
        const std::size_t last = slots.size() * (i + 1) / loops;
        threads.emplace_back([&, i, share = slots.subspan(first, last - first)] {
            try {
                tallies[i] = loop(job, share);
            } catch (const std::exception& fault) {
                tallies[i].error = fault.what();
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    read_tally sum;
    for (const auto& tally : tallies) {
        sum.merge(tally);
    }
    return sum;
}

namespace {

std::optional<read_tally> run_engine(const std::string& engine, read_job& job) {
    constexpr std::string_view ringpool = "ringpool:";
    if (engine.starts_with(ringpool)) {
        job.policy = engine.substr(ringpool.size());
        return run_read_ringpool(job);
    }
    if (engine == "raw") {
        return run_read_raw(job);
    }
    if (engine == "libuv") {
        return run_read_libuv(job);
    }
    if (engine == "asio") {
        return run_read_asio(job);
    }
    return std::nullopt;
}

std::string read_fault(const cell_spec& spec) {
    if (spec.depth == 0 || spec.depth > 4096) {
        return "read: queue depth " + std::to_string(spec.depth) + " is not in 1..4096";
    }
    const std::uint64_t blocks = spec.file_bytes / block_bytes;
    if (spec.file_bytes % block_bytes != 0 || blocks == 0 || blocks > UINT32_MAX) {
        return "read: file_bytes " + std::to_string(spec.file_bytes) +
               " is not a positive multiple of 4096 below 16 TiB";
    }
    if (!(spec.seconds > 0) || !(spec.warmup_seconds >= 0)) {
        return "read: seconds must be positive and warmup_seconds not negative";
    }
    return {};
}

} // namespace

cell_result run_read_cell(const cell_spec& spec) {
    cell_result result;
    result.error = read_fault(spec);
    if (!result.error.empty()) {
        return result;
    }
    if (!spec.direct && !load_into_page_cache(spec.path, spec.file_bytes, result.error)) {
        return result;
    }
    auto plan = std::make_unique<read_plan>(spec.file_bytes, spec.depth, spec.seed);
    read_job job;
    job.path = spec.path;
    job.direct = spec.direct;
    job.workers = spec.workers;
    job.plan = plan.get();
    job.window = measured_window::starting_at(monotonic_ns(), spec.warmup_seconds, spec.seconds);

    cpu_meter meter(job.window);
    const std::optional<read_tally> tally = run_engine(spec.engine, job);
    if (!tally) {
        result.error = "read: unknown engine '" + spec.engine + "'";
        return result;
    }
    result.error = tally->error;
    result.note = tally->note;
    if (!result.error.empty()) {
        meter.abandon();
    }
    result.cpu_seconds = meter.finish();
    if (tally->lost) {
        // The kernel may still write into these buffers: they are never freed.
        static_cast<void>(plan.release());
    }
    result.latency_ns = tally->latency_ns;
    result.operations = tally->operations;
    result.wall_seconds = job.window.seconds();
    if (result.error.empty() && result.operations == 0) {
        result.was_idle = true;
        result.error = "no read completed inside the window";
    }
    return result;
}

} // namespace rp::lab
