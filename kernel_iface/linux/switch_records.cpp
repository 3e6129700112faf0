// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/switch_records.hpp"

#include "kernel_iface/linux/clock.hpp"

#include <linux/perf_event.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>

namespace rp::kernel {

namespace {

constexpr uint64_t record_bytes = 16; // header and time

// How many forks lie between the first process and this one. The kernel gives a child no copy of
// the rings: what was mapped before the last fork is no memory of ours.
constinit unsigned forks_so_far = 0;
[[maybe_unused]] const int count_forks = pthread_atfork(nullptr, nullptr, [] { ++forks_so_far; });

size_t page_bytes() noexcept {
    static const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return bytes;
}

perf_event_attr switch_event(bool wakes) noexcept {
    perf_event_attr attr{};
    attr.size = sizeof attr;
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_DUMMY;
    attr.sample_type = PERF_SAMPLE_TIME;
    attr.sample_id_all = 1;
    attr.use_clockid = 1;
    attr.clockid = CLOCK_MONOTONIC;
    attr.context_switch = 1;
    attr.exclude_kernel = 1; // what makes it unprivileged; switches are recorded all the same
    attr.exclude_hv = 1;
    attr.write_backward = 1;
    // wakeup_events counts samples, of which there are none; bytes count every record.
    attr.watermark = 1;
    attr.wakeup_watermark = wakes ? 1 : UINT32_MAX;
    return attr;
}

struct switch_record {
    perf_event_header header;
    uint64_t at_ns;
};

static_assert(sizeof(switch_record) == record_bytes);

std::string setting(const char* name) {
    std::ifstream file(std::string("/proc/sys/kernel/") + name);
    std::string value;
    return std::string("kernel.") + name + "=" + (file >> value ? value : "unknown");
}

} // namespace

switch_records::refusal switch_records::open(pid_t tid, bool wakes) noexcept {
    const perf_event_attr attr = switch_event(wakes);
    return open_event(&attr, tid);
}

switch_records::refusal switch_records::open_event(const void* attr, pid_t tid) noexcept {
    close();
    const int saved_errno = errno;
    const long fd = syscall(SYS_perf_event_open, attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0) {
        const refusal why{-errno, false};
        errno = saved_errno;
        return why;
    }
    event_.reset(static_cast<int>(fd));
    void* ring = mmap(nullptr, 2 * page_bytes(), PROT_READ, MAP_SHARED, event_.get(), 0);
    if (ring == MAP_FAILED) {
        const refusal why{-errno, true};
        event_.reset();
        errno = saved_errno;
        return why;
    }
    ring_ = ring;
    forks_ = forks_so_far;
    errno = saved_errno;
    return {};
}

bool switch_records::is_mapped() const noexcept {
    return ring_ != nullptr && forks_ == forks_so_far;
}

void switch_records::close() noexcept {
    const int saved_errno = errno;
    if (is_mapped()) {
        (void)munmap(ring_, 2 * page_bytes());
    }
    event_.reset();
    ring_ = nullptr;
    errno = saved_errno;
}

bool switch_records::withdraw() noexcept {
    if (!is_mapped()) {
        return true;
    }
    const int saved_errno = errno;
    // Not mmap(): ThreadSanitizer would take it for a write into what the other thread reads.
    const long put = syscall(SYS_mmap,
                             ring_,
                             2 * page_bytes(),
                             PROT_READ,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                             -1,
                             0);
    errno = saved_errno;
    return put == reinterpret_cast<long>(ring_);
}

uint64_t switch_records::position() const noexcept {
    if (!is_mapped()) {
        return 0;
    }
    return __atomic_load_n(&static_cast<const perf_event_mmap_page*>(ring_)->data_head,
                           __ATOMIC_ACQUIRE);
}

/// The record at `at`; false when the kernel may have written over it meanwhile.
bool switch_records::read(uint64_t at, record& out) const noexcept {
    const char* data = static_cast<const char*>(ring_) + page_bytes();
    // Acquire, so that the head is read again after the record: a fence, which TSan lacks.
    uint64_t words[record_bytes / sizeof(uint64_t)];
    const auto* from = reinterpret_cast<const uint64_t*>(data + (at & (page_bytes() - 1)));
    for (size_t i = 0; i < std::size(words); ++i) {
        words[i] = __atomic_load_n(from + i, __ATOMIC_ACQUIRE);
    }
    if (at - position() >= page_bytes() - record_bytes) {
        return false;
    }
    switch_record copy{};
    std::memcpy(&copy, words, sizeof copy);
    out = {};
    if (copy.header.type != PERF_RECORD_SWITCH || copy.header.size != record_bytes) {
        return true;
    }
    const unsigned flags = copy.header.misc;
    out.at_ns = static_cast<int64_t>(copy.at_ns);
    out.what = kind::in;
    if ((flags & PERF_RECORD_MISC_SWITCH_OUT) != 0) {
        out.what = (flags & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT) != 0 ? kind::out_preempted
                                                                      : kind::out_blocked;
    }
    return true;
}

switch_records::absence switch_records::since(uint64_t position_then) const noexcept {
    if (!is_mapped()) {
        return {};
    }
    absence sum;
    sum.known = extent::whole;
    int64_t back_ns = -1; // when the thread came back from the absence that is being read
    for (uint64_t at = position(); at != position_then; at += record_bytes) {
        record one;
        if (!read(at, one)) {
            sum.known = extent::at_least;
            break;
        }
        if (one.what == kind::in) {
            back_ns = one.at_ns;
        } else if (back_ns >= 0) {
            (one.what == kind::out_preempted ? sum.preempted_ns : sum.slept_ns) +=
                back_ns - one.at_ns;
            back_ns = -1;
        }
    }
    // A ring has a size. Once it is withdrawn it never has one again, so all reads were before.
    const auto* page = static_cast<const perf_event_mmap_page*>(ring_);
    return __atomic_load_n(&page->data_size, __ATOMIC_ACQUIRE) != 0 ? sum : absence{};
}

switch_records::record switch_records::newest() const noexcept {
    if (!event_.is_open()) {
        return {};
    }
    record copy;
    uint64_t head = position();
    while (head != 0 && !read(head, copy)) {
        head = position();
    }
    return copy;
}

/// The median time that setting one's own name takes under an event that records it.
struct comm_timing {
    int64_t median_ns = 0;
    int error = 0;

