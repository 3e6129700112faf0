// SPDX-License-Identifier: Apache-2.0
#pragma once

// A pool whose callbacks block: how long those behind them wait.

namespace rp::detection {

struct waiting_times {
    double first_us = 0;  ///< from the submits to the start of the first computing callback
    double all_us = 0;    ///< to the start of the last one
    double later_us = 0;  ///< submitted when everybody was blocked: to the start of the last one
    unsigned threads = 0; ///< the most the pool had
};

constexpr unsigned blockers = 64;
constexpr unsigned computers = 8;

/// 64 callbacks that wait for a byte of a pipe of their own (or, announced, for an event), and 8
/// computing callbacks of a lower priority behind them; then 8 more. In a new pool,
/// with RINGPOOL_DETECT as it is.
waiting_times one_round(bool is_announced);

} // namespace rp::detection
