// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/block_sight.hpp"

#include "kernel_iface/linux/block_bell.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/thread.hpp"

#include <atomic>
#include <cstdio>
#include <string>

namespace rp::kernel {

namespace {

std::atomic<unsigned> open_sights{0};

/// For whoever has asked for perf and does not get it everywhere: once, with the cause.
void complain_about_perf(const switch_records::refusal& why) noexcept {
    static std::atomic<bool> has_complained{false};
    const detection_choice& choice = detection();
    // mo: relaxed, only whether somebody was first.
    if (choice.is_named && choice.tier == detection_tier::perf &&
        !has_complained.exchange(true, std::memory_order_relaxed)) {
        std::fprintf(stderr,
                     "ringpool: RINGPOOL_DETECT=perf: %s; some threads are seen by a lower tier\n",
                     explain(why).c_str());
    }
}

thread_activity activity_of_letter(char letter) noexcept {
    switch (letter) {
    case 'R':
        return thread_activity::running;
    case 0: // no such thread, or no /proc
    case 'X':
    case 'Z':
        return thread_activity::unknown;
    default:
        return thread_activity::blocked;
    }
}

} // namespace

bool is_asleep(pid_t tid) noexcept {
    return activity_of_letter(thread_state(tid)) == thread_activity::blocked;
}

bool block_sight::is_scarce() noexcept {
    // mo: relaxed, a hint.
    return open_sights.load(std::memory_order_relaxed) > sights_max / 2;
}

void block_sight::open(pid_t tid, detection_tier best, bool rings) noexcept {
    close();
    tid_ = tid;
    is_own_thread_ = tid == thread_id();
    if (best == detection_tier::announced) {
        tier_ = best;
        return;
    }
    // mo: relaxed, a count.
    is_counted_ = open_sights.fetch_add(1, std::memory_order_relaxed) < sights_max;
    if (!is_counted_) {
        // mo: relaxed, as above.
        open_sights.fetch_sub(1, std::memory_order_relaxed);
        tier_ = detection_tier::state;
        return;
    }
    const bool has_perf = best == detection_tier::perf && open_perf(tid, rings);
    if (!has_perf && !(best >= detection_tier::schedstat && open_schedstat(tid))) {
        (void)open_state(tid);
    }
}

bool block_sight::open_perf(pid_t tid, bool rings) noexcept {
    if (const switch_records::refusal why = records_.open(tid, rings); why.error != 0) {
        complain_about_perf(why);
        return false;
    }
    tier_ = detection_tier::perf;
    if (!rings) {
        return true;
    }
    if (const int error = block_bell::add(records_.descriptor()); error != 0) {
        complain_about_perf({error, false});
        records_.close();
        return false;
    }
    return true;
}

bool block_sight::open_schedstat(pid_t tid) noexcept {
    if (totals_file_.open(tid) != 0 || !open_state(tid)) {
        totals_file_.close();
        return false;
    }
    tier_ = detection_tier::schedstat;
    seen_at_ns_ = 0;
    return true;
}

bool block_sight::open_state(pid_t tid) noexcept {
    tier_ = detection_tier::state;
    return letter_file_.open(tid) == 0;
}

void block_sight::close() noexcept {
    if (records_.is_open()) {
        block_bell::remove(records_.descriptor());
        records_.close();
    }
    totals_file_.close();
    letter_file_.close();
    if (is_counted_) {
        // mo: relaxed, a count.
        open_sights.fetch_sub(1, std::memory_order_relaxed);
        is_counted_ = false;
    }
    tid_ = 0;
}

thread_activity block_sight::look(int64_t now_ns) noexcept {
    if (!is_open() || tier_ == detection_tier::announced) {
        return thread_activity::unknown;
    }
    if (tier_ == detection_tier::schedstat) {
        return look_at_totals(now_ns);
    }
    if (tier_ == detection_tier::state) {
        return look_at_letter();
    }
    switch (records_.newest().what) {
    case switch_records::kind::in:
        return thread_activity::running;
    case switch_records::kind::out_blocked:
        // Being woken is no switch: the letter tells who only waits for a CPU by now.
        return look_at_letter() == thread_activity::running ? thread_activity::waiting_for_cpu
                                                            : thread_activity::blocked;
    case switch_records::kind::out_preempted:
        return thread_activity::waiting_for_cpu;
    case switch_records::kind::none:
        break;
    }
    return is_own_thread_ ? thread_activity::running : look_at_letter();
}

thread_activity block_sight::look_at_totals(int64_t now_ns) noexcept {
    schedule_totals now;
    if (!totals_file_.read(now)) {
        return thread_activity::unknown;
    }
    const uint64_t ran_ns = now.run_ns - seen_.run_ns;
    const uint64_t waited_ns = now.wait_ns - seen_.wait_ns;
    const auto passed_ns = static_cast<uint64_t>(now_ns - seen_at_ns_);
    const bool is_first = seen_at_ns_ == 0;
    const bool has_changed = is_first || ran_ns != 0 || now.slices != seen_.slices;
    seen_ = now;
    seen_at_ns_ = now_ns;
    if (!has_changed &&
        (verdict_ == thread_activity::running || verdict_ == thread_activity::waiting_for_cpu)) {
        return verdict_;
    }
    if (is_first || ran_ns + waited_ns < passed_ns / 2) {
        verdict_ = look_at_letter();
    } else {
        verdict_ = waited_ns > ran_ns ? thread_activity::waiting_for_cpu : thread_activity::running;
        // The thread may have gone to sleep since: the next look must not rely on this one.
        seen_.slices = 0;
    }
    return verdict_;
}

thread_activity block_sight::look_at_letter() const noexcept {
    // Without a kept descriptor the file is opened for this look.
    return activity_of_letter(letter_file_.is_open() ? letter_file_.read() : thread_state(tid_));
}

} // namespace rp::kernel
