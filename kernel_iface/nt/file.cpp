// SPDX-License-Identifier: Apache-2.0
// The state of a file object: binding, its list of operations, its end.
#include "kernel_iface/nt/file.hpp"

#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/thread_source.hpp"
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/pipe_end.hpp"
#include "kernel_iface/nt/wait.hpp"

#include <array>
#include <functional>
#include <mutex>
#include <utility>

namespace rp::nt {
namespace {

using sink_provider = kernel::io_sink& (*)() noexcept;
constinit std::atomic<sink_provider> default_sink_provider{nullptr};

} // namespace

kernel::io_sink& default_sink() noexcept {
    // mo: acquire, pairs file.default_sink (set_default_sink).
    const sink_provider provider = default_sink_provider.load(std::memory_order_acquire);
    return provider != nullptr ? provider() : kernel::thread_source();
}

void set_default_sink(kernel::io_sink& (*provider)() noexcept) noexcept {
    // mo: release, pairs file.default_sink (default_sink).
    default_sink_provider.store(provider, std::memory_order_release);
}

DWORD bind_completion_target(HANDLE file,
                             completion_target& target,
                             kernel::io_sink& sink) noexcept {
    ntstatus code;
    const auto found = reference<file_object>(file, code);
    return found ? found->bind(target, sink) : win32_of_status(code);
}

void publish_result(OVERLAPPED& overlapped, ntstatus code, uint64_t bytes) noexcept {
    overlapped.InternalHigh = bytes;
    // mo: release, pairs overlapped.internal (overlapped_status). From here on the OVERLAPPED may
    // be gone at any moment, unless code is pending.
    __atomic_store_n(&overlapped.Internal, static_cast<ULONG_PTR>(code), __ATOMIC_RELEASE);
}

// --- lifetime
// --------------------------------------------------------------------------------------

bool file_object::begin_use() noexcept {
    // mo: relaxed, the CAS decides.
    uint32_t seen = users_.load(std::memory_order_relaxed);
    do {
        if (seen == 0) {
            return false;
        }
        // mo: relaxed, a user only keeps the descriptor; what it reads is constant.
    } while (!users_.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed));
    return true;
}

void file_object::end_use() noexcept {
    // mo: acq_rel, pairs file.users (every other end_use): all use of the descriptor is over.
    if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        shut_down();
    }
}

void file_object::shut_down() noexcept {
    if (about.owns_fd) {
        kernel::close_descriptor(about.fd);
    }
    // mo: acquire, pairs file.target (bind).
    if (completion_target* bound = target_.load(std::memory_order_acquire); bound != nullptr) {
        bound->file_closed();
    }
    if (about.pipe != nullptr) {
        about.pipe->file_closed();
    }
}

// A handle is closed like on Windows: what is in flight is asked to end, and ends by itself
// (R-IO-22). An operation that is being issued meanwhile either is in the list when we cancel, or
// finds is_closing_. Sharing and deletion follow the handle (R-FILE-8), not the operations that may
// still be on their way out: who has closed the handle may open the file again.
void file_object::last_handle_closed() noexcept {
    bool has_sleepers = false;
    {
        const std::lock_guard guard(lock_);
        is_closing_ = true;
        has_sleepers = sleepers_ != 0;
    }
    cancel(nullptr, 0);
    if (has_sleepers) {
        kernel::shut_down_socket(about.fd);
    }
    if (about.pipe != nullptr) {
        about.pipe->handle_closed();
    }
    // Before the descriptor is closed: while it is open its inode number cannot be used again.
    if (shares().release(about.identity, about.claim, about.deletes_on_close)) {
        kernel::unlink_descriptor(about.fd, about.identity);
    }
    end_use();
}

void file_object::destroy() noexcept {
    destroy_object(this);
}

bool file_object::begin_sleep() noexcept {
    const std::lock_guard guard(lock_);
    sleepers_ += is_closing_ ? 0 : 1;
    return !is_closing_;
}

void file_object::end_sleep() noexcept {
    const std::lock_guard guard(lock_);
    --sleepers_;
}

bool file_object::is_closing() noexcept {
    const std::lock_guard guard(lock_);
    return is_closing_;
}

