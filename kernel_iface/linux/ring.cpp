// SPDX-License-Identifier: Apache-2.0
//
// What. One io_uring whose submission side belongs to the thread that made it and whose completions
// any thread may reap. The owner can sleep in it and be woken by completion, by wake() or by time.
//
// Nouns. *Owner*: the thread that made the ring; the kernel refuses every other one
// (SINGLE_ISSUER). *Task work*: the last step of a completion, which DEFER_TASKRUN runs only when
// the owner enters the kernel. *Hidden work*: everything only the owner can push on: task work,
// CQEs the kernel holds back because the CQ overflowed, SQEs not yet submitted, cancels in the
// inbox. *Wake request*: the ring's own FUTEX_WAIT (or eventfd READ) that turns wake() into a CQE.
//
// user_data. The two low bits say what a CQE is for, the rest is a pointer:
//   00 io_request*   01 io_request* whose cancel this is   10 key of the wake request   11 nothing
//
// Sleeping. The wake request stays armed over many waits; it is armed again only after its CQE was
// swallowed or when the word is another one. It need not carry the present value:
//   owner: 1. announce waiting (under the reap lock)     waker: 1. change the word
//          2. arm the wake request, if not armed                2. wake all waiters
//          3. word == expected, else return
//          4. enter, until one CQE
// A wake that finds the request armed makes a CQE. One that came before found an older request,
// whose CQE has been swallowed, or none: then its change of the word came before too, and step 3
// sees it. (The futex request compares for itself when it is armed; the eventfd has only step 3:
// with the look before step 1, a CQE that arrived and was swallowed in between was a lost wake.)
// Hence a waker can come neither too early nor too late. What could go wrong is step 4: the kernel
// waits for one CQE more than it finds at entry. If another thread swallowed the CQE of the wake
// request between 2 and 4, nobody would be armed and nothing would come. So a foreign reaper leaves
// that CQE in place while the owner is announced, and the announcement is made in the same locked
// section that finds the CQ free of it.
//
// Cancelling. A cancel names its target by address. Were the target freed before the kernel
// executes the cancel, the address could already belong to a new request on this ring, and the
// wrong one would end. So the hold that came with the cancel is kept until the CQE of the cancel
// itself: as long as it is kept the address cannot be reused. A completed target makes the cancel
// an -ENOENT.
//
// The handler. rescue() interrupts the owner anywhere. `is_owner_inside` is up while an owner
// method touches the SQ side, and the handler then does nothing: the owner is about to enter
// anyway. `complete` is never called with the flag up, so a callback that runs inside arm() can be
// rescued. The handler takes no lock: reaping needs the reap lock, entering does not.
//
// A full SQ. Usually one submit makes room. When the kernel takes nothing (-EAGAIN: no memory,
// -EBUSY: older kernels with an overflowed CQ) requests wait in the `deferred` list with `place`
// still 0, so a cancel finds them as it would in an inbox. Order is kept: a cancel is prepared only
// for requests whose SQE was prepared before.
//
// Rejected. One ring shared under a lock: 1.6 us a submission instead of 30 ns. A reaper thread for
// all rings: 40 % of echo throughput. MSG_RING as wake: needs a ring of the waker's own, and 8 us
// against 6.5. Cancelling the wake request after each wait: two more SQEs for every sleep.
//
// Invariants. ktail - khead = SQEs prepared and not submitted, at most sq.ring_entries.
// in_flight = armed - reaped = requests between arm() and reap_one(), internal ones not counted.
// cancels_prepared - cancels_reaped = holds this ring keeps for prepared cancels.
#include "kernel_iface/linux/ring.hpp"

#include "kernel_iface/linux/fatal.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/ring_state.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "kernel_iface/linux/uapi.hpp"

#include <liburing.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#if defined(__SANITIZE_THREAD__)
#define RP_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RP_TSAN 1
#endif
#endif
#ifdef RP_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace rp::kernel {

