// SPDX-License-Identifier: Apache-2.0
#pragma once
// Threads as objects. thread.cpp has the essay.
#include "kernel_iface/nt/apc.hpp"
#include "kernel_iface/nt/dispatcher.hpp"
#include "kernel_iface/nt/handle_table.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace rp::nt {

/// Signalled when the thread has ended: its mutexes are abandoned, its I/O with completion routines
/// is over, and nothing of this library runs on it any more.
class thread_object final : public waitable {
public:
    static constexpr object_kind kind_id = object_kind::thread;

    explicit thread_object(ref<apc_queue> apcs) noexcept
        : waitable(kind_id), apcs_(std::move(apcs)) {}

    ~thread_object() override = default;

    [[nodiscard]] apc_queue& apcs() noexcept { return *apcs_; }

    /// 0 until it runs.
    [[nodiscard]] uint32_t id() const noexcept {
        // mo: relaxed, written once; whoever asks got the object from somebody who knows it runs.
        return id_.load(std::memory_order_relaxed);
    }

    // --- by the thread itself --------------------------------------------------------------------
    void set_exit_code(DWORD code) noexcept;
    void end() noexcept;

    // --- by anybody ------------------------------------------------------------------------------
    /// STILL_ACTIVE until the thread has ended.
    [[nodiscard]] DWORD exit_code() noexcept;
    /// Lets a thread that was made suspended begin; returns how often it was suspended before.
    DWORD resume() noexcept;

    [[nodiscard]] bool is_available(const thread_record* /*thread*/) const noexcept override {
        return has_ended_;
    }

    bool consume(thread_record* /*thread*/) noexcept override { return false; }

private:
    friend class thread_starter;
    friend class thread_registry;

    void destroy() noexcept override;

    const ref<apc_queue> apcs_;
    std::atomic<uint32_t> id_{0};
    std::atomic<uint32_t> suspensions_{0}; // futex word of a thread that has not begun

    DWORD exit_code_ = 0;    // guard: lock_
    bool has_ended_ = false; // guard: lock_

    // The registry's chain; guard: its lock.
    thread_object* next_ = nullptr;
    bool is_registered_ = false;
};

struct thread_call {
    LPTHREAD_START_ROUTINE routine = nullptr;
    void* argument = nullptr;
    size_t stack_bytes = 0; ///< 0: the default
    DWORD flags = 0;
};

/// CreateThread. The thread exists, with its id, when this returns.
ntstatus create_thread(const thread_call& call, HANDLE& made, DWORD& id) noexcept;
/// OpenThread. invalid_parameter: no thread of this process has that id.
ntstatus open_thread(DWORD id, HANDLE& made) noexcept;
/// ExitThread, for any thread but a pool's.
[[noreturn]] void exit_current_thread(DWORD code);
/// `previous`: the suspend count before.
ntstatus resume_thread(HANDLE thread, DWORD& previous) noexcept;

/// The calling thread's object, made on first use and then findable by its id; nullptr: out of
/// memory.
thread_object* current_thread() noexcept;
/// For retire_record: the thread is exiting.
void end_thread(thread_record& record) noexcept;

} // namespace rp::nt
