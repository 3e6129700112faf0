// SPDX-License-Identifier: Apache-2.0
#pragma once
// What keeps newest-first work from starving the rest: every `period`-th item comes from one of
// the first-in-first-out sources, which take turns.
#include "scheduler/policy.hpp"

namespace rp::sched::parts {

inline constexpr unsigned fair_sources = 5;

/// The source whose turn it is when `s.turn` is at the middle of a period.
template <uint64_t Period>
[[nodiscard]] action fair_source(const step& s) {
    switch ((s.turn / Period) % fair_sources) {
    case 0:
        return {action::kind::take_arrivals};
    case 1:
        return {action::kind::take_oldest};
    case 2:
        return {action::kind::take_line};
    case 3:
        return {action::kind::take_inbox, 1};
    default:
        return {action::kind::take_shared, priority_normal};
    }
}

template <uint64_t Period>
[[nodiscard]] constexpr bool is_fair_turn(const step& s) {
    return s.tries == 0 && s.turn % Period == Period / 2;
}

/// I/O is looked after this often (turns), however much else there is to do.
inline constexpr uint64_t poll_period = 16;

[[nodiscard]] constexpr bool is_poll_turn(const step& s) {
    return s.tries == 0 && s.turn % poll_period == poll_period - 1;
}

} // namespace rp::sched::parts
