// SPDX-License-Identifier: Apache-2.0
// The word is the context of a finished initialisation, and its two reserved bits say what it is:
//
//   0  nobody has begun (all bits are 0)
//   1  a thread initialises; bit 2 says that others sleep until it has done
//   2  done; the other bits are the context
//   3  begun with INIT_ONCE_ASYNC: any number of threads initialise, the first to complete wins
//
// Sleepers wait on the lower half, in which every change of state shows. A finished word never
// changes again, so the common call is one load.
#include "kernel_iface/nt/init_once.hpp"

#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/futex.hpp"

#include <atomic>
#include <bit>
#include <climits>
#include <cstdint>

namespace rp::nt {
namespace {

static_assert(sizeof(RTL_RUN_ONCE) == sizeof(std::atomic<uint64_t>));
static_assert(std::endian::native == std::endian::little, "the lower half of the word");

constexpr uint64_t reserved_bits = (1U << RTL_RUN_ONCE_CTX_RESERVED_BITS) - 1;
constexpr uint64_t not_begun = 0;
constexpr uint64_t in_progress = 1;
constexpr uint64_t is_done = 2;
constexpr uint64_t in_progress_async = 3;
constexpr uint64_t somebody_sleeps = 4;

std::atomic<uint64_t>& word_of(RTL_RUN_ONCE& once) noexcept {
    return *static_cast<std::atomic<uint64_t>*>(static_cast<void*>(&once));
}

std::atomic<uint32_t>& lower_half_of(RTL_RUN_ONCE& once) noexcept {
    return *static_cast<std::atomic<uint32_t>*>(static_cast<void*>(&once));
}

/// Until the word is no longer `seen`, a word in progress.
void sleep_while_in_progress(RTL_RUN_ONCE& once, uint64_t seen) noexcept {
    if ((seen & somebody_sleeps) == 0) {
        // mo: relaxed, publishes nothing; the kernel compares the word before it sleeps.
        if (!word_of(once).compare_exchange_strong(seen,
                                                   seen | somebody_sleeps,
                                                   std::memory_order_relaxed,
                                                   std::memory_order_relaxed)) {
            return;
        }
    }
    const kernel::blocking_scope announced;
    const auto expected = static_cast<uint32_t>(in_progress | somebody_sleeps);
    kernel::futex_wait(lower_half_of(once), expected, kernel::no_deadline);
}

void give_context(uint64_t word, void** context) noexcept {
    if (context != nullptr) {
        *context = reinterpret_cast<void*>(word & ~reserved_bits);
    }
}

} // namespace

ntstatus begin_once(RTL_RUN_ONCE& once, DWORD flags, bool& is_pending, void** context) noexcept {
    std::atomic<uint64_t>& word = word_of(once);
    is_pending = false;
    const bool is_check = flags == RTL_RUN_ONCE_CHECK_ONLY;
    const bool is_async = flags == RTL_RUN_ONCE_ASYNC;
    if (flags != 0 && !is_check && !is_async) {
        return status::invalid_parameter;
    }
    for (;;) {
        // mo: acquire, pairs init_once.word (complete_once).
        uint64_t seen = word.load(std::memory_order_acquire);
        const uint64_t state = seen & reserved_bits;
        if (state == is_done) {
            give_context(seen, context);
            return status::success;
        }
        if (is_check) {
            return status::unsuccessful;
        }
        if (state == not_begun) {
            const uint64_t begun = is_async ? in_progress_async : in_progress;
            // mo: acquire, pairs init_once.word (complete_once, which failed): its traces are seen.
            is_pending = word.compare_exchange_strong(
                seen, begun, std::memory_order_acquire, std::memory_order_relaxed);
        } else if (is_async != (state == in_progress_async)) {
            return status::invalid_parameter;
        } else if (is_async) {
            is_pending = true;
        } else {
            sleep_while_in_progress(once, seen);
        }
        if (is_pending) {
            return status::success;
        }
    }
}

ntstatus complete_once(RTL_RUN_ONCE& once, DWORD flags, void* context) noexcept {
    std::atomic<uint64_t>& word = word_of(once);
    const auto value = reinterpret_cast<uint64_t>(context);
    const bool is_async = flags == RTL_RUN_ONCE_ASYNC;
    const bool has_failed = flags == RTL_RUN_ONCE_INIT_FAILED;
    if ((flags != 0 && !is_async && !has_failed) || (value & reserved_bits) != 0 ||
        (has_failed && context != nullptr)) {
        return status::invalid_parameter;
    }
    // mo: relaxed, the exchange decides.
    uint64_t seen = word.load(std::memory_order_relaxed);
    do {
        switch (seen & reserved_bits) {
        case in_progress:
            if (is_async) {
                return status::invalid_parameter;
            }
            break;
        case in_progress_async:
            if (!is_async) {
                return status::invalid_parameter;
            }
            break;
        default: // not begun, or another thread was faster
            return status::unsuccessful;
        }
        // mo: release, pairs init_once.word (begin_once).
    } while (!word.compare_exchange_weak(seen,
                                         has_failed ? not_begun : value | is_done,
                                         std::memory_order_release,
                                         std::memory_order_relaxed));
    if (!is_async && (seen & somebody_sleeps) != 0) {
        kernel::futex_wake(lower_half_of(once), INT_MAX);
    }
    return status::success;
}

} // namespace rp::nt
