// SPDX-License-Identifier: Apache-2.0
#pragma once
// What looking costs, how fast it tells, and how often it is wrong: one sight on one thread.
#include "bench/detection/samples.hpp"
#include "kernel_iface/linux/block_sight.hpp"

#include <cstdint>

namespace rp::detection {

/// A way of looking.
struct way {
    const char* name;
    kernel::detection_tier tier;
    bool rings;
};

/// How a switch of the watched thread is recorded.
enum class recording { none, silent, ringing, heard };

/// Nanoseconds that a switch of a thread takes, out and in again, in a ping-pong of two threads on
/// one CPU over `rounds` rounds. `heard`: with somebody waiting for the bell on another CPU.
double switch_ns(recording how, unsigned rounds);

struct look_cost {
    double open_us; ///< and close
    double running_ns;
    double blocked_ns;
};

look_cost cost_of_looks(const way& how, unsigned looks);

struct notice {
    samples latency_us; ///< from the call that blocks until the look that said so
    unsigned blocks = 0;
};

/// A thread that computes for a random while and then sleeps for `block_ns`, watched as the monitor
/// does it while blocks matter: at the bell where one rings, or every 200 us.
notice notice_blocks(const way& how, int64_t block_ns, unsigned blocks);

struct verdicts {
    unsigned looks = 0;
    unsigned blocked = 0;
    unsigned waiting = 0;
};

/// Two threads that compute on one CPU, looked at in the same way for `duration_ns`.
verdicts look_at_hogs(const way& how, int64_t duration_ns);

} // namespace rp::detection
