// SPDX-License-Identifier: Apache-2.0
#include "runtime/tp/registration.hpp"

#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/status.hpp"
#include "runtime/tp/callback_object.hpp"
#include "runtime/tp/instance.hpp"

namespace rp::tp {

DWORD registration::publish(callback_object& watcher, HANDLE& made) noexcept {
    const nt::ntstatus code = nt::handles().insert(*this, made);
    if (code != nt::status::success) {
        return nt::win32_of_status(code);
    }
    watcher_ = &watcher;
    reference();
    return 0;
}

BOOL registration::end(HANDLE completion, const char* function) noexcept {
    watcher_->disarm();
    if (completion == INVALID_HANDLE_VALUE) {
        const instance* running = instance::current();
        if (running != nullptr && running->is_of(*watcher_)) {
            nt::fatal_misuse(nt::status::invalid_parameter,
                             function,
                             this,
                             0,
                             "called from a callback of the same registration: it would wait for "
                             "itself (R-RWAIT-10, R-TQ-5)");
        } else {
            watcher_->wait_until_quiet(false);
        }
        (void)watcher_->close();
        return TRUE;
    }
    if (completion != nullptr) {
        nt::ntstatus code = nt::status::success;
        completion_ = nt::reference<nt::event_object>(completion, code);
    }
    const bool is_busy = watcher_->is_busy();
    (void)watcher_->close();
    if (is_busy) {
        nt::set_last_error(ERROR_IO_PENDING);
    }
    return is_busy ? FALSE : TRUE;
}

void registration::watcher_gone() noexcept {
    if (completion_) {
        completion_->set();
    }
    release();
}

DWORD
legacy_environment(ULONG flags, ULONG known, const char* function, environment& out) noexcept {
    if ((flags & ~known) != 0) {
        return ERROR_INVALID_PARAMETER;
    }
    const DWORD error = read_environment(nullptr, function, out);
    out.runs_long = (flags & WT_EXECUTELONGFUNCTION) != 0;
    out.is_persistent =
        (flags & (WT_EXECUTEINPERSISTENTTHREAD | WT_EXECUTEINPERSISTENTIOTHREAD)) != 0;
    return error;
}

FILETIME relative_due(DWORD milliseconds) noexcept {
    const auto value = static_cast<uint64_t>(-int64_t{milliseconds} * 10'000);
    return {static_cast<DWORD>(value), static_cast<DWORD>(value >> 32U)};
}

} // namespace rp::tp
