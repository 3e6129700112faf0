// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/lab/workloads/echo_client.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

// What every engine of the echo workload is given: connected sockets with TCP_NODELAY, and a time
// at which it must have returned. An engine owns the sockets from the call on and closes them all,
// whatever happens. It returns when the client has closed every connection.

namespace rp::lab {

struct echo_job {
    std::vector<int> sockets; // blocking
    unsigned workers = 1;
    std::string policy; // ringpool only
    std::uint64_t give_up_ns = 0;
};

// Empty when every connection was served until its client closed it.
struct echo_outcome {
    std::string error;
    std::string note;
};

// Runs one loop per worker, each on a thread and with a share of the sockets of its own; returns
// the first error. A worker for which no socket is left is not started.
echo_outcome
run_echo_loops(const echo_job& job,
               const std::function<std::string(const echo_job&, std::span<const int>)>& loop);

// A connection that the client has closed or reset is over, not broken.
bool is_hang_up(int error) noexcept;

echo_outcome run_echo_ringpool(const echo_job& job);
echo_outcome run_echo_raw(const echo_job& job);
echo_outcome run_echo_libuv(const echo_job& job);
echo_outcome run_echo_asio(const echo_job& job);
echo_outcome run_echo_epoll(const echo_job& job);

} // namespace rp::lab
