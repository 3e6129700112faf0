// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace rp::kernel {

/// For broken invariants and for system calls that cannot fail unless the process is beyond help:
/// one line on stderr, then abort. `error` is a positive or negative errno value, or 0.
[[noreturn]] inline void fatal(const char* what, int error = 0) noexcept {
    const int number = error < 0 ? -error : error;
    std::fprintf(stderr,
                 "ringpool: %s%s%s\n",
                 what,
                 number != 0 ? ": " : "",
                 number != 0 ? std::strerror(number) : "");
    std::abort();
}

} // namespace rp::kernel
