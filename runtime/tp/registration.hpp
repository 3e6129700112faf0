// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the older functions hand out: a HANDLE for a timer or a wait that the pool keeps.
//
// Nouns. A *watcher* is the TP_TIMER or TP_WAIT behind it. A registration is ended once, by the
// function of its kind; the watcher lives on until its last callback has returned, and tells the
// registration when it is gone.
//
// Ending:   1. the handle is closed: exactly one of several enders wins
//           2. the watcher is disarmed; callbacks that are queued or running still run
//           3. with INVALID_HANDLE_VALUE: waits for them; else notes the event to set
//           4. closes the watcher; its end sets the event and drops the last reference
// The return value says whether callbacks were left when the function was called: 997 is not a
// failure (R-RWAIT-9, R-TQ-5).
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/handle_table.hpp"
#include "runtime/tp/environment.hpp"

#include <windows.h>

namespace rp::tp {

class callback_object;

class registration : public nt::object {
public:
    /// Step 1: the registration behind `handle`, now without a handle; empty with the last error
    /// ERROR_INVALID_HANDLE.
    template <class T>
    static nt::ref<T> take(HANDLE handle) noexcept {
        nt::ntstatus code = nt::status::success;
        nt::ref<T> found = nt::reference<T>(handle, code);
        if (found) {
            code = nt::handles().close(handle);
        }
        if (code != nt::status::success) {
            nt::set_last_error(ERROR_INVALID_HANDLE);
            return {};
        }
        return found;
    }

    /// Steps 2 to 4. `completion`: NULL, an event, or INVALID_HANDLE_VALUE.
    BOOL end(HANDLE completion, const char* function) noexcept;

    /// The watcher has been freed.
    void watcher_gone() noexcept;

    [[nodiscard]] bool has_own_close() const noexcept override { return true; }

protected:
    registration(nt::object_kind kind, WAITORTIMERCALLBACK callback, PVOID context) noexcept
        : object(kind), callback_(callback), context_(context) {}

    ~registration() override = default;

    /// Makes the handle and gives the watcher its reference. 0 or a Win32 error.
    DWORD publish(callback_object& watcher, HANDLE& made) noexcept;

    const WAITORTIMERCALLBACK callback_;
    const PVOID context_;

private:
    callback_object* watcher_ = nullptr;
    nt::ref<nt::event_object> completion_; // written by the one who ends it
};

/// The flags these functions share, as an environment of the default pool. 0 or a Win32 error.
DWORD legacy_environment(ULONG flags, ULONG known, const char* function, environment& out) noexcept;

/// A time from now as SetThreadpoolTimer takes it.
FILETIME relative_due(DWORD milliseconds) noexcept;

} // namespace rp::tp
