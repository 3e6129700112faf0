// SPDX-License-Identifier: Apache-2.0
#pragma once
// How much a callback object owes: the word every submit, call and close works on, and the word the
// workers keep to themselves while there is a lot to do.
//
// The tally:
//   bits   name           counted up by                        counted down by
//   0-30   pending        submit; StartThreadpoolIo            claim; cancel; CancelThreadpoolIo
//   31     batched        taking a batch                       the worker that empties the queue
//   32-45  running        claim; taking a batch                done; the last call of a batch
//   46-59  disassociated  disassociate                         done of a disassociated call
//   60     tombstone      cancel of a queued object            the worker that dequeues it
//   61     waiter         the first waiter or closer           the last one
//   62     closed         the program's Close (a simple callback is born closed)
//   63     stopped        a cleanup group's close: submits are ignored from now on
//
// The batch: when a worker dequeues an object with two or more calls pending, it moves all of them
// to the batch word, which lies on a cache line of the workers. From then on submitters and workers
// write different lines until the batch is used up. Each call is still claimed by itself, by
// whichever worker dequeues the object next, so a callback that blocks keeps none of them back.
//   bits   name           counted up by                        counted down by
//   0-31   left           taking a batch                       claim; cancel
//   32-63  running        claim                                done; disassociate
// A worker that would come back to the object at once takes on the next call in place of the one
// that has returned, without a way through the queue. The batch as a whole is one `running` of the
// tally for as long as its word is not zero. Batches are taken and cancelled under the object's
// lock.
//
// The object is in a queue, or in the hands of the worker that took it out of one, exactly while
// pending > 0 or `batched` or `tombstone` is set. A cancel cannot take it out of its queue, so it
// leaves the tombstone for the worker that will come across it. A submit puts the object into a
// queue exactly when none of the three holds. It is quiet, which is what WaitForThreadpool...
// Callbacks waits for, when nothing is pending and nothing running.
//
// The object is freed by whoever makes the tally equal to `closed` and nothing else: exactly one
// read-modify-write does. `waiter` therefore also keeps the object alive for those who wait.
//
// Rejected: a reference count beside the counters (two more atomic operations for each call);
// separate words for pending and running (a waiter would have to read both at one instant); one
// word alone (submitter and worker pass its line to and fro three times for each call: 100 ns
// instead of 30 measured); claiming several calls at once (a blocked callback would hold them).
#include <cstdint>

namespace rp::tp::tally {

inline constexpr uint64_t pending_one = 1;
inline constexpr uint64_t pending_mask = 0x7FFF'FFFF;
inline constexpr uint64_t batched = 1ULL << 31U;
inline constexpr uint64_t running_one = 1ULL << 32U;
inline constexpr uint64_t disassociated_one = 1ULL << 46U;
inline constexpr uint64_t tombstone = 1ULL << 60U;
inline constexpr uint64_t waiter = 1ULL << 61U;
inline constexpr uint64_t closed = 1ULL << 62U;
inline constexpr uint64_t stopped = 1ULL << 63U;

/// Submits beyond this many pending calls are reported; the rest is room for those on their way.
inline constexpr uint32_t pending_max = 0x7FFF'0000;

constexpr uint32_t pending(uint64_t t) {
    return static_cast<uint32_t>(t & pending_mask);
}

constexpr uint32_t running(uint64_t t) {
    return static_cast<uint32_t>(t >> 32U) & 0x3FFFU;
}

constexpr uint32_t disassociated(uint64_t t) {
    return static_cast<uint32_t>(t >> 46U) & 0x3FFFU;
}

constexpr bool is_queued(uint64_t t) {
    return (t & (pending_mask | batched | tombstone)) != 0;
}

/// Queued for one call, and for nothing else.
constexpr bool owes_only_one(uint64_t t) {
    return (t & (pending_mask | batched | tombstone)) == pending_one;
}

/// Queued, but owes nothing: a cancelled object on its way out.
constexpr bool is_dead(uint64_t t) {
    return (t & tombstone) != 0 && pending(t) == 0;
}

constexpr bool is_quiet(uint64_t t) {
    return pending(t) == 0 && running(t) == 0;
}

constexpr bool is_quiet_for_group(uint64_t t) {
    return is_quiet(t) && disassociated(t) == 0;
}

constexpr bool is_over(uint64_t t) {
    return (t & ~stopped) == closed;
}

namespace batch {

inline constexpr uint64_t left_one = 1;
inline constexpr uint64_t running_one = 1ULL << 32U;

constexpr uint32_t left(uint64_t b) {
    return static_cast<uint32_t>(b);
}

} // namespace batch

} // namespace rp::tp::tally
