// SPDX-License-Identifier: Apache-2.0
#pragma once
// What every io_sink promises, as one list of checks run against rings of each flavour and against
// the thread-backed source.
#include "kernel_iface/linux/io_request.hpp"

#include <array>
#include <cstdint>

namespace rp::test {

/// A request that records what happens to it.
struct probe_request final : kernel::io_request {
    std::atomic<uint32_t> is_done{0}; // futex word, set after completion and destruction
    std::atomic<int32_t> result{0};
    std::atomic<uint32_t> completions{0};
    std::atomic<uint32_t> destructions{0};
    void (*then)(probe_request&) noexcept = nullptr; // called at the end of each completion

    probe_request();
    /// The same for one operation: `offset` ~0 reads and writes a stream.
    probe_request(kernel::io_op op,
                  int fd,
                  void* addr = nullptr,
                  uint32_t len = 0,
                  uint32_t flags = 0,
                  uint64_t offset = ~uint64_t{0});

    [[nodiscard]] bool has_ended() const noexcept;
    [[nodiscard]] int32_t res() const noexcept;
};

/// A sink and a way to get on until a request has ended.
class sink_harness {
public:
    virtual kernel::io_sink& sink() = 0;
    virtual void run_until_ended(probe_request& request) = 0;

protected:
    ~sink_harness() = default;
};

struct pipe_pair {
    std::array<int, 2> fds{-1, -1};

    explicit pipe_pair(int flags = 0);
    ~pipe_pair();
    pipe_pair(const pipe_pair&) = delete;
    pipe_pair& operator=(const pipe_pair&) = delete;

    [[nodiscard]] int read_end() const { return fds[0]; }

    [[nodiscard]] int write_end() const { return fds[1]; }

    void put(const char* text) const;
};

/// Cancels as an engine does: the bit, then a hold and post() if the request was armed. Returns
/// whether it was posted.
template <class Post>
bool cancel_armed(kernel::io_request& request, Post post) {
    // mo: acq_rel, pairs request.place (the armer and the reaper).
    const uintptr_t before = request.place.fetch_or(1, std::memory_order_acq_rel);
    if (before == 0 || (before & 1U) != 0) {
        return false;
    }
    request.hold();
    post(request);
    return true;
}

void check_sink_semantics(sink_harness& harness);

} // namespace rp::test
