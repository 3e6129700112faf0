// SPDX-License-Identifier: Apache-2.0
#pragma once
// File objects: what a file HANDLE names. operation.cpp has the essay on overlapped operations.
#include "kernel_iface/linux/descriptor.hpp"
#include "kernel_iface/nt/announced_mutex.hpp"
#include "kernel_iface/nt/completion_target.hpp"
#include "kernel_iface/nt/dispatcher.hpp"
#include "kernel_iface/nt/handle_table.hpp"
#include "kernel_iface/nt/share_table.hpp"
#include "kernel_iface/nt/status.hpp"

#include <atomic>
#include <cstdint>
#include <utility>

namespace rp::nt {

class pipe_end;

/// What does not change while the file is open.
struct file_description {
    int fd = -1;
    kernel::file_kind kind = kernel::file_kind::regular;
    bool is_overlapped = false;
    bool owns_fd = true;
    bool is_unbuffered = false; ///< O_DIRECT: transfers cannot be continued at odd offsets
    bool can_read = false;
    bool can_write = false;
    bool appends_only = false; ///< FILE_APPEND_DATA without FILE_WRITE_DATA
    bool deletes_on_close = false;
    kernel::file_identity identity; ///< with `claim`, for the share table
    share_claim claim;
    pipe_end* pipe = nullptr; ///< what this is an end of, if it is one of a named pipe

    /// Transfers on it depend on their order, so there is at most one armed in each direction.
    /// Datagrams are exempt: each is whole, and the network does not keep their order anyway.
    [[nodiscard]] bool is_ordered() const noexcept {
        return kind == kernel::file_kind::pipe || kind == kernel::file_kind::character ||
               kind == kernel::file_kind::socket;
    }
};

/// The end of one operation, or of all that are in flight, as something to wait on: lives on the
/// stack of who waits for it, where it is linked to the file. The file's lock is taken before this
/// one's, never after.
class operation_end final : public waitable {
public:
    /// `overlapped` nullptr: the file has nothing in flight.
    explicit operation_end(const OVERLAPPED* overlapped) noexcept
        : waitable(object_kind::file), overlapped_(overlapped) {}

    ~operation_end() override = default;

    /// An operation of the file has ended, perhaps this one, perhaps the last one.
    void announce(bool is_idle, wake_batch& batch) noexcept;

    [[nodiscard]] bool is_available(const thread_record* thread) const noexcept override;

    bool consume(thread_record* /*thread*/) noexcept override { return false; }

    operation_end* next = nullptr; // guard: the file's lock
    operation_end* previous = nullptr;

private:
    void destroy() noexcept override {}

    const OVERLAPPED* const overlapped_;
    bool is_idle_ = false; // guard: lock_
};

class file_object final : public waitable {
public:
    static constexpr object_kind kind_id = object_kind::file;

    explicit file_object(const file_description& description) noexcept
        : waitable(kind_id), about(description) {}

    ~file_object() override = default;

    const file_description about;

    // --- keeping the descriptor open -------------------------------------------------------------
    // users = 1 while there is a handle + operations in flight + calls in progress. At 0 the
    // descriptor is closed and the completion target told; the object may live on by references.
    [[nodiscard]] bool begin_use() noexcept;
    void end_use() noexcept;

    // --- binding ---------------------------------------------------------------------------------
    DWORD bind(completion_target& target, kernel::io_sink& sink) noexcept;
    /// The target and the sink for an operation issued now; target nullptr when not bound.
    [[nodiscard]] completion_target* target(kernel::io_sink*& sink) noexcept;
    void add_notification_modes(uint8_t flags) noexcept;

    // --- operations in flight --------------------------------------------------------------------
    /// Makes `op` cancellable. False: the handle is being closed.
    [[nodiscard]] bool enlist(io_operation& op) noexcept;
    /// True: arm it now. False: it was queued behind another and finish() will return it.
    [[nodiscard]] bool take_turn(io_operation& op) noexcept;
    /// Takes `op` out of the list, writes its OVERLAPPED, sets its event or else the file's own
    /// signal, and wakes whoever waits for the end of an operation. Returns the operation whose
    /// turn it is now, or nullptr.
    [[nodiscard]] io_operation* finish(io_operation& op) noexcept;
    /// The signal part alone, for a synchronous transfer that has ended.
    void announce_end(bool sets_signal) noexcept;
    void clear_signal() noexcept;
    /// Asks to cancel the operations with this OVERLAPPED (nullptr: any) issued by this thread (0:
    /// any). Returns whether there was one.
    bool cancel(LPOVERLAPPED overlapped, uint32_t issuer) noexcept;
    /// Sleeps until the operation of `overlapped` has ended. success, timeout, no_memory, or, when
    /// alertable, user_apc.
    ntstatus wait_for_end(LPOVERLAPPED overlapped, int64_t deadline_ns, bool is_alertable) noexcept;
    /// Sleeps until no operation is in flight.
    void wait_until_idle() noexcept;

