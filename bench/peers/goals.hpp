// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/peers/statistics.hpp"

#include <string>
#include <string_view>
#include <vector>

// How good is good enough, said once. A goal bounds a ratio, never a time: times belong to a
// machine. A missed goal is shown and is no failure of the run.

namespace rp::peers {

enum class bound { at_most, at_least };

struct goal {
    std::string_view shape; // of row_result
    unsigned workers;       // 0: any number
    // "limit": over_limit of the best limit. "peers": times_better than the best peer. Otherwise
    // the name of a peer.
    std::string_view against;
    bound sense;
    double value;
};

const std::vector<goal>& all_goals();

enum class verdict { met, missed, open }; // open: the ratio could not be taken

struct judged_goal {
    const goal* which = nullptr;
    std::optional<double> ratio;
    verdict outcome = verdict::open;
};

std::vector<judged_goal> judge(const row_result& row);

std::string_view name_of(verdict v);

// "<= 2.5x limit", ">= 6x best peer", ">= 0.85 of limit"
std::string text_of(const row_result& row, const goal& which);

} // namespace rp::peers
