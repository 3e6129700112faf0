// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace rp::test {

/// While one lives, this process can open no descriptor: the limit is the lowest that is free.
class no_descriptors {
public:
    no_descriptors() {
        const int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
        REQUIRE(lowest >= 0);
        close(lowest);
        REQUIRE(getrlimit(RLIMIT_NOFILE, &usual_) == 0);
        const rlimit none{static_cast<rlim_t>(lowest), usual_.rlim_max};
        REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    }

    ~no_descriptors() { CHECK(setrlimit(RLIMIT_NOFILE, &usual_) == 0); }

    no_descriptors(const no_descriptors&) = delete;
    no_descriptors& operator=(const no_descriptors&) = delete;

private:
    rlimit usual_{};
};

} // namespace rp::test
