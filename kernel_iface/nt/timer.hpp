// SPDX-License-Identifier: Apache-2.0
#pragma once
// Waitable timers (R-SYNC-4). timer.cpp has the essay.
#include "kernel_iface/nt/dispatcher.hpp"
#include "kernel_iface/nt/names.hpp"

#include <cstdint>

namespace rp::nt {

/// What a completion routine is called with.
struct timer_apc {
    PTIMERAPCROUTINE routine = nullptr;
    void* argument = nullptr;
    FILETIME time{}; ///< when the timer was signalled
};

/// One SetWaitableTimer.
struct timer_setting {
    int64_t due = 0;            ///< < 0: 100 ns from now on; >= 0: a FILETIME
    int64_t period_ns = 0;      ///< 0: once
    timer_apc completion;       ///< no routine: none
    thread_record* thread = {}; ///< where the routine runs
};

class timer_object final : public waitable {
public:
    static constexpr object_kind kind_id = object_kind::timer;

    explicit timer_object(bool is_manual_reset) noexcept
        : waitable(kind_id, true), is_manual_reset_(is_manual_reset) {}

    ~timer_object() override = default;

    void set(const timer_setting& setting) noexcept;
    /// The signalled state stays as it is; an APC that has not run never will.
    void cancel() noexcept;
    void last_handle_closed() noexcept override;

    // --- waitable --------------------------------------------------------------------------------
    [[nodiscard]] bool is_available(const thread_record* /*thread*/) const noexcept override {
        return is_signaled_;
    }

    bool consume(thread_record* /*thread*/) noexcept override {
        is_signaled_ = is_manual_reset_;
        return false;
    }

    [[nodiscard]] int64_t next_change_ns() const noexcept override;
    void advance(wake_batch& batch) noexcept override;

    // --- for the thread that set it; all of these need the lock ----------------------------------
    /// Has an APC for `thread`, or may have one later.
    [[nodiscard]] bool concerns(const thread_record& thread) const noexcept;
    /// When it expired, if an APC is to be run now; else INT64_MAX.
    [[nodiscard]] int64_t apc_due_ns() const noexcept;
    /// Takes that APC.
    timer_apc take_apc() noexcept;
    /// `thread` is exiting.
    void disown(const thread_record& thread) noexcept;

private:
    void destroy() noexcept override;
    void expire(int64_t now_ns) noexcept;
    void forget_apc() noexcept;

    const bool is_manual_reset_;
    // guard: lock_
    bool is_signaled_ = false;
    bool is_absolute_ = false;   // due_ is a FILETIME, else CLOCK_MONOTONIC in ns
    int64_t due_ = INT64_MAX;    // INT64_MAX: not set
    int64_t period_ns_ = 0;      // > 0: periodic
    thread_record* thread_ = {}; // who runs the completion routine; nullptr: none
    timer_apc completion_;       // its time is that of the last expiry
    int64_t apc_due_ns_ = INT64_MAX;
};

/// success, object_name_exists (with a handle), or a failure of name_table::create.
ntstatus create_timer(bool is_manual_reset, const name_argument& name, HANDLE& made) noexcept;

struct timer_call {
    HANDLE timer = nullptr;
    const LARGE_INTEGER* due = nullptr;
    LONG period_ms = 0;
    PTIMERAPCROUTINE routine = nullptr;
    void* argument = nullptr;
};

ntstatus set_timer(const timer_call& call) noexcept;
ntstatus cancel_timer(HANDLE timer) noexcept;

// --- the timers whose completion routines run on a thread; only by that thread -------------------

struct apc_timer {
    ref<timer_object> timer;
    apc_timer* next = nullptr;
};

struct timer_apc_state {
    int64_t due_ns = INT64_MAX;  ///< when the oldest pending APC's timer expired
    int64_t next_ns = INT64_MAX; ///< when to look again
};

[[nodiscard]] timer_apc_state look_at_timer_apcs(thread_record& record) noexcept;
/// Takes the oldest pending one. False: it was cancelled meanwhile.
bool take_timer_apc(thread_record& record, timer_apc& taken) noexcept;
/// The thread is exiting.
void disown_timers(thread_record& record) noexcept;

} // namespace rp::nt
