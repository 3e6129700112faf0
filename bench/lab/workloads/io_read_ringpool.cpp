// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/workloads/io_bench_pool.hpp"
#include "bench/lab/workloads/io_read_job.hpp"

#include <windows.h>

#include <atomic>
#include <deque>
#include <mutex>

// The read workload as a Windows program would write it: one file HANDLE, one TP_IO, one OVERLAPPED
// per slot, and a callback that starts the slot's next read.

namespace rp::lab {

namespace {

// One tally per thread that has run a callback of this run; a pool may replace its threads.
class thread_tallies {
public:
    read_tally& mine() {
        struct cache {
            std::uint64_t run = 0;
            read_tally* tally = nullptr;
        };

        static thread_local cache cached;
        if (cached.run != run_) [[unlikely]] {
            const std::lock_guard lock(mutex_);
            cached = {run_, &tallies_.emplace_back()};
        }
        return *cached.tally;
    }

    // Only when no callback can run any more.
    read_tally sum() const {
        read_tally total;
        for (const auto& tally : tallies_) {
            total.merge(tally);
        }
        return total;
    }

private:
    static std::uint64_t next_run() {
        static std::atomic<std::uint64_t> runs{0};
        // mo: relaxed, only uniqueness matters
        return runs.fetch_add(1, std::memory_order_relaxed) + 1;
    }

    const std::uint64_t run_ = next_run();
    std::mutex mutex_;
    std::deque<read_tally> tallies_;
};

class pool_reader {
public:
    explicit pool_reader(const read_job& job) : job_(job), requests_(job.plan->slots().size()) {
        for (std::size_t i = 0; i < requests_.size(); ++i) {
            requests_[i].slot = &job.plan->slots()[i];
        }
        // mo: relaxed, no callback exists yet
        in_flight_.store(requests_.size(), std::memory_order_relaxed);
    }

    read_tally run() {
        read_tally result;
        result.error = open();
        if (result.error.empty()) {
            const std::uint64_t now_ns = monotonic_ns();
            for (auto& request : requests_) {
                issue(request, now_ns);
            }
            if (!drained_.wait_until(job_.window.give_up_ns())) {
                result.lost = true;
                result.error = "ringpool: reads were still in flight " +
                               std::to_string(drain_limit_ns / 1'000'000'000U) +
                               " s after the window";
                return result;
            }
            WaitForThreadpoolIoCallbacks(io_, FALSE);
            result = tallies_.sum();
            result.note = pool_.completion_source();
        }
        close();
        return result;
    }

private:
    struct pending_read {
        OVERLAPPED overlapped{}; // first: the callback gets its address
        read_slot* slot = nullptr;
    };

    std::string open() {
        if (std::string fault = pool_.open(job_.policy, job_.workers); !fault.empty()) {
            return fault;
        }
        const DWORD flags = FILE_FLAG_OVERLAPPED | (job_.direct ? FILE_FLAG_NO_BUFFERING : 0U);
        file_ = CreateFileA(job_.path.c_str(),
                            GENERIC_READ,
                            FILE_SHARE_READ,
                            nullptr,
                            OPEN_EXISTING,
                            flags,
                            nullptr);
        if (file_ == INVALID_HANDLE_VALUE) {
            return describe_win32(("ringpool: CreateFile " + job_.path).c_str(), GetLastError());
        }
        io_ = CreateThreadpoolIo(file_, on_read, this, pool_.environment());
        return io_ != nullptr ? std::string()
                              : describe_win32("ringpool: CreateThreadpoolIo", GetLastError());
    }

    void close() {
        if (io_ != nullptr) {
            CloseThreadpoolIo(io_);
        }
        if (file_ != INVALID_HANDLE_VALUE) {
            CloseHandle(file_);
        }
    }

    void issue(pending_read& request, std::uint64_t now_ns) {
        const std::uint64_t offset = job_.plan->advance(*request.slot);
        request.slot->issued_ns = now_ns;
        request.overlapped = {};
        request.overlapped.Offset = static_cast<DWORD>(offset);
        request.overlapped.OffsetHigh = static_cast<DWORD>(offset >> 32);
        StartThreadpoolIo(io_);
        // TRUE is no special case: without the skip mode a success calls back too (R-IO-7).
        if (!ReadFile(file_, request.slot->buffer, block_bytes, nullptr, &request.overlapped) &&
            GetLastError() != ERROR_IO_PENDING) {
            const DWORD error = GetLastError();
            CancelThreadpoolIo(io_);
            tallies_.mine().error = describe_win32("ringpool: ReadFile", error);
            retire();
        }
    }

    static void CALLBACK on_read(PTP_CALLBACK_INSTANCE,
                                 PVOID context,
                                 PVOID overlapped,
                                 ULONG error,
                                 ULONG_PTR bytes,
                                 PTP_IO) {
        static_cast<pool_reader*>(context)->complete(
            *reinterpret_cast<pending_read*>(overlapped), error, bytes);
    }

    void complete(pending_read& request, ULONG error, ULONG_PTR bytes) {
        const std::uint64_t now_ns = monotonic_ns();
        read_tally& tally = tallies_.mine();
        if (error != ERROR_SUCCESS && tally.error.empty()) {
            tally.error = describe_win32("ringpool: a read", error);
        }
        if (finish_read(
                tally, *request.slot, static_cast<std::int64_t>(bytes), now_ns, job_.window)) {
            issue(request, now_ns);
        } else {
            retire();
        }
    }

    void retire() {
        // mo: acq_rel, pairs last_retire (itself): the last one sees what the others wrote
        if (in_flight_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            drained_.set();
        }
    }

    const read_job job_;
    bench_pool pool_;
    HANDLE file_ = INVALID_HANDLE_VALUE;
    PTP_IO io_ = nullptr;
    std::vector<pending_read> requests_;
    thread_tallies tallies_;
    std::atomic<std::size_t> in_flight_{0};
    one_shot drained_;
};

} // namespace

read_tally run_read_ringpool(const read_job& job) {
    auto reader = std::make_unique<pool_reader>(job);
    read_tally result = reader->run();
    if (result.lost) {
        // A late callback may still come: what it touches stays.
        static_cast<void>(reader.release());
    }
    return result;
}

} // namespace rp::lab
