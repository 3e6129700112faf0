// SPDX-License-Identifier: Apache-2.0
#pragma once
// TP_CALLBACK_INSTANCE: one execution of one callback, and what it asked to be done when it
// returns.
//
// Life of an execution:  claim -> user code: callback, finalization callback, epilogue actions ->
// engine code -> done (waiters are released). The order of the epilogue is R-CB-3: critical
// section, mutex, semaphore, event, library; then the accounting, so that a waiter released by it
// may free what the actions used.
#include "runtime/tp/callback_object.hpp"
#include "scheduler/worker.hpp"

#include <windows.h>

#include <cstdint>

namespace rp::tp {

class instance {
public:
    instance(sched::worker& w, callback_object& object, claimed how) noexcept
        : worker_(w), object_(object), how_(how) {
        w.instance = this;
    }

    ~instance() { worker_.instance = nullptr; }

    instance(const instance&) = delete;
    instance& operator=(const instance&) = delete;

    /// The one running on this thread, or nullptr.
    static instance* current() noexcept;

    [[nodiscard]] PTP_CALLBACK_INSTANCE handle() noexcept {
        return reinterpret_cast<PTP_CALLBACK_INSTANCE>(this);
    }

    [[nodiscard]] bool is_of(const callback_object& object) const noexcept {
        return &object_ == &object;
    }

    [[nodiscard]] bool is_disassociated() const noexcept { return is_disassociated_; }

    [[nodiscard]] group* group_of_object() const noexcept;

    /// After the user's function has returned: finalization callback and epilogue actions.
    void finish_user_part() noexcept {
        if (object_.finalization_callback != nullptr) [[unlikely]] {
            object_.finalization_callback(handle(), object_.context);
        }
        if (slots_ != 0) [[unlikely]] {
            run_epilogue();
        }
    }

    bool may_run_long() noexcept;
    [[nodiscard]] bool should_yield() noexcept;
    void disassociate() noexcept;
    void set_event_later(HANDLE event) noexcept;
    void release_semaphore_later(HANDLE semaphore, DWORD count) noexcept;
    void release_mutex_later(HANDLE mutex) noexcept;
    void leave_critical_section_later(PCRITICAL_SECTION section) noexcept;
    void free_library_later(HMODULE module) noexcept;

private:
    void run_epilogue() noexcept;

    // One slot of each kind (R-CB-2); the bit says that it is taken.
    enum slot : uint8_t {
        section_slot = 1,
        mutex_slot = 2,
        semaphore_slot = 4,
        event_slot = 8,
        library_slot = 16
    };

    bool take(slot which) noexcept;

    sched::worker& worker_;
    callback_object& object_;
    claimed how_;
    uint8_t slots_ = 0;
    bool is_disassociated_ = false;
    bool is_long_ = false;
    bool was_long_possible_ = false;
    // Meaningful only when the slot's bit is set.
    PCRITICAL_SECTION section_;
    HANDLE mutex_;
    HANDLE semaphore_;
    DWORD semaphore_count_;
    HANDLE event_;
    HMODULE library_;
};

} // namespace rp::tp
