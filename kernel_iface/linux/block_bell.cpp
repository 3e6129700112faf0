// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/block_bell.hpp"

#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/private_fd.hpp"
#include "kernel_iface/linux/switch_records.hpp"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string_view>

namespace rp::kernel::block_bell {

namespace {

struct bell_set {
    std::mutex lock;
    private_fd epoll;     // guard: lock; closed by the waiter alone
    unsigned members = 0; // guard: lock
};

bell_set& bell() noexcept {
    static auto* const set = new bell_set; // never destroyed: the monitor outlives static objects
    return *set;
}

constexpr int64_t price_max_ns = 4'000;

bool find_out_if_worthwhile() noexcept {
    const char* wish = std::getenv("RINGPOOL_BELL");
    const std::string_view value = wish != nullptr ? wish : "";
    if (value == "0" || value == "1") {
        return value == "1";
    }
    if (!value.empty()) {
        std::fprintf(stderr, "ringpool: RINGPOOL_BELL: '%s' is neither 0 nor 1; measuring\n", wish);
    }
    const int64_t price_ns = switch_records::wake_price_ns();
    return price_ns >= 0 && price_ns <= price_max_ns;
}

/// The set's descriptor, or -1 and closed when nobody is in it.
int occupied_epoll() noexcept {
    bell_set& set = bell();
    const std::scoped_lock guard(set.lock);
    if (set.members == 0) {
        set.epoll.reset();
    }
    return set.epoll.get();
}

} // namespace

bool is_worthwhile() noexcept {
    static const bool is_worth_it = find_out_if_worthwhile();
    return is_worth_it;
}

int add(int descriptor) noexcept {
    const int saved_errno = errno;
    bell_set& set = bell();
    const std::scoped_lock guard(set.lock);
    if (!set.epoll.is_open()) {
        set.epoll.reset(epoll_create1(EPOLL_CLOEXEC));
    }
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.fd = descriptor;
    int error = 0;
    if (!set.epoll.is_open() ||
        epoll_ctl(set.epoll.get(), EPOLL_CTL_ADD, descriptor, &interest) != 0) {
        error = -errno;
    } else {
        ++set.members;
    }
    errno = saved_errno;
    return error;
}

void remove(int descriptor) noexcept {
    const int saved_errno = errno;
    bell_set& set = bell();
    const std::scoped_lock guard(set.lock);
    if (set.epoll.is_open() &&
        epoll_ctl(set.epoll.get(), EPOLL_CTL_DEL, descriptor, nullptr) == 0) {
        --set.members;
    }
    errno = saved_errno;
}

answer wait(int64_t until_ns) noexcept {
    const int epoll = occupied_epoll();
    if (epoll < 0) {
        return answer::nobody;
    }
    const int saved_errno = errno;
    // poll, because epoll_wait counts milliseconds and epoll_pwait2 came with Linux 5.11.
    const int64_t left_ns = std::max<int64_t>(until_ns - now_ns(), 0);
    timespec timeout{};
    timeout.tv_sec = static_cast<time_t>(left_ns / 1'000'000'000);
    timeout.tv_nsec = static_cast<long>(left_ns % 1'000'000'000);
    pollfd one{epoll, POLLIN, 0};
    const bool has_rung = ppoll(&one, 1, &timeout, nullptr) == 1;
    if (has_rung) {
        std::array<epoll_event, 64> heard{};
        (void)epoll_wait(epoll, heard.data(), static_cast<int>(heard.size()), 0); // silences them
    }
    errno = saved_errno;
    return has_rung ? answer::rang : answer::timed_out;
}

} // namespace rp::kernel::block_bell
