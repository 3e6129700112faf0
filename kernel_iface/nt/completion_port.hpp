// SPDX-License-Identifier: Apache-2.0
#pragma once
// I/O completion ports (R-IOCP-*). completion_port.cpp has the essay.
#include "kernel_iface/linux/spin_lock.hpp"
#include "kernel_iface/nt/completion_target.hpp"
#include "kernel_iface/nt/dispatcher.hpp"
#include "kernel_iface/nt/handle_table.hpp"

#include <cstdint>
#include <span>

namespace rp::nt {

/// One completion on its way to a thread. It lives in the operation that ended (io_operation's
/// client bytes), or, when posted, in a piece of its own.
struct port_packet {
    port_packet* next = nullptr; ///< guard: the port's lock
    io_operation* op = nullptr;  ///< whose hold it has; nullptr: posted
    ULONG_PTR key = 0;
    LPOVERLAPPED overlapped = nullptr;
    uint64_t bytes = 0;
    ntstatus code = status::success;
};

/// A thread asleep on a port; lives on its stack. Guard: the port's lock.
struct port_waiter {
    thread_record* thread;
    port_waiter* below = nullptr; ///< the one that came before it
    port_waiter* above = nullptr;
    port_packet* packet = nullptr; ///< handed over, with a slot
    bool is_asleep = true;         ///< in the stack of waiters
};

/// How long a thread is willing to wait for packets.
struct port_wait {
    int64_t deadline_ns;
    bool is_alertable;
};

class completion_port final : public object {
public:
    static constexpr object_kind kind_id = object_kind::completion_port;

    explicit completion_port(uint32_t concurrency) noexcept
        : object(kind_id), concurrency_(concurrency) {}

    ~completion_port() override = default;

    /// Queues a packet, or drops it when the port is closed.
    void insert(port_packet& packet) noexcept;
    /// Takes 1..entries.size() packets. success, timeout, abandoned_wait_0, no_memory.
    ntstatus
    remove(std::span<OVERLAPPED_ENTRY> entries, const port_wait& how, size_t& taken) noexcept;

    // --- for the thread that has a slot of this port ---------------------------------------------
    void give_slot() noexcept;
    /// Takes one even if there is none: a thread that wakes up cannot be stopped.
    void take_slot() noexcept;

    void last_handle_closed() noexcept override;

private:
    enum class outcome : uint8_t { taken, must_wait, abandoned };

    void destroy() noexcept override;
    outcome begin(std::span<OVERLAPPED_ENTRY> entries,
                  size_t& taken,
                  port_packet*& done,
                  port_waiter* me,
                  bool had_slot) noexcept;
    bool sleep(port_waiter& me, const port_wait& how) noexcept;

    // These need the lock.
    port_packet* pop_packet() noexcept;
    size_t take_into(std::span<OVERLAPPED_ENTRY> entries, port_packet*& done) noexcept;
    void push_waiter(port_waiter& one) noexcept;
    void remove_waiter(port_waiter& one) noexcept;
    void serve(wake_batch& batch) noexcept;

    const uint32_t concurrency_;
    kernel::spin_lock lock_;
    // guard: lock_
    uint32_t running_ = 0;
    bool is_closed_ = false;
    port_packet* oldest_ = nullptr;
    port_packet* newest_ = nullptr;
    port_waiter* top_ = nullptr;
};

/// CreateIoCompletionPort without a file. concurrency 0: as many as there are processors.
ntstatus create_port(uint32_t concurrency, HANDLE& made) noexcept;
/// Binds a file handle to a port: 0 or a Win32 code.
DWORD bind_to_port(HANDLE file, HANDLE port, ULONG_PTR key) noexcept;
ntstatus post_to_port(HANDLE port, DWORD bytes, ULONG_PTR key, LPOVERLAPPED overlapped) noexcept;
/// completion_port::remove by handle; also invalid_handle, object_type_mismatch.
ntstatus remove_from_port(HANDLE port,
                          std::span<OVERLAPPED_ENTRY> entries,
                          const port_wait& how,
                          size_t& taken) noexcept;

} // namespace rp::nt