namespace {

// ThreadSanitizer cannot see that a CQE happens after its SQE.
void tsan_submitted([[maybe_unused]] io_request* request) noexcept {
#ifdef RP_TSAN
    __tsan_release(request);
#endif
}

void tsan_reaped([[maybe_unused]] io_request* request) noexcept {
#ifdef RP_TSAN
    __tsan_acquire(request);
#endif
}

// Nor that a ring's memory was unmapped before another ring's was mapped at the same address: the
// library maps by system calls of its own.
[[maybe_unused]] char unmapped_memory;

void tsan_unmapping() noexcept {
#ifdef RP_TSAN
    __tsan_release(&unmapped_memory);
#endif
}

void finish_cancelled(io_request* list) noexcept {
    while (list != nullptr) {
        io_request* request = std::exchange(list, list->next);
        request->complete(*request, -ECANCELED);
        request->drop();
    }
}

/// Up while an owner method works on the SQ side; see "The handler".
class owner_section {
public:
    explicit owner_section(volatile sig_atomic_t& flag) noexcept : flag_(flag) {
        flag_ = 1;
        std::atomic_signal_fence(std::memory_order_seq_cst);
    }

    ~owner_section() {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        flag_ = 0;
    }

    owner_section(const owner_section&) = delete;
    owner_section& operator=(const owner_section&) = delete;

private:
    volatile sig_atomic_t& flag_;
};

} // namespace

void tsan_mapped() noexcept {
#ifdef RP_TSAN
    __tsan_acquire(&unmapped_memory);
#endif
}

// --- set-up ------------------------------------------------------------------------------------

ring::ring() = default;

std::unique_ptr<ring> ring::create(unsigned sq_entries, int& error) noexcept {
    return create(sq_entries, error, probed_ring_caps());
}

std::unique_ptr<ring>
ring::create(unsigned sq_entries, int& error, const ring_caps& caps) noexcept {
    error = caps.setup_error;
    if (!caps.ring) {
        return nullptr;
    }
    error = -ENOMEM;
    std::unique_ptr<ring> made(new (std::nothrow) ring);
    std::unique_ptr<state> state_made(new (std::nothrow) state);
    if (made == nullptr || state_made == nullptr) {
        return nullptr;
    }
    state_made->self = made.get();
    state_made->caps = caps;
    if (!caps.futex) {
        state_made->wake_fd = eventfd(0, EFD_CLOEXEC);
        if (state_made->wake_fd < 0) {
            error = -errno;
            return nullptr;
        }
    }
    error = state_made->open(sq_entries);
    if (error != 0) {
        return nullptr;
    }
    made->state_ = std::move(state_made);
    return made;
}

ring::~ring() {
    if (state_ != nullptr) {
        state_->retire();
    }
}

void ring::state::retire() noexcept {
    if (thread_id() != owner_tid) {
        fatal("ring destroyed by a thread that does not own it");
    }
    if (const uint32_t count = in_flight(); count != 0) {
        fatal(("ring destroyed with " + std::to_string(count) + " requests in flight").c_str());
    }
    // Whatever these cancels were aimed at has completed.
    for (io_request* request = cancels.take_all(); request != nullptr;) {
        std::exchange(request, request->cancel_next)->drop();
    }
    while (cancels_taken.head != nullptr) {
        cancels_taken.pop().drop();
    }
    bool is_wake_cancelled = false;
    for (;;) {
        reap_lock.lock();
        const taken_cqe cqe = pop_cqe(reaper::of_internals);
        reap_lock.unlock();
        if (cqe.kind == cqe_kind::cancel) {
            cqe.request->drop();
        } else if (cqe.kind == cqe_kind::none) {
            if (is_wake_armed && !is_wake_cancelled) {
                is_wake_cancelled = prepare_cancel(tagged(wake_key, cqe_kind::wake),
                                                   tagged(nullptr, cqe_kind::ignored));
            }
            if (!is_wake_armed && cancels_prepared == cancels_reaped) {
                break;
            }
            enter(unsubmitted(), 1, IORING_ENTER_GETEVENTS, nullptr, 0);
        }
    }
    tsan_unmapping();
    io_uring_queue_exit(&uring); // unregisters the ring fd as well
}

// --- the SQ side -------------------------------------------------------------------------------

void ring::state::count_armed(uint32_t change) noexcept {
    // mo: relaxed, the owner is the only writer.
    const uint32_t before = armed.load(std::memory_order_relaxed);
    // mo: relaxed, a counter; foreign readers take it as a hint.
    armed.store(before + change, std::memory_order_relaxed);
}

