// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/progress.hpp"

#include "bench/lab/machine.hpp"
#include "bench/lab/quantity.hpp"

#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace rp::lab {

progress::progress(std::size_t total, double estimated_seconds)
    : terminal_(isatty(STDERR_FILENO) == 1), total_(total), estimated_seconds_(estimated_seconds),
      started_ns_(now_ns()) {}

progress::~progress() {
    clear_line();
}

void progress::clear_line() {
    if (line_open_) {
        std::fputs("\r\033[K", stderr);
        line_open_ = false;
    }
}

std::string progress::time_left(double remaining_seconds) const {
    const double planned = estimated_seconds_ - remaining_seconds;
    const double spent = static_cast<double>(now_ns() - started_ns_) * 1e-9;
    const double pace = planned > 3 ? spent / planned : 1;
    return show_seconds(remaining_seconds * pace);
}

void progress::show(std::size_t done, double remaining_seconds, const std::string& what) {
    if (!terminal_) {
        return;
    }
    winsize size{};
    const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10;
    std::string line = fmt::format(
        "[{}/{}] about {} left  {}", done + 1, total_, time_left(remaining_seconds), what);
    const std::size_t width = known ? size.ws_col - 1U : 79U;
    line.resize(std::min(line.size(), width));
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
    std::fflush(stderr);
    line_open_ = true;
}

void progress::round_done(std::size_t done, double remaining_seconds, const std::string& block) {
    if (!terminal_) {
        std::fprintf(stderr,
                     "%zu/%zu measured, about %s left: %s\n",
                     done,
                     total_,
                     time_left(remaining_seconds).c_str(),
                     block.c_str());
    }
}

void progress::note(const std::string& text) {
    clear_line();
    std::fprintf(stderr, "%s\n", text.c_str());
}

} // namespace rp::lab