    explicit comm_timing(bool wakes) noexcept {
        perf_event_attr attr = switch_event(wakes);
        attr.context_switch = 0;
        attr.comm = 1;
        switch_records records;
        error = records.open_event(&attr, 0).error; // 0: the calling thread
        std::array<char, 16> name{};
        if (error != 0 || prctl(PR_GET_NAME, name.data()) != 0) {
            return;
        }
        std::array<int64_t, 31> took_ns{};
        for (int64_t& took : took_ns) {
            const int64_t begin = now_ns();
            (void)prctl(PR_SET_NAME, name.data());
            took = now_ns() - begin;
        }
        std::sort(took_ns.begin(), took_ns.end());
        median_ns = took_ns[took_ns.size() / 2];
    }
};

int64_t switch_records::wake_price_ns() noexcept {
    const comm_timing silent(false);
    const comm_timing waking(true);
    if (silent.error != 0 || waking.error != 0) {
        return silent.error != 0 ? silent.error : waking.error;
    }
    return std::max<int64_t>(waking.median_ns - silent.median_ns, 0);
}

std::string explain(const switch_records::refusal& why) {
    if (why.is_at_map && why.error == -EPERM) {
        return "no memory is left for the rings of perf events (EPERM, " +
               setting("perf_event_mlock_kb") +
               " for each CPU and all processes of the user); raise it or ulimit -l";
    }
    switch (why.error) {
    case -EACCES:
        return "perf_event_open is reserved (EACCES, " + setting("perf_event_paranoid") +
               "); run: sysctl -w kernel.perf_event_paranoid=2";
    case -EPERM:
        return "perf_event_open is forbidden (EPERM, " + setting("perf_event_paranoid") +
               "), most likely by the seccomp profile of this container; allow it there";
    case -EMFILE:
    case -ENFILE:
        return "perf_event_open found no free descriptor; raise ulimit -n";
    case -ENOSYS:
        return "perf_event_open does not exist (ENOSYS): a kernel built without "
               "CONFIG_PERF_EVENTS, or hidden by seccomp";
    case -EINVAL:
        return "this kernel's perf events are too old (EINVAL): switch records in a backward ring "
               "need Linux 4.7";
    default:
        return std::string(why.is_at_map ? "mmap of a perf event" : "perf_event_open") +
               " failed: " + std::strerror(-why.error);
    }
}

} // namespace rp::kernel
