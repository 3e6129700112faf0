// SPDX-License-Identifier: Apache-2.0
#include "scheduler/sight/dump.hpp"

#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "scheduler/engine.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <mutex>

namespace rp::sched {

namespace {

constexpr unsigned lock_tries = 2000;

/// Some tens of microseconds at most.
bool try_for_a_while(kernel::spin_lock& lock) noexcept {
    for (unsigned i = 0; i < lock_tries; ++i) {
        if (lock.try_lock()) {
            return true;
        }
        kernel::cpu_relax();
    }
    return false;
}

void print_core(const core_detail& c, void* to) {
    dump_writer& out = *static_cast<dump_writer*>(to);
    if (!c.is_open && c.holder == 0 && c.queued == 0) {
        return; // the maximum leaves no room for it
    }
    out << "  core " << static_cast<uint64_t>(c.id) << ": ";
    if (c.holder != 0) {
        out << "worker " << static_cast<uint64_t>(c.holder);
    } else {
        out << (c.is_open ? "idle" : "closed");
    }
    out << ", " << c.queued << " queued, " << c.items << " run\n";
}

void print_last_event(dump_writer& out, uint32_t thread) noexcept {
    event last;
    if (!events::is_recording() || !events::last_of(thread, last)) {
        return;
    }
    constexpr uint64_t mask = (uint64_t{1} << events::function_bits) - 1;
    if (last.kind == event_kind::callback_begins) {
        out << ", function ";
        out.hex(last.detail & mask) << " of object ";
        out.hex(last.object);
    }
    const int64_t ago = kernel::now_ns() - kernel::tick_clock::to_ns(last.ticks);
    out << ", last event " << static_cast<uint64_t>(ago > 0 ? ago / 1000 : 0) << " us ago";
}

void print_worker(const worker_detail& w, void* to) {
    dump_writer& out = *static_cast<dump_writer*>(to);
    if (!w.is_alive) {
        return;
    }
    const char letter[] = {kernel::thread_state(w.thread), '\0'};
    out << "  worker " << static_cast<uint64_t>(w.thread) << ": "
        << (w.is_parked        ? "parked"
            : w.is_in_callback ? "in a callback"
                               : "in the scheduler");
    if (w.core != no_core) {
        out << ", core " << static_cast<uint64_t>(w.core);
    } else if (w.is_in_callback) {
        out << ", has no core";
    }
    out << ", kernel state " << (letter[0] != '\0' ? letter : "?") << ", " << w.callbacks
        << " callbacks done";
    print_last_event(out, static_cast<uint32_t>(w.thread));
    out << "\n";
}

constinit std::atomic<bool> is_dumping{false};

void on_dump_signal(int /*signal*/) {
    const int saved_errno = errno;
    // mo: acquire, pairs dump.running (below): one page at a time.
    if (!is_dumping.exchange(true, std::memory_order_acquire)) {
        (void)dump_all(STDERR_FILENO);
        // mo: release, pairs dump.running (above).
        is_dumping.store(false, std::memory_order_release);
    }
    errno = saved_errno;
}

} // namespace

void dump_writer::put(char c) noexcept {
    if (used_ == sizeof buffer_) {
        flush();
    }
    buffer_[used_++] = c;
}

dump_writer& dump_writer::operator<<(const char* text) noexcept {
    for (; *text != '\0'; ++text) {
        put(*text);
    }
    return *this;
}

dump_writer& dump_writer::operator<<(uint64_t number) noexcept {
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (count != 0) {
        put(digits[--count]);
    }
    return *this;
}

dump_writer& dump_writer::hex(uint64_t number) noexcept {
    *this << "0x";
    int shift = 60;
    while (shift > 0 && (number >> static_cast<unsigned>(shift)) == 0) {
        shift -= 4;
    }
    for (; shift >= 0; shift -= 4) {
        put("0123456789abcdef"[(number >> static_cast<unsigned>(shift)) & 15U]);
    }
    return *this;
}

void dump_writer::flush() noexcept {
    size_t done = 0;
    while (done < used_ && is_good_) {
        const ssize_t wrote = write(fd_, buffer_ + done, used_ - done);
        if (wrote >= 0) {
            done += static_cast<size_t>(wrote);
        } else if (errno != EINTR) {
            is_good_ = false;
        }
    }
    used_ = 0;
}

void engine::dump(dump_writer& out) noexcept {
    const engine_statistics s = statistics();
    const statistics_in_detail d = detail();
    // mo: relaxed, a one-way flag.
    const bool is_over = is_shut_down_.load(std::memory_order_relaxed);
    out << "pool " << serial_ << ": policy " << policy_name() << (is_over ? ", closed" : "")
        << "\n  threads " << uint64_t{s.threads} << " (minimum " << uint64_t{s.threads_minimum}
        << ", maximum " << uint64_t{s.threads_maximum} << "), parked " << uint64_t{s.idle}
        << ", in callbacks without a core " << uint64_t{s.blocked} << ", searching "
        << uint64_t{crowd_.searching()} << "\n  queued " << d.queued << ": arrivals "
        << uint64_t{arrivals_length()} << ", shared";
    for (const fifo& f : shared_) {
        out << " " << uint64_t{f.size()};
    }
    out << " (high, normal, low)\n  callbacks done " << s.callbacks << ", completions "
        << s.completions << ", steals " << s.steals << ", parks " << s.parks << ", wakes "
        << s.wakes << ", rescues " << s.rescues << "\n";
    if (try_for_a_while(timers_.lock())) {
        const std::scoped_lock guard(std::adopt_lock, timers_.lock());
        out << "  deadlines " << uint64_t{timers_.count()} << "\n";
    } else {
        out << "  deadlines: not readable, their lock is held\n";
    }
    if (try_for_a_while(roster_lock_)) {
        const std::scoped_lock guard(std::adopt_lock, roster_lock_);
        if (idle_newest_ != nullptr) {
            // mo: relaxed, see thread_main.
            const pid_t next = idle_newest_->tid_.load(std::memory_order_relaxed);
            out << "  next to be woken: worker " << static_cast<uint64_t>(next) << "\n";
        }
    } else {
        out << "  who is woken next: not readable, the roster lock is held\n";
    }
    each_core(&print_core, &out);
    each_worker(&print_worker, &out);
}

bool dump_all(int fd) noexcept {
    dump_writer out(fd);
    out << "ringpool: the pools of process " << static_cast<uint64_t>(getpid()) << "\n";
    const bool is_read = engine::for_each_alive(
        [](engine& e, void* to) { e.dump(*static_cast<dump_writer*>(to)); }, &out);
    if (!is_read) {
        out << "not readable: the list of pools is locked by a thread that makes or frees one\n";
    }
    out << "end\n";
    out.flush();
    return out.is_good();
}

int dump_on_signal() noexcept {
    struct sigaction action = {};
    action.sa_handler = &on_dump_signal;
    action.sa_flags = SA_RESTART;
    return sigaction(SIGUSR2, &action, nullptr) == 0 ? 0 : -errno;
}

} // namespace rp::sched