arming ring::state::prepare(io_request& request) noexcept {
    io_uring_sqe* sqe = next_sqe();
    if (sqe == nullptr) {
        return arming::no_room;
    }
    uintptr_t not_armed = 0;
    // mo: acq_rel, pairs request.place (the canceller's fetch_or).
    if (!request.place.compare_exchange_strong(not_armed,
                                               reinterpret_cast<uintptr_t>(self),
                                               std::memory_order_acq_rel,
                                               std::memory_order_acquire)) {
        return arming::cancelled;
    }
    fill_sqe(sqe, request);
    sqe->user_data = tagged(&request, cqe_kind::request);
    tsan_submitted(&request);
    publish_sqe();
    return arming::prepared;
}

bool ring::state::prepare_cancel(uint64_t target, uint64_t user_data) noexcept {
    io_uring_sqe* sqe = next_sqe();
    if (sqe == nullptr) {
        return false;
    }
    io_uring_prep_cancel64(sqe, target, 0);
    sqe->user_data = user_data;
    publish_sqe();
    return true;
}

/// Prepares deferred requests and posted cancels as far as there is room. Returns the requests that
/// turned out to be cancelled; with `may_complete` false (in the handler) it stops at the first.
io_request* ring::state::stage(bool may_complete) noexcept {
    io_request* cancelled = nullptr;
    while (deferred.head != nullptr) {
        const arming outcome = prepare(*deferred.head);
        if (outcome == arming::no_room || (outcome == arming::cancelled && !may_complete)) {
            break;
        }
        io_request& request = deferred.pop();
        if (outcome == arming::cancelled) {
            count_armed(~0U);
            request.next = cancelled;
            cancelled = &request;
        }
    }
    for (io_request* request = cancels.take_all(); request != nullptr;) {
        cancels_taken.append(*std::exchange(request, request->cancel_next));
    }
    // Where nothing can be cancelled the attempt ends here; in the handler it waits for the owner,
    // because drop() may run anything.
    while (!caps.async_cancel && may_complete && cancels_taken.head != nullptr) {
        cancels_taken.pop().drop();
    }
    while (caps.async_cancel && cancels_taken.head != nullptr) {
        io_request* request = cancels_taken.head;
        if (!prepare_cancel(tagged(request, cqe_kind::request),
                            tagged(request, cqe_kind::cancel))) {
            break;
        }
        cancels_taken.pop();
        tsan_submitted(request); // after our last look at it: whoever reaps the CQE may free it
        ++cancels_prepared;
    }
    // mo: relaxed, a hint for others; the owner reads its own write.
    has_backlog.store(deferred.head != nullptr || cancels_taken.head != nullptr,
                      std::memory_order_relaxed);
    return cancelled;
}

void ring::arm(io_request& request) noexcept {
    state& s = *state_;
    {
        const owner_section inside(s.is_owner_inside);
        s.count_armed(1);
        const arming outcome = s.deferred.head != nullptr ? arming::no_room : s.prepare(request);
        if (outcome == arming::prepared) {
            return;
        }
        if (outcome == arming::no_room) {
            s.deferred.append(request);
            // mo: relaxed, as in stage().
            s.has_backlog.store(true, std::memory_order_relaxed);
            return;
        }
        s.count_armed(~0U);
        request.next = nullptr;
    }
    finish_cancelled(&request);
}

void ring::drain_cancels() noexcept {
    io_request* cancelled = nullptr;
    {
        const owner_section inside(state_->is_owner_inside);
        cancelled = state_->stage(true);
    }
    finish_cancelled(cancelled);
}

void ring::submit_and_get_events() noexcept {
    io_request* cancelled = nullptr;
    {
        const owner_section inside(state_->is_owner_inside);
        cancelled = state_->stage(true);
        state_->submit(IORING_ENTER_GETEVENTS);
    }
    finish_cancelled(cancelled);
}

void ring::rescue() noexcept {
    state& s = *state_;
    if (s.is_owner_inside != 0) {
        return;
    }
    const owner_section inside(s.is_owner_inside);
    s.stage(false);
    s.submit(IORING_ENTER_GETEVENTS);
}

