// SPDX-License-Identifier: Apache-2.0
#pragma once

// A descriptor that a child of fork() does not inherit.
//
// What looks at our own threads (a perf event, a file of /proc/self/task) means nothing in a child,
// which has none of them, but an inherited copy would keep the event and its memory alive.
// O_CLOEXEC helps only if the child calls exec. So every private_fd is in a list that the child
// closes before it gets to run; there the object reads -1, as if it had been reset.

namespace rp::kernel {

class private_fd {
public:
    private_fd() noexcept = default;

    ~private_fd() { reset(); }

    private_fd(const private_fd&) = delete;
    private_fd& operator=(const private_fd&) = delete;

    /// -1: none, or lost to a fork.
    [[nodiscard]] int get() const noexcept { return fd_; }

    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }

    /// Closes what it holds and takes `fd` (-1: nothing).
    void reset(int fd = -1) noexcept;

private:
    friend struct private_fd_list;

    int fd_ = -1;
    private_fd* next_ = nullptr;     // guard: the list's lock
    private_fd* previous_ = nullptr; // guard: the list's lock
};

} // namespace rp::kernel
