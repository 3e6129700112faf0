// SPDX-License-Identifier: Apache-2.0
#pragma once
// How much a callback object owes: the one word every submit, call and close works on.
//
//   bits   name           counted up by                        counted down by
//   0-31   pending        submit; StartThreadpoolIo            claim; cancel; CancelThreadpoolIo
//   32-45  running        claim                                done; disassociate
//   46-59  disassociated  disassociate                         done of a disassociated call
//   60     tombstone      cancel of a queued object            the worker that dequeues it
//   61     waiter         the first waiter or closer           the last one
//   62     closed         the program's Close (a simple callback is born closed)
//   63     stopped        a cleanup group's close: submits are ignored from now on
//
// The object is in a queue, or in the hands of the worker that took it out of one, exactly while
// pending > 0. A cancel cannot take it out of its queue, so it leaves one unit of pending there,
// marked by `tombstone`, for the worker that will come across it. Hence
//   owed = pending - tombstone        what may still be called
//   quiet = owed == 0 && running == 0 what WaitForThreadpool...Callbacks waits for
// and a submit puts the object into a queue exactly when it finds pending == 0.
//
// The object is freed by whoever makes the word equal to `closed` and nothing else: exactly one
// read-modify-write does. `waiter` therefore also keeps the object alive for those who wait.
//
// Rejected: a reference count beside the counters (two more atomic operations for each call);
// separate words for pending and running (a waiter would have to read both at one instant).
#include <cstdint>

namespace rp::tp::tally {

inline constexpr uint64_t pending_one = 1;
inline constexpr uint64_t running_one = 1ULL << 32U;
inline constexpr uint64_t disassociated_one = 1ULL << 46U;
inline constexpr uint64_t tombstone = 1ULL << 60U;
inline constexpr uint64_t waiter = 1ULL << 61U;
inline constexpr uint64_t closed = 1ULL << 62U;
inline constexpr uint64_t stopped = 1ULL << 63U;

constexpr uint32_t pending(uint64_t t) {
    return static_cast<uint32_t>(t);
}

constexpr uint32_t running(uint64_t t) {
    return static_cast<uint32_t>(t >> 32U) & 0x3FFFU;
}

constexpr uint32_t disassociated(uint64_t t) {
    return static_cast<uint32_t>(t >> 46U) & 0x3FFFU;
}

constexpr uint32_t owed(uint64_t t) {
    return pending(t) - ((t & tombstone) != 0 ? 1U : 0U);
}

constexpr bool is_quiet(uint64_t t) {
    return owed(t) == 0 && running(t) == 0;
}

constexpr bool is_quiet_for_group(uint64_t t) {
    return is_quiet(t) && disassociated(t) == 0;
}

constexpr bool is_over(uint64_t t) {
    return (t & ~stopped) == closed;
}

} // namespace rp::tp::tally