// --- binding
// ---------------------------------------------------------------------------------------

DWORD file_object::bind(completion_target& target, kernel::io_sink& sink) noexcept {
    if (!about.is_overlapped) {
        return ERROR_INVALID_PARAMETER;
    }
    const std::lock_guard guard(lock_);
    if (is_closing_) {
        return ERROR_INVALID_HANDLE;
    }
    // mo: relaxed, written under the lock only.
    if (target_.load(std::memory_order_relaxed) != nullptr) {
        return ERROR_INVALID_PARAMETER;
    }
    sink_ = &sink;
    // mo: release, pairs file.target (target, shut_down).
    target_.store(&target, std::memory_order_release);
    return ERROR_SUCCESS;
}

completion_target* file_object::target(kernel::io_sink*& sink) noexcept {
    // mo: acquire, pairs file.target (bind).
    completion_target* bound = target_.load(std::memory_order_acquire);
    sink = bound != nullptr ? sink_ : &default_sink();
    return bound;
}

void file_object::add_notification_modes(uint8_t flags) noexcept {
    // mo: relaxed, bits are only ever added and an operation in flight may see either.
    modes_.fetch_or(flags, std::memory_order_relaxed);
}

// --- operations
// ------------------------------------------------------------------------------------

bool file_object::enlist(io_operation& op) noexcept {
    const std::lock_guard guard(lock_);
    if (is_closing_) {
        return false;
    }
    is_signaled_ = false;
    op.file_prev = nullptr;
    op.file_next = in_flight_;
    if (in_flight_ != nullptr) {
        in_flight_->file_prev = &op;
    }
    in_flight_ = &op;
    return true;
}

bool file_object::take_turn(io_operation& op) noexcept {
    if (!about.is_ordered() || !op.needs_turn) {
        return true;
    }
    const std::lock_guard guard(lock_);
    turn_queue& queue = turns_[op.is_write ? 1 : 0];
    if (op.is_cancel_asked) {
        return true; // the sink will see the cancel bit; waiting would only delay that
    }
    if (!queue.is_taken) {
        queue.is_taken = true;
        op.has_turn = true;
        return true;
    }
    op.is_waiting_for_turn = true;
    op.turn_next = nullptr;
    (queue.oldest == nullptr ? queue.oldest : queue.newest->turn_next) = &op;
    queue.newest = &op;
    return false;
}

void file_object::leave_turn_queue(io_operation& op) noexcept {
    turn_queue& queue = turns_[op.is_write ? 1 : 0];
    io_operation* before = nullptr;
    for (io_operation* one = queue.oldest; one != &op; one = one->turn_next) {
        before = one;
    }
    (before == nullptr ? queue.oldest : before->turn_next) = op.turn_next;
    if (queue.newest == &op) {
        queue.newest = before;
    }
    op.is_waiting_for_turn = false;
}

/// Needs the lock. Returns the operation whose turn it is now, or nullptr.
io_operation* file_object::leave_list(io_operation& op) noexcept {
    (op.file_prev == nullptr ? in_flight_ : op.file_prev->file_next) = op.file_next;
    if (op.file_next != nullptr) {
        op.file_next->file_prev = op.file_prev;
    }
    if (!op.has_turn) {
        return nullptr;
    }
    turn_queue& queue = turns_[op.is_write ? 1 : 0];
    io_operation* next = queue.oldest;
    queue.is_taken = next != nullptr;
    if (next != nullptr) {
        leave_turn_queue(*next);
        next->has_turn = true;
    }
    return next;
}

/// Needs the lock.
void file_object::note_end(bool sets_signal, wake_batch& batch) noexcept {
    // mo: relaxed, see add_notification_modes.
    const uint8_t modes = modes_.load(std::memory_order_relaxed);
    if (sets_signal && (modes & FILE_SKIP_SET_EVENT_ON_HANDLE) == 0) {
        is_signaled_ = true;
        serve_waiters(batch);
    }
    for (operation_end* one = end_waiters_; one != nullptr; one = one->next) {
        one->announce(in_flight_ == nullptr, batch);
    }
}

