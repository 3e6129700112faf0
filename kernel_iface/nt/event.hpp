// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "kernel_iface/nt/dispatcher.hpp"
#include "kernel_iface/nt/names.hpp"

namespace rp::nt {

/// R-SYNC-1. A manual-reset event satisfies every wait until it is reset, an auto-reset event one.
class event_object final : public waitable {
public:
    static constexpr object_kind kind_id = object_kind::event;

    event_object(bool is_manual_reset, bool is_signaled) noexcept
        : waitable(kind_id), is_manual_reset_(is_manual_reset), is_signaled_(is_signaled) {}

    ~event_object() override = default;

    void set() noexcept;

    /// Guard: lock().
    void set(wake_batch& batch) noexcept {
        is_signaled_ = true;
        serve_waiters(batch);
    }

    void reset() noexcept;
    /// Releases who waits at this moment, one or all, and leaves the event nonsignaled. A thread
    /// that waits for several objects at once only looks again, and may find the pulse over: one of
    /// the reasons why PulseEvent is documented as unreliable (R-SYNC-10).
    void pulse() noexcept;

    [[nodiscard]] bool is_available(const thread_record* /*thread*/) const noexcept override {
        return is_signaled_;
    }

    bool consume(thread_record* /*thread*/) noexcept override {
        is_signaled_ = is_manual_reset_;
        return false;
    }

private:
    void destroy() noexcept override;

    const bool is_manual_reset_;
    bool is_signaled_; // guard: lock_
};

/// success, object_name_exists (with a handle), or a failure of name_table::create.
ntstatus create_event(bool is_manual_reset,
                      bool is_signaled,
                      const name_argument& name,
                      HANDLE& made) noexcept;
ntstatus set_event(HANDLE event) noexcept;
ntstatus reset_event(HANDLE event) noexcept;
ntstatus pulse_event(HANDLE event) noexcept;

} // namespace rp::nt