    // --- sockets ---------------------------------------------------------------------------------
    /// socket_bits; what a call did to the socket that the kernel cannot be asked cheaply.
    std::atomic<uint32_t> socket_state{0};
    std::atomic<uint32_t> timeouts_ms[2]{}; ///< [is_send], 0: none; the kernel would round them
    /// Around a sleep in a synchronous socket call, which the closing of the handle ends. False:
    /// the handle is being closed.
    [[nodiscard]] bool begin_sleep() noexcept;
    void end_sleep() noexcept;
    [[nodiscard]] bool is_closing() noexcept;

    // --- synchronous handles ---------------------------------------------------------------------
    announced_mutex position_lock;
    int64_t position = 0; ///< guard: position_lock

    // --- waitable --------------------------------------------------------------------------------
    [[nodiscard]] bool is_available(const thread_record* /*thread*/) const noexcept override {
        return is_signaled_;
    }

    bool consume(thread_record* /*thread*/) noexcept override { return false; }

    void last_handle_closed() noexcept override;

private:
    struct turn_queue {
        bool is_taken = false;
        io_operation* oldest = nullptr;
        io_operation* newest = nullptr;
    };

    void destroy() noexcept override;
    void shut_down() noexcept;
    void leave_turn_queue(io_operation& op) noexcept;
    ntstatus wait_for(operation_end& end, int64_t deadline_ns, bool is_alertable) noexcept;
    io_operation* leave_list(io_operation& op) noexcept;
    void note_end(bool sets_signal, wake_batch& batch) noexcept;

    std::atomic<uint32_t> users_{1};
    std::atomic<completion_target*> target_{nullptr};
    kernel::io_sink* sink_ = nullptr; // written once, before target_
    std::atomic<uint8_t> modes_{0};

    // guard: lock_ (of waitable)
    operation_end* end_waiters_ = nullptr;
    uint32_t sleepers_ = 0;
    bool is_signaled_ = false;
    bool is_closing_ = false;
    io_operation* in_flight_ = nullptr;
    turn_queue turns_[2]; // [is_write]
};

/// A file whose descriptor stays open for as long as this holds it.
class file_use {
public:
    file_use() noexcept = default;

    ~file_use() { give_back(); }

    file_use(const file_use&) = delete;
    file_use& operator=(const file_use&) = delete;

    /// success, what a bad handle gives, or file_closed. Takes one file at most.
    [[nodiscard]] ntstatus take(HANDLE handle) noexcept {
        ntstatus code;
        file_ = reference<file_object>(handle, code);
        if (file_ && !file_->begin_use()) {
            file_ = {};
            code = status::file_closed;
        }
        return code;
    }

    void give_back() noexcept {
        if (file_) {
            file_->end_use();
            file_ = {};
        }
    }

    explicit operator bool() const noexcept { return static_cast<bool>(file_); }

    file_object* operator->() const noexcept { return file_.get(); }

    file_object& operator*() const noexcept { return *file_; }

    /// Gives the reference and the use to the caller.
    [[nodiscard]] ref<file_object> detach() noexcept { return std::move(file_); }

private:
    ref<file_object> file_;
};

/// OVERLAPPED.Internal, read so that the bytes and the buffer are visible once it is final.
inline ntstatus overlapped_status(const OVERLAPPED& overlapped) noexcept {
    // mo: acquire, pairs overlapped.internal (publish_result).
    return static_cast<ntstatus>(__atomic_load_n(&overlapped.Internal, __ATOMIC_ACQUIRE));
}

void publish_result(OVERLAPPED& overlapped, ntstatus code, uint64_t bytes) noexcept;

} // namespace rp::nt
