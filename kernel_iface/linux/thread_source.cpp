// SPDX-License-Identifier: Apache-2.0
//
// What. Asynchronous I/O from ordinary threads: one poller that tries operations without blocking
// and polls for those that are not ready, and a few helpers that block in file I/O.
//
// Nouns. *Poller*: the one thread that owns every request on a pollable descriptor. *Helper*: a
// thread that takes requests on regular files from a queue, oldest first. *Watched*: tried once,
// now polled.
//
// `place` holds this source's address from arm() on, since both queues can be searched. Cancelling:
//   canceller: 1. place |= 1        armer: 1. CAS place 0 -> source, else leave the bit
//              2. old 0: nothing           2. queue it
//              3. post to the poller  taker: 3. bit set: complete(-ECANCELED), else perform it
// The poller looks for a posted request among the watched and in the helpers' queue. Found: it is
// taken out and completed with -ECANCELED. Not found: it has completed, or a helper performs it
// just now, and then its own result stands. The canceller's hold keeps the address from being
// reused until the search is over.
//
// Rejected. epoll: one registration per open file, so two requests on one descriptor share it, and
// a descriptor closed in the meantime leaves it behind; poll(2) is linear in the watched
// descriptors, which a fallback can afford. One thread per request: no bound. POSIX aio: threads as
// well, without cancellation of running requests and without sockets.
//
// Known limit. Where the kernel has no way to ask for "do not block" (accept on a blocking socket,
// terminals), the poller asks poll(2) right before; another consumer of the same descriptor can
// still take what was there and stall the poller until more comes.
//
// Invariants. A request is in exactly one of: the poller's inbox, `watched_`, the helpers' queue,
// the hands of one thread. `complete` is called without any lock.
#include "kernel_iface/linux/thread_source.hpp"

#include "kernel_iface/linux/fatal.hpp"
#include "kernel_iface/linux/socket_call.hpp"
#include "kernel_iface/linux/thread.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace rp::kernel {

namespace {

constexpr unsigned helpers_max = 8;
/// Of an attempt that would have had to block: watch the descriptor. Not an errno.
constexpr int32_t not_ready = INT32_MIN;
constexpr uint64_t stream_offset = ~uint64_t{0};
/// IORING_FSYNC_DATASYNC, which the ring takes in the same field.
constexpr uint32_t fsync_data_only = 1;

void finish(io_request& request, int32_t res) noexcept {
    // mo: acq_rel, pairs request.place (cancel): not armed any more, the cancel bit stays.
    request.place.fetch_and(1, std::memory_order_acq_rel);
    request.complete(request, res);
    request.drop();
}

int32_t result_of(ssize_t result) noexcept {
    return result < 0 ? -errno : static_cast<int32_t>(result);
}

/// The same for a call that was asked not to block.
int32_t attempt_of(ssize_t result) noexcept {
    if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return not_ready;
    }
    return result_of(result);
}

bool is_regular(int fd) noexcept {
    struct stat info {};

    return fstat(fd, &info) == 0 &&
           (S_ISREG(info.st_mode) || S_ISBLK(info.st_mode) || S_ISDIR(info.st_mode));
}

bool is_ready(int fd, short events) noexcept {
    pollfd one{fd, events, 0};
    return poll(&one, 1, 0) != 0;
}

short events_for(const io_request& request) noexcept {
    switch (request.op) {
    case io_op::poll:
        return static_cast<short>(request.flags);
    case io_op::write:
    case io_op::send:
    case io_op::sendmsg:
    case io_op::connect:
        return POLLOUT;
    default:
        return POLLIN;
    }
}

// --- performing --------------------------------------------------------------------------------

