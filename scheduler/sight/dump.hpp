// SPDX-License-Identifier: Apache-2.0
#pragma once
// One page about every pool, for when something is stuck.
//
// A stuck thread may hold any lock, and the page may be asked for by a signal that has interrupted
// the holder. So nothing here waits: what is guarded by a lock is read if the lock can be had
// within a bounded number of tries, and named as not readable otherwise. No memory is allocated;
// text goes out by write(2).
#include <cstddef>
#include <cstdint>

namespace rp::sched {

class dump_writer {
public:
    explicit dump_writer(int fd) noexcept : fd_(fd) {}

    ~dump_writer() { flush(); }

    dump_writer(const dump_writer&) = delete;
    dump_writer& operator=(const dump_writer&) = delete;

    dump_writer& operator<<(const char* text) noexcept;
    dump_writer& operator<<(uint64_t number) noexcept;
    dump_writer& hex(uint64_t number) noexcept;
    void flush() noexcept;

    /// False once a write has failed.
    [[nodiscard]] bool is_good() const noexcept { return is_good_; }

private:
    void put(char c) noexcept;

    int fd_;
    size_t used_ = 0;
    bool is_good_ = true;
    char buffer_[512];
};

/// Writes the page about all pools. False when it could not be written. Async-signal-safe.
bool dump_all(int fd) noexcept;

/// Lets SIGUSR2 write the page to stderr. Returns 0 or -errno.
int dump_on_signal() noexcept;

} // namespace rp::sched
