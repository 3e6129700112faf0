// SPDX-License-Identifier: Apache-2.0
#pragma once
// Looking at one thread of this process: does it run, wait for a CPU, or sleep in the kernel?
//
// One interface for every tier of detection.hpp. A sight is opened while its thread can be blocked
// to somebody's cost, and closed when it cannot or when the thread ends, so descriptors are spent
// on suspects, not on threads; never more than sights_max are open in a process. A thread that gets
// none of a tier (descriptors or locked memory have run out) is looked at through the next one
// below; the lowest opens its file for each look and keeps nothing.
//
// What a look means:
//   perf       the newest switch record; "blocked" is confirmed by the letter, since a thread that
//              has been woken and waits for a CPU has not been switched yet; before the first
//              record, the letter
//   schedstat  the totals are those of the last look, which found it running: it still is, because
//              going to sleep would have brought the totals up to date. It ran or waited for the
//              CPU for half of the time or longer: not blocked, though it may sleep for a moment
//              just now. Otherwise the letter.
//   state      the letter
//
// A sight is not synchronised: its owner has a lock for it. block_bell may ring at any time.
#include "kernel_iface/linux/detection.hpp"
#include "kernel_iface/linux/switch_records.hpp"
#include "kernel_iface/linux/thread_files.hpp"

#include <sys/types.h>

#include <cstdint>

namespace rp::kernel {

/// Asks once, without a sight: does a thread of this process sleep in the kernel?
bool is_asleep(pid_t tid) noexcept;

enum class thread_activity : uint8_t { running, waiting_for_cpu, blocked, unknown };

class block_sight {
public:
    static constexpr unsigned sights_max = 128;

    block_sight() noexcept = default;

    ~block_sight() { close(); }

    block_sight(const block_sight&) = delete;
    block_sight& operator=(const block_sight&) = delete;

    /// Opens the best tier that is not above `best`. With `rings`, block_bell hears of the switches
    /// of a perf sight.
    void open(pid_t tid, detection_tier best, bool rings) noexcept;
    void close() noexcept;

    [[nodiscard]] bool is_open() const noexcept { return tid_ != 0; }

    /// What it looks through; meaningful while open.
    [[nodiscard]] detection_tier tier() const noexcept { return tier_; }

    [[nodiscard]] thread_activity look(int64_t now_ns) noexcept;

    /// Many sights are open: better close what has served than keep it for the next time.
    [[nodiscard]] static bool is_scarce() noexcept;

private:
    [[nodiscard]] bool open_perf(pid_t tid, bool rings) noexcept;
    [[nodiscard]] bool open_schedstat(pid_t tid) noexcept;
    [[nodiscard]] bool open_state(pid_t tid) noexcept;
    [[nodiscard]] thread_activity look_at_totals(int64_t now_ns) noexcept;
    [[nodiscard]] thread_activity look_at_letter() const noexcept;

    pid_t tid_ = 0;
    detection_tier tier_ = detection_tier::announced;
    bool is_counted_ = false;
    bool is_own_thread_ = false; // opened by the thread itself: it was running then
    switch_records records_;
    schedstat_file totals_file_;
    state_file letter_file_;
    schedule_totals seen_;
    int64_t seen_at_ns_ = 0;
    thread_activity verdict_ = thread_activity::unknown; // on seen_
};

} // namespace rp::kernel