/// Blocking; helpers only.
int32_t perform_on_file(const io_request& request) noexcept {
    const iovec part{request.addr, request.len};
    const auto offset = static_cast<off_t>(request.offset);
    const int flags = static_cast<int>(request.flags);
    for (;;) {
        ssize_t result = 0;
        switch (request.op) {
        case io_op::read:
            result = preadv2(request.fd, &part, 1, offset, flags);
            break;
        case io_op::write:
            result = pwritev2(request.fd, &part, 1, offset, flags);
            break;
        default:
            result =
                (request.flags & fsync_data_only) != 0 ? fdatasync(request.fd) : fsync(request.fd);
            break;
        }
        if (result >= 0 || errno != EINTR) {
            return result_of(result);
        }
    }
}

/// read and write on a pipe, terminal or socket, without blocking.
int32_t try_stream(const io_request& request) noexcept {
    const bool is_read = request.op == io_op::read;
    iovec part{request.addr, request.len};
    const auto offset =
        request.offset == stream_offset ? off_t{-1} : static_cast<off_t>(request.offset);
    const int flags = static_cast<int>(request.flags) | RWF_NOWAIT;
    ssize_t result = is_read ? preadv2(request.fd, &part, 1, offset, flags)
                             : pwritev2(request.fd, &part, 1, offset, flags);
    if (result >= 0 || errno != EOPNOTSUPP) {
        return attempt_of(result);
    }
    if (!is_ready(request.fd, is_read ? POLLIN : POLLOUT)) {
        return not_ready;
    }
    // A pipe that polls writable has room for PIPE_BUF bytes, not for more.
    const size_t bytes = is_read ? request.len : std::min<size_t>(request.len, PIPE_BUF);
    result =
        is_read ? read(request.fd, request.addr, bytes) : write(request.fd, request.addr, bytes);
    return attempt_of(result);
}

int32_t try_accept(const io_request& request) noexcept {
    if (!is_ready(request.fd, POLLIN)) {
        return not_ready;
    }
    auto* length = reinterpret_cast<socklen_t*>(static_cast<uintptr_t>(request.offset));
    return attempt_of(accept4(
        request.fd, static_cast<sockaddr*>(request.addr), length, static_cast<int>(request.flags)));
}

int32_t start_connect(const io_request& request) noexcept {
    const auto* address = static_cast<const sockaddr*>(request.addr);
    const int32_t result = connect_without_sleep(request.fd, address, request.len);
    return result == -EINPROGRESS ? not_ready : result;
}

int32_t finish_connect(const io_request& request) noexcept {
    if (!is_ready(request.fd, POLLOUT)) {
        return not_ready;
    }
    return connect_result(request.fd);
}

int32_t try_poll(const io_request& request) noexcept {
    pollfd one{request.fd, static_cast<short>(request.flags), 0};
    if (poll(&one, 1, 0) == 0) {
        return not_ready;
    }
    return (one.revents & POLLNVAL) != 0 ? -EBADF : one.revents;
}

/// One attempt that does not block; `not_ready`: watch it.
int32_t try_request(const io_request& request, bool is_first_attempt) noexcept {
    if (request.fd < 0 && request.op != io_op::nop) {
        return -EBADF; // poll(2) would ignore it
    }
    const int message_flags = static_cast<int>(request.flags) | MSG_DONTWAIT;
    switch (request.op) {
    case io_op::nop:
    case io_op::fsync:
        return 0;
    case io_op::read:
    case io_op::write:
        return try_stream(request);
    case io_op::recv:
        return attempt_of(recv(request.fd, request.addr, request.len, message_flags));
    case io_op::send:
        return attempt_of(send(request.fd, request.addr, request.len, message_flags));
    case io_op::recvmsg:
        return attempt_of(recvmsg(request.fd, static_cast<msghdr*>(request.addr), message_flags));
    case io_op::sendmsg:
        return attempt_of(
            sendmsg(request.fd, static_cast<const msghdr*>(request.addr), message_flags));
    case io_op::poll:
        return try_poll(request);
    case io_op::accept:
        return try_accept(request);
    case io_op::connect:
        return is_first_attempt ? start_connect(request) : finish_connect(request);
    }
    return -EINVAL;
}

bool is_cancel_asked(const io_request& request) noexcept {
    // mo: acquire, pairs request.place (cancel).
    return (request.place.load(std::memory_order_acquire) & 1U) != 0;
}

