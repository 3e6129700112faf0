// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

namespace rp::lab {

// An open file descriptor, or none; closed at the end.
class descriptor {
public:
    explicit descriptor(int fd = -1) : fd_(fd) {}

    ~descriptor() { reset(); }

    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;

    void reset(int fd = -1) {
        if (fd_ >= 0) {
            ::close(fd_);
        }
        fd_ = fd;
    }

    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

} // namespace rp::lab
