// SPDX-License-Identifier: Apache-2.0
// A condition variable is one 64-bit word: the lower half counts sleepers, the upper half counts
// the wakes that found one. A sleeper waits on the upper half.
//
//   sleeper, holding the lock               waker, after it changed the condition under the lock
//   1. count itself, noting the wakes       1. no sleeper counted: done
//   2. give the lock up                     2. count the wake
//   3. futex_wait(upper half, noted)        3. futex_wake(upper half)
//
// The waker had the lock after the sleeper's 2 or before its 1. In the first case it sees the
// sleeper, and either the sleeper's noted number is old or the sleeper is in the kernel. In the
// second case the sleeper saw the condition changed and does not sleep for it.
//
// A wake for one sleeper also lets those go that are between their 1 and 3: Windows documents that
// sleepers may return without cause. After the exchange the waker uses the address only, because a
// sleeper that returns may free the variable.
#include "kernel_iface/nt/condition.hpp"

#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/nt/critical_section.hpp"
#include "kernel_iface/nt/srw_lock.hpp"

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdint>

namespace rp::nt {
namespace {

static_assert(sizeof(RTL_CONDITION_VARIABLE) == sizeof(std::atomic<uint64_t>));
static_assert(std::endian::native == std::endian::little, "the halves of the word");

constexpr uint64_t one_sleeper = 1;
constexpr uint64_t sleepers_mask = UINT32_MAX;
constexpr uint64_t one_wake = uint64_t{1} << 32;

std::atomic<uint64_t>& word_of(RTL_CONDITION_VARIABLE& condition) noexcept {
    return *static_cast<std::atomic<uint64_t>*>(static_cast<void*>(&condition));
}

std::atomic<uint32_t>& wakes_of(RTL_CONDITION_VARIABLE& condition) noexcept {
    return *(static_cast<std::atomic<uint32_t>*>(static_cast<void*>(&condition)) + 1);
}

uint32_t wakes_in(uint64_t word) noexcept {
    return static_cast<uint32_t>(word >> 32);
}

/// Counts the caller as a sleeper; the wakes so far. The caller holds the lock.
uint32_t begin_sleep(RTL_CONDITION_VARIABLE& condition) noexcept {
    // mo: relaxed, a waker that must see it has taken the lock since.
    return wakes_in(word_of(condition).fetch_add(one_sleeper, std::memory_order_relaxed));
}

/// Sleeps until there was a wake after `noted`, or the deadline. A wake is never lost to the
/// deadline: whoever could have been meant by it reports success.
ntstatus
end_sleep(RTL_CONDITION_VARIABLE& condition, uint32_t noted, int64_t deadline_ns) noexcept {
    std::atomic<uint64_t>& word = word_of(condition);
    const kernel::blocking_scope announced;
    int result = 0;
    // mo: relaxed, what the waker did is ordered by the lock, which the caller takes again.
    while (wakes_in(word.load(std::memory_order_relaxed)) == noted && result != -ETIMEDOUT) {
        result = kernel::futex_wait(wakes_of(condition), noted, deadline_ns);
    }
    // mo: relaxed, as above.
    const uint64_t before = word.fetch_sub(one_sleeper, std::memory_order_relaxed);
    return wakes_in(before) != noted ? status::success : status::timeout;
}

} // namespace

ntstatus sleep_condition(RTL_CONDITION_VARIABLE& condition,
                         RTL_CRITICAL_SECTION& section,
                         int64_t deadline_ns) noexcept {
    const uint32_t noted = begin_sleep(condition);
    if (const ntstatus left = leave_critical_section(&section); left != status::success) {
        // mo: relaxed, nobody was to be woken by it.
        word_of(condition).fetch_sub(one_sleeper, std::memory_order_relaxed);
        return left;
    }
    const ntstatus code = end_sleep(condition, noted, deadline_ns);
    enter_critical_section(section);
    return code;
}

ntstatus sleep_condition(RTL_CONDITION_VARIABLE& condition,
                         RTL_SRWLOCK& lock,
                         bool is_shared,
                         int64_t deadline_ns) noexcept {
    const uint32_t noted = begin_sleep(condition);
    const ntstatus left = is_shared ? release_shared(lock) : release_exclusive(lock);
    if (left != status::success) {
        // mo: relaxed, nobody was to be woken by it.
        word_of(condition).fetch_sub(one_sleeper, std::memory_order_relaxed);
        return left;
    }
    const ntstatus code = end_sleep(condition, noted, deadline_ns);
    if (is_shared) {
        acquire_shared(lock);
    } else {
        acquire_exclusive(lock);
    }
    return code;
}

void wake_condition(RTL_CONDITION_VARIABLE& condition, int count) noexcept {
    std::atomic<uint64_t>& word = word_of(condition);
    // mo: relaxed, see begin_sleep.
    uint64_t seen = word.load(std::memory_order_relaxed);
    do {
        if ((seen & sleepers_mask) == 0) {
            return;
        }
        // mo: relaxed, the lock orders what the sleeper wants to see.
    } while (!word.compare_exchange_weak(
        seen, seen + one_wake, std::memory_order_relaxed, std::memory_order_relaxed));
    kernel::futex_wake(wakes_of(condition), count);
}

} // namespace rp::nt