io_operation* file_object::finish(io_operation& op) noexcept {
    wake_batch batch;
    // The status and the event change as one. Whoever sees the event must find a final status, and
    // whoever sees the final status may start another operation with the same event, which resets
    // it: a set that came after that would end the new wait.
    waitable* lower = this;
    waitable* upper = op.signal;
    if (upper != nullptr && std::less<>()(upper, lower)) {
        std::swap(lower, upper);
    }
    const std::lock_guard guard(lower->lock());
    std::unique_lock<kernel::spin_lock> second;
    if (upper != nullptr) {
        second = std::unique_lock(upper->lock());
    }
    io_operation* const next = leave_list(op);
    publish_result(*op.overlapped, op.status, op.bytes);
    if (op.signal != nullptr) {
        op.signal->set(batch);
    }
    note_end(op.signal == nullptr, batch);
    return next;
}

void file_object::announce_end(bool sets_signal) noexcept {
    wake_batch batch;
    const std::lock_guard guard(lock_);
    note_end(sets_signal, batch);
}

void file_object::clear_signal() noexcept {
    const std::lock_guard guard(lock_);
    is_signaled_ = false;
}

ntstatus
file_object::wait_for(operation_end& end, int64_t deadline_ns, bool is_alertable) noexcept {
    {
        wake_batch nobody;
        const std::lock_guard guard(lock_); // an end after this one finds us
        end.announce(in_flight_ == nullptr, nobody);
        end.next = end_waiters_;
        if (end_waiters_ != nullptr) {
            end_waiters_->previous = &end;
        }
        end_waiters_ = &end;
    }
    waitable* const one = &end;
    const ntstatus result = wait_objects({&one, 1}, false, deadline_ns, is_alertable);
    const std::lock_guard guard(lock_);
    (end.previous == nullptr ? end_waiters_ : end.previous->next) = end.next;
    if (end.next != nullptr) {
        end.next->previous = end.previous;
    }
    return result;
}

ntstatus file_object::wait_for_end(LPOVERLAPPED overlapped,
                                   int64_t deadline_ns,
                                   bool is_alertable) noexcept {
    operation_end end(overlapped);
    return wait_for(end, deadline_ns, is_alertable);
}

void file_object::wait_until_idle() noexcept {
    operation_end end(nullptr);
    (void)wait_for(end, kernel::no_deadline, false);
}

bool operation_end::is_available(const thread_record* /*thread*/) const noexcept {
    return overlapped_ != nullptr ? overlapped_status(*overlapped_) != status::pending : is_idle_;
}

void operation_end::announce(bool is_idle, wake_batch& batch) noexcept {
    const std::lock_guard guard(lock_);
    is_idle_ = is_idle;
    serve_waiters(batch);
}

bool file_object::cancel(LPOVERLAPPED overlapped, uint32_t issuer) noexcept {
    struct victim {
        io_operation* op;
        bool needs_arming;
    };

    std::array<victim, 16> victims;
    bool was_found = false;
    bool is_complete = false;
    while (!is_complete) {
        size_t count = 0;
        is_complete = true;
        {
            const std::lock_guard guard(lock_);
            for (io_operation* op = in_flight_; op != nullptr; op = op->file_next) {
                if ((overlapped != nullptr && op->overlapped != overlapped) ||
                    (issuer != 0 && op->issuer != issuer)) {
                    continue;
                }
                was_found = true;
                if (op->is_cancel_asked) {
                    continue;
                }
                if (count == victims.size()) {
                    is_complete = false;
                    break;
                }
                op->is_cancel_asked = true;
                op->hold();
                victims[count++] = {op, op->is_waiting_for_turn};
                if (op->is_waiting_for_turn) {
                    leave_turn_queue(*op);
                }
            }
        }
        for (size_t i = 0; i < count; ++i) {
            io_operation& op = *victims[i].op;
            op.sink->cancel(op);
            if (victims[i].needs_arming) {
                // Its place carries the cancel bit, so the sink ends it without starting it.
                op.sink->arm(op);
            }
            op.drop();
        }
    }
    return was_found;
}

} // namespace rp::nt