// --- helpers -----------------------------------------------------------------------------------

class helper_pool {
public:
    /// False when there is no thread to do it and none can be started.
    bool push(io_request& request) {
        {
            const std::lock_guard guard(mutex_);
            if (idle_ <= queued_ && count_ < helpers_max && start_helper()) {
                ++count_;
            }
            if (count_ == 0) {
                return false;
            }
            request.next = nullptr;
            (head_ == nullptr ? head_ : tail_->next) = &request;
            tail_ = &request;
            ++queued_;
        }
        arrived_.notify_one();
        return true;
    }

    /// True when `request` was still queued; it is the caller's then.
    bool take_out(io_request& request) {
        const std::lock_guard guard(mutex_);
        io_request* previous = nullptr;
        io_request* found = head_;
        while (found != nullptr && found != &request) {
            previous = std::exchange(found, found->next);
        }
        if (found == nullptr) {
            return false;
        }
        (previous == nullptr ? head_ : previous->next) = found->next;
        if (tail_ == found) {
            tail_ = previous;
        }
        --queued_;
        return true;
    }

private:
    bool start_helper() noexcept {
        thread_options options;
        options.name = "rp-file-io";
        return start_thread(
                   options, [](void* self) { static_cast<helper_pool*>(self)->run(); }, this) == 0;
    }

    void run() {
        for (;;) {
            io_request* request = nullptr;
            {
                std::unique_lock guard(mutex_);
                ++idle_;
                arrived_.wait(guard, [this] { return head_ != nullptr; });
                --idle_;
                request = std::exchange(head_, head_->next);
                --queued_;
            }
            finish(*request, is_cancel_asked(*request) ? -ECANCELED : perform_on_file(*request));
        }
    }

    std::mutex mutex_;
    std::condition_variable arrived_;
    io_request* head_ = nullptr; // guard: mutex_; linked through `next`
    io_request* tail_ = nullptr; // guard: mutex_; meaningless while head_ is null
    size_t queued_ = 0;          // guard: mutex_
    size_t idle_ = 0;            // guard: mutex_
    unsigned count_ = 0;         // guard: mutex_
};

// --- the source --------------------------------------------------------------------------------

class threaded_source final : public io_sink {
public:
    threaded_source() noexcept : bell_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (bell_fd_ < 0) {
            fatal("cannot make the eventfd of the I/O threads", errno);
        }
    }

    void arm(io_request& request) noexcept override {
        uintptr_t not_armed = 0;
        // A failure leaves the cancel bit for whoever takes the request out of its queue.
        // mo: acq_rel, pairs request.place (cancel).
        request.place.compare_exchange_strong(not_armed,
                                              reinterpret_cast<uintptr_t>(this),
                                              std::memory_order_acq_rel,
                                              std::memory_order_relaxed);
        const int saved_errno = errno;
        const bool is_read_or_write = request.op == io_op::read || request.op == io_op::write;
        const bool can_block =
            request.op == io_op::fsync || (is_read_or_write && is_regular(request.fd));
        bool is_taken = false;
        if (can_block) {
            is_taken = helpers_.push(request);
        } else if (ensure_poller()) {
            is_taken = true;
            if (arrivals_.push(request)) {
                ring_bell();
            }
        }
        errno = saved_errno;
        if (!is_taken) {
            finish(request, -EAGAIN);
        }
    }

    void cancel(io_request& request) noexcept override {
        // mo: acq_rel, pairs request.place (arm, finish).
        const uintptr_t before = request.place.fetch_or(1, std::memory_order_acq_rel);
        if (before == 0 || (before & 1U) != 0 || request.is_cancel_posted || !ensure_poller()) {
            return;
        }
        request.is_cancel_posted = true;
        request.hold();
        if (cancels_.push(request)) {
            ring_bell();
        }
    }