bool ring::state::has_hidden_work() const noexcept {
    // mo: relaxed, a hint; the kernel sets and clears the bits.
    const unsigned flags = shared(uring.sq.kflags).load(std::memory_order_relaxed);
    // mo: relaxed, a hint.
    const bool is_backlogged = has_backlog.load(std::memory_order_relaxed);
    if ((flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0 || is_backlogged ||
        unsubmitted() != 0 || !cancels.is_empty()) {
        return true;
    }
    // Without the flag nobody can tell, so whatever is in flight may be waiting for the owner.
    const bool is_task_work_silent =
        !caps.taskrun_flag && (caps.defer_taskrun || caps.coop_taskrun);
    return is_task_work_silent && in_flight() != 0;
}

bool ring::needs_enter() const noexcept {
    return state_->has_hidden_work();
}

bool ring::has_hidden_work() const noexcept {
    return state_->has_hidden_work();
}

// --- sleeping ----------------------------------------------------------------------------------

/// Takes the oldest CQE if it is one for `who`. Needs reap_lock.
taken_cqe ring::state::pop_cqe(reaper who) noexcept {
    const std::atomic_ref<unsigned> khead = shared(uring.cq.khead);
    // mo: relaxed, all writers hold reap_lock.
    const unsigned head = khead.load(std::memory_order_relaxed);
    // mo: acquire, pairs kernel.cq_tail (the kernel's release after writing CQEs).
    if (head == shared(uring.cq.ktail).load(std::memory_order_acquire)) {
        return {};
    }
    const io_uring_cqe& cqe = uring.cq.cqes[head & uring.cq.ring_mask];
    const auto kind = static_cast<cqe_kind>(cqe.user_data & tag_mask);
    const auto pointer = static_cast<uintptr_t>(cqe.user_data & ~tag_mask);
    if (who == reaper::of_internals && kind == cqe_kind::request) {
        return {};
    }
    if (kind == cqe_kind::wake && pointer == reinterpret_cast<uintptr_t>(wake_key)) {
        // mo: relaxed, set under reap_lock; seeing it up too long leaves the CQE to the owner.
        if (who == reaper::of_requests && is_waiting.load(std::memory_order_relaxed)) {
            return {};
        }
        is_wake_armed = false;
    }
    taken_cqe taken{kind, reinterpret_cast<io_request*>(pointer), cqe.res};
    // mo: release, pairs kernel.cq_head (the kernel's acquire before it reuses the slot).
    khead.store(head + 1, std::memory_order_release);
    if (kind == cqe_kind::cancel) {
        tsan_reaped(taken.request);
        ++cancels_reaped;
    } else if (kind == cqe_kind::request) {
        tsan_reaped(taken.request);
        // mo: acq_rel, pairs request.place (the canceller's fetch_or): back to "not armed".
        taken.request->place.fetch_and(1, std::memory_order_acq_rel);
        // mo: relaxed, all writers hold reap_lock.
        const uint32_t before = reaped.load(std::memory_order_relaxed);
        // mo: release, pairs ring.reaped (in_flight).
        reaped.store(before + 1, std::memory_order_release);
    }
    return taken;
}

bool ring::state::has_completions() const noexcept {
    // mo: relaxed, a hint; pop_cqe looks again under the lock.
    const unsigned head = shared(uring.cq.khead).load(std::memory_order_relaxed);
    // mo: relaxed, a hint; what the CQE holds is read behind pop_cqe's acquire.
    return head != shared(uring.cq.ktail).load(std::memory_order_relaxed);
}

/// Swallows internal CQEs and announces the wait, unless there are completions to reap.
wait_choice ring::state::begin_wait(const void* key) noexcept {
    const void* stale_key = nullptr;
    bool must_arm = false;
    for (;;) {
        taken_cqe cqe;
        {
            const std::lock_guard guard(reap_lock);
            cqe = pop_cqe(reaper::of_internals);
            if (cqe.kind == cqe_kind::none) {
                if (has_completions()) {
                    return wait_choice::return_now;
                }
                // mo: relaxed, readers hold reap_lock.
                is_waiting.store(true, std::memory_order_relaxed);
                must_arm = !is_wake_armed || wake_key != key;
                stale_key = is_wake_armed && must_arm ? wake_key : nullptr;
                is_wake_armed = true;
                wake_key = key;
                break;
            }
        }
        if (cqe.kind == cqe_kind::cancel) {
            cqe.request->drop();
        }
    }
    if (stale_key != nullptr) {
        // Left over from a wait on another word. Should there be no room: its CQE no longer matches
        // wake_key and is swallowed like any other.
        prepare_cancel(tagged(stale_key, cqe_kind::wake), tagged(nullptr, cqe_kind::ignored));
    }
    return must_arm ? wait_choice::must_arm_wake : wait_choice::wake_is_armed;
}

/// Prepares the wake request. False when there is no room: then the owner must not sleep.
bool ring::state::arm_wake(std::atomic<uint32_t>& word, uint32_t expected) noexcept {
    io_uring_sqe* sqe = next_sqe();
    if (sqe == nullptr) {
        const std::lock_guard guard(reap_lock);
        is_wake_armed = false;
        return false;
    }
    if (caps.futex) {
        io_uring_prep_rw(uapi::op_futex_wait,
                         sqe,
                         uapi::futex2_size_u32 | uapi::futex2_private,
                         &word,
                         0,
                         expected);
        sqe->addr3 = uapi::futex_match_any;
        sqe->user_data = tagged(&word, cqe_kind::wake);
    } else {
        io_uring_prep_read(sqe, wake_fd, &wake_count, sizeof wake_count, ~uint64_t{0});
        sqe->user_data = tagged(&wake_count, cqe_kind::wake);
    }
    publish_sqe();
    return true;
}

void ring::wait(std::atomic<uint32_t>& wake_word, uint32_t expected, int64_t deadline_ns) noexcept {
    state& s = *state_;
    io_request* cancelled = nullptr;
    {
        const owner_section inside(s.is_owner_inside);
        cancelled = s.stage(true);
        // A backlog means that the kernel refused work: its CQEs may be all there is to come.
        // mo: relaxed, our own write.
        const bool has_backlog = s.has_backlog.load(std::memory_order_relaxed);
        // Saves the SQE of a sleep that is over already; a stale value is harmless.
        // mo: relaxed, the look that counts follows the announcement.
        const bool is_woken = wake_word.load(std::memory_order_relaxed) != expected;
        wait_choice choice = wait_choice::return_now;
        if (cancelled == nullptr && !has_backlog && !is_woken) {
            const void* key = s.caps.futex ? static_cast<const void*>(&wake_word) : &s.wake_count;
            choice = s.begin_wait(key);
        }
        if (choice == wait_choice::must_arm_wake && !s.arm_wake(wake_word, expected)) {
            choice = wait_choice::return_now;
        }
        // mo: acquire, pairs worker.park_word (unpark): the CQE of that wake may be gone by now.
        if (wake_word.load(std::memory_order_acquire) != expected) {
            choice = wait_choice::return_now;
        }
        if (choice == wait_choice::return_now) {
            s.submit(IORING_ENTER_GETEVENTS);
        } else {
            s.sleep_until(deadline_ns);
        }
        // mo: relaxed, seeing it up too long only leaves the wake CQE to us.
        s.is_waiting.store(false, std::memory_order_relaxed);
    }
    finish_cancelled(cancelled);
}

void ring::wake(std::atomic<uint32_t>& wake_word) noexcept {
    if (state_->caps.futex) {
        futex_wake(wake_word, INT_MAX);
        return;
    }
    const int saved_errno = errno;
    constexpr uint64_t one = 1;

    if (write(state_->wake_fd, &one, sizeof one) < 0) {
        fatal("cannot write the eventfd of a ring", errno);
    }
    errno = saved_errno;
}

// --- any thread --------------------------------------------------------------------------------

bool ring::reap_one(io_request*& request, int32_t& res) noexcept {
    state& s = *state_;
    while (s.has_completions() && s.reap_lock.try_lock()) {
        const taken_cqe cqe = s.pop_cqe(reaper::of_requests);
        s.reap_lock.unlock();
        switch (cqe.kind) {
        case cqe_kind::request:
            request = cqe.request;
            res = cqe.res;
            return true;
        case cqe_kind::cancel:
            cqe.request->drop();
            break;
        case cqe_kind::wake:
        case cqe_kind::ignored:
            break;
        case cqe_kind::none:
            return false;
        }
    }
    return false;
}

bool ring::has_completions() const noexcept {
    return state_->has_completions();
}

uint32_t ring::state::in_flight() const noexcept {
    // Reaped first: a request counted as reaped was counted as armed before.
    // mo: acquire, pairs ring.reaped (pop_cqe).
    const uint32_t count_reaped = reaped.load(std::memory_order_acquire);
    // mo: relaxed, exact on the owner, a hint elsewhere.
    const uint32_t count_armed = armed.load(std::memory_order_relaxed);
    // The owner takes back its count of a request found cancelled, so a hint may fall below zero.
    const uint32_t difference = count_armed - count_reaped;
    return difference > UINT32_MAX / 2 ? 0 : difference;
}

uint32_t ring::in_flight() const noexcept {
    return state_->in_flight();
}

void ring::post_cancel(io_request& request) noexcept {
    state_->cancels.push(request);
}

} // namespace rp::kernel
