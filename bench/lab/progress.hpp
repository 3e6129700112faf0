// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace rp::lab {

// Where the run is, on stderr: one line that is rewritten on a terminal, a plain line per round
// elsewhere.
class progress {
public:
    progress(std::size_t total, double estimated_seconds);
    ~progress();
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;

    // `done` measurements are finished and the one named here starts. `remaining_seconds` is the
    // plan's figure for what is left; it is scaled by how the past compared with the plan.
    void show(std::size_t done, double remaining_seconds, const std::string& what);
    void round_done(std::size_t done, double remaining_seconds, const std::string& block);

    // A line that stays.
    void note(const std::string& text);

    // Before something is printed to stdout, which may be the same terminal.
    void clear_line();

private:
    [[nodiscard]] std::string time_left(double remaining_seconds) const;

    bool terminal_;
    bool line_open_ = false;
    std::size_t total_;
    double estimated_seconds_;
    std::uint64_t started_ns_;
};

} // namespace rp::lab