private:
    struct watched {
        io_request* request;
        short events;
    };

    bool ensure_poller() noexcept {
        // mo: acquire, pairs source.poller (below).
        if (is_poller_running_.load(std::memory_order_acquire)) {
            return true;
        }
        const std::lock_guard guard(start_mutex_);
        // mo: relaxed, all writers hold start_mutex_.
        if (is_poller_running_.load(std::memory_order_relaxed)) {
            return true;
        }
        thread_options options;
        options.name = "rp-poll-io";
        const auto entry = [](void* self) { static_cast<threaded_source*>(self)->run(); };
        if (start_thread(options, entry, this) != 0) {
            return false;
        }
        // mo: release, pairs source.poller (above).
        is_poller_running_.store(true, std::memory_order_release);
        return true;
    }

    void ring_bell() noexcept {
        constexpr uint64_t one = 1;
        // EAGAIN: the counter is full, so the bell is ringing already.
        if (write(bell_fd_, &one, sizeof one) < 0 && errno != EAGAIN) {
            fatal("cannot write the eventfd of the I/O threads", errno);
        }
    }

    void run() {
        polled_.reserve(1);
        for (;;) {
            polled_.assign(1, pollfd{bell_fd_, POLLIN, 0});
            for (const watched& entry : watched_) {
                polled_.push_back({entry.request->fd, entry.events, 0});
            }
            if (poll(polled_.data(), polled_.size(), -1) < 0 && errno != EINTR) {
                fatal("poll failed in the I/O thread", errno);
            }
            if (polled_[0].revents != 0) {
                uint64_t rings = 0;
                if (read(bell_fd_, &rings, sizeof rings) < 0 && errno != EAGAIN) {
                    fatal("cannot read the eventfd of the I/O threads", errno);
                }
            }
            serve_ready();
            serve_cancels();
            serve_arrivals();
        }
    }

    /// `polled_` has the bell first and then one entry for each of watched_, in order.
    void serve_ready() {
        size_t kept = 0;
        for (size_t i = 0; i < watched_.size(); ++i) {
            const watched entry = watched_[i];
            const int32_t result =
                polled_[i + 1].revents == 0 ? not_ready : try_request(*entry.request, false);
            if (result == not_ready) {
                watched_[kept++] = entry;
            } else {
                finish(*entry.request, result);
            }
        }
        watched_.resize(kept);
    }

    void serve_cancels() {
        for (io_request* request = cancels_.take_all(); request != nullptr;) {
            io_request& cancelled = *std::exchange(request, request->cancel_next);
            const auto found =
                std::find_if(watched_.begin(), watched_.end(), [&](const watched& entry) {
                    return entry.request == &cancelled;
                });
            if (found != watched_.end()) {
                watched_.erase(found);
                finish(cancelled, -ECANCELED);
            } else if (helpers_.take_out(cancelled)) {
                finish(cancelled, -ECANCELED);
            }
            cancelled.drop();
        }
    }

    void watch(io_request& request) {
        try {
            // One more than watched: the bell. run() never allocates then.
            if (const size_t needed = watched_.size() + 2; polled_.capacity() < needed) {
                polled_.reserve(2 * needed);
            }
            watched_.push_back({&request, events_for(request)});
        } catch (const std::bad_alloc&) {
            finish(request, -ENOMEM);
        }
    }

    void serve_arrivals() {
        for (io_request* request = arrivals_.take_all(); request != nullptr;) {
            io_request& arrived = *std::exchange(request, request->next);
            const int32_t result =
                is_cancel_asked(arrived) ? -ECANCELED : try_request(arrived, true);
            if (result == not_ready) {
                watch(arrived);
            } else {
                finish(arrived, result);
            }
        }
    }

    const int bell_fd_;
    arm_inbox arrivals_;
    cancel_inbox cancels_;
    std::vector<watched> watched_; // poller only
    std::vector<pollfd> polled_;   // poller only
    helper_pool helpers_;
    std::mutex start_mutex_;
    std::atomic<bool> is_poller_running_{false};
};

} // namespace

io_sink& thread_source() {
    static threaded_source* const source = new threaded_source;
    return *source;
}

} // namespace rp::kernel
