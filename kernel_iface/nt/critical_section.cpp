// SPDX-License-Identifier: Apache-2.0
// Field by field, with Windows's meaning where programs have been seen to look:
//
//   DebugInfo       -1 while the section is usable, nullptr otherwise (zeroed memory, deleted)
//   LockCount       the futex word: -1 free, 0 held, 1 held and somebody may sleep
//   RecursionCount  how often the owner entered; owner: the owning thread
//   OwningThread    thread id of the owner, 0 when free
//   LockSemaphore   unused
//   SpinCount       rounds of spinning before sleeping
#include "kernel_iface/nt/critical_section.hpp"

#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/verify.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace rp::nt {
namespace {

static_assert(sizeof(RTL_CRITICAL_SECTION) == 40);
static_assert(sizeof(std::atomic<uint32_t>) == sizeof(LONG));

constexpr uint32_t is_free = UINT32_MAX;
constexpr uint32_t is_held = 0;
constexpr uint32_t is_contended = 1;

/// LockCount as the futex word it is. The struct is C and may be initialised by the program itself
/// ({-1, -1}), so the atomic cannot be a member.
std::atomic<uint32_t>& word_of(RTL_CRITICAL_SECTION& section) noexcept {
    return *reinterpret_cast<std::atomic<uint32_t>*>(&section.LockCount);
}

HANDLE self() noexcept {
    return reinterpret_cast<HANDLE>(static_cast<uintptr_t>(kernel::thread_id()));
}

bool is_owner(RTL_CRITICAL_SECTION& section) noexcept {
    // mo: relaxed, it equals our id only if we wrote it.
    return __atomic_load_n(&section.OwningThread, __ATOMIC_RELAXED) == self();
}

void own(RTL_CRITICAL_SECTION& section) noexcept {
    // mo: relaxed, others only compare it with their own id.
    __atomic_store_n(&section.OwningThread, self(), __ATOMIC_RELAXED);
    section.RecursionCount = 1;
    if (verify::is_on()) [[unlikely]] {
        ++verify::held_sections();
    }
}

bool try_take(RTL_CRITICAL_SECTION& section) noexcept {
    uint32_t seen = is_free;
    // mo: acquire, pairs section.lock_count (leave_critical_section).
    return word_of(section).compare_exchange_strong(
        seen, is_held, std::memory_order_acquire, std::memory_order_relaxed);
}

bool spin_for(RTL_CRITICAL_SECTION& section) noexcept {
    constexpr ULONG_PTR spin_count_max = 4000; // about 100 us: a sleep and a wake cost 26 us
    const ULONG_PTR rounds = std::min(section.SpinCount, spin_count_max);
    for (ULONG_PTR round = 0; round < rounds; ++round) {
        // mo: relaxed, try_take decides.
        if (word_of(section).load(std::memory_order_relaxed) == is_free && try_take(section)) {
            return true;
        }
        kernel::cpu_relax();
    }
    return false;
}

void sleep_for_it(RTL_CRITICAL_SECTION& section) noexcept {
    const kernel::blocking_scope announced;
    // mo: acquire, pairs section.lock_count (leave_critical_section). Whoever slept cannot know
    // whether others still do, so it leaves the word contended.
    while (word_of(section).exchange(is_contended, std::memory_order_acquire) != is_free) {
        kernel::futex_wait(word_of(section), is_contended, kernel::no_deadline);
    }
}

} // namespace

void initialize_critical_section(RTL_CRITICAL_SECTION& section, DWORD spin_count) noexcept {
    section = {};
    section.DebugInfo = reinterpret_cast<decltype(section.DebugInfo)>(intptr_t{-1});
    section.LockCount = -1;
    section.SpinCount = spin_count & 0x00FFFFFFU; // the high byte carries flags on Windows
}

void enter_critical_section(RTL_CRITICAL_SECTION& section) noexcept {
    if (is_owner(section)) {
        ++section.RecursionCount;
        return;
    }
    if (section.DebugInfo == nullptr) {
        fatal_misuse(status::invalid_parameter,
                     "EnterCriticalSection",
                     &section,
                     0,
                     "the critical section is not initialised, or was deleted");
        return;
    }
    if (!try_take(section) && !spin_for(section)) {
        sleep_for_it(section);
    }
    own(section);
}

bool try_enter_critical_section(RTL_CRITICAL_SECTION& section) noexcept {
    if (is_owner(section)) {
        ++section.RecursionCount;
        return true;
    }
    if (!try_take(section)) {
        return false;
    }
    own(section);
    return true;
}

ntstatus leave_critical_section(RTL_CRITICAL_SECTION* section) noexcept {
    if (section == nullptr) {
        return status::invalid_parameter;
    }
    if (!is_owner(*section)) {
        return status::resource_not_owned;
    }
    if (--section->RecursionCount > 0) {
        return status::success;
    }
    if (verify::is_on()) [[unlikely]] {
        --verify::held_sections();
    }
    // mo: relaxed, see is_owner.
    __atomic_store_n(&section->OwningThread, nullptr, __ATOMIC_RELAXED);
    std::atomic<uint32_t>& word = word_of(*section);
    // mo: release, pairs section.lock_count (try_take, sleep_for_it). From here on the next owner
    // may delete the section: the wake below uses its address only.
    if (word.exchange(is_free, std::memory_order_release) == is_contended) {
        kernel::futex_wake(word, 1);
    }
    return status::success;
}

void delete_critical_section(RTL_CRITICAL_SECTION& section) noexcept {
    section = {};
}

} // namespace rp::nt
