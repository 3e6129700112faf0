// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/event.hpp"

#include <mutex>

namespace rp::nt {

void event_object::set() noexcept {
    wake_batch batch;
    const std::lock_guard guard(lock_);
    set(batch);
}

void event_object::reset() noexcept {
    const std::lock_guard guard(lock_);
    is_signaled_ = false;
}

void event_object::pulse() noexcept {
    wake_batch batch;
    const std::lock_guard guard(lock_);
    set(batch);
    is_signaled_ = false;
}

void event_object::destroy() noexcept {
    destroy_object(this);
}

ntstatus create_event(bool is_manual_reset,
                      bool is_signaled,
                      const name_argument& name,
                      HANDLE& made) noexcept {
    return names().create<event_object>(
        name, made, [&] { return make_object<event_object>(is_manual_reset, is_signaled); });
}

ntstatus set_event(HANDLE event) noexcept {
    ntstatus code;
    if (const auto target = reference<event_object>(event, code)) {
        target->set();
    }
    return code;
}

ntstatus reset_event(HANDLE event) noexcept {
    ntstatus code;
    if (const auto target = reference<event_object>(event, code)) {
        target->reset();
    }
    return code;
}

ntstatus pulse_event(HANDLE event) noexcept {
    ntstatus code;
    if (const auto target = reference<event_object>(event, code)) {
        target->pulse();
    }
    return code;
}

} // namespace rp::nt
