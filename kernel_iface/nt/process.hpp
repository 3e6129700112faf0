// SPDX-License-Identifier: Apache-2.0
#pragma once
// Processes as objects: this one, and others by their ids.
//
// The end of another process is told by a pidfd that becomes readable. It is polled by the
// thread-backed source, whose completion marks the object and serves its waiters; a poll of the
// object looks at the descriptor itself, so that it does not depend on when that thread runs.
#include "kernel_iface/linux/io_request.hpp"
#include "kernel_iface/nt/dispatcher.hpp"
#include "kernel_iface/nt/handle_table.hpp"

#include <cstdint>

namespace rp::nt {

class process_object;

/// The poll of one pidfd. It may outlive the object, since the source completes it when it likes;
/// holds: the object's, and the source's until it has completed.
struct process_watch final : kernel::io_request {
    kernel::spin_lock lock;
    process_object* owner = nullptr; // guard: lock
};

class process_object final : public waitable {
public:
    static constexpr object_kind kind_id = object_kind::process;

    /// `watch` nullptr: this process, which is never seen to end.
    process_object(uint32_t number, process_watch* watch) noexcept
        : waitable(kind_id), id(number), watch_(watch) {}

    ~process_object() override = default;

    const uint32_t id;

    /// success, or access_denied: it has ended, and the kernel does not tell how.
    ntstatus exit_code(DWORD& code) noexcept;
    /// The process has ended.
    void end() noexcept;

    [[nodiscard]] bool is_available(const thread_record* thread) const noexcept override;

    bool consume(thread_record* /*thread*/) noexcept override { return false; }

private:
    void destroy() noexcept override;
    void note_exit_code() noexcept;

    process_watch* const watch_; // one hold
    // guard: lock_
    bool has_ended_ = false;
    bool is_code_known_ = false;
    DWORD exit_code_ = 0;
};

/// The object of this process; it lives for ever. nullptr: out of memory.
process_object* current_process() noexcept;
/// OpenProcess. invalid_parameter: no process has that id; not_supported: no pidfd; access_denied,
/// too_many_opened_files, no_memory.
ntstatus open_process(DWORD id, HANDLE& made) noexcept;

} // namespace rp::nt
