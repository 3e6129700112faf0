// SPDX-License-Identifier: Apache-2.0
// Wait functions. An alertable wait may run APCs of the program, which may leave by ExitThread: so
// nothing is owned around nt::wait_alertably.
#include "kernel_iface/nt/wait.hpp"

#include "runtime/export.hpp"

#include <sched.h>

namespace nt = rp::nt;

namespace {

DWORD wait_result(nt::ntstatus code) noexcept {
    // Wait results are the small statuses: indices, abandoned indices, and WAIT_TIMEOUT.
    if (nt::is_success(code)) {
        return code;
    }
    nt::set_last_error(nt::win32_of_status(code));
    return WAIT_FAILED;
}

DWORD wait_for(std::span<const HANDLE> handles, bool wants_all, DWORD ms, bool is_alertable) {
    const int64_t deadline_ns = nt::deadline_after_ms(ms);
    if (!is_alertable) {
        return wait_result(nt::wait_handles(handles, wants_all, deadline_ns));
    }
    return wait_result(nt::wait_alertably(
        [=]() noexcept { return nt::wait_handles(handles, wants_all, deadline_ns, true); }));
}

} // namespace

RP_EXPORT DWORD WINAPI WaitForSingleObject(HANDLE hHandle, DWORD dwMilliseconds) {
    return wait_for({&hHandle, 1}, false, dwMilliseconds, false);
}

RP_EXPORT DWORD WINAPI WaitForSingleObjectEx(HANDLE hHandle,
                                             DWORD dwMilliseconds,
                                             BOOL bAlertable) {
    return wait_for({&hHandle, 1}, false, dwMilliseconds, bAlertable != FALSE);
}

RP_EXPORT DWORD WINAPI WaitForMultipleObjects(DWORD nCount,
                                              const HANDLE* lpHandles,
                                              BOOL bWaitAll,
                                              DWORD dwMilliseconds) {
    return WaitForMultipleObjectsEx(nCount, lpHandles, bWaitAll, dwMilliseconds, FALSE);
}

RP_EXPORT DWORD WINAPI WaitForMultipleObjectsEx(
    DWORD nCount, const HANDLE* lpHandles, BOOL bWaitAll, DWORD dwMilliseconds, BOOL bAlertable) {
    if (lpHandles == nullptr) {
        return wait_result(nt::status::invalid_parameter);
    }
    return wait_for({lpHandles, nCount}, bWaitAll != FALSE, dwMilliseconds, bAlertable != FALSE);
}

RP_EXPORT DWORD WINAPI SignalObjectAndWait(HANDLE hObjectToSignal,
                                           HANDLE hObjectToWaitOn,
                                           DWORD dwMilliseconds,
                                           BOOL bAlertable) {
    // Nothing is signaled when there is nothing to wait on.
    nt::ntstatus code = nt::check_waitable(hObjectToWaitOn);
    if (code == nt::status::success) {
        code = nt::signal_object(hObjectToSignal);
    }
    if (code != nt::status::success) {
        return wait_result(code);
    }
    return wait_for({&hObjectToWaitOn, 1}, false, dwMilliseconds, bAlertable != FALSE);
}

RP_EXPORT VOID WINAPI Sleep(DWORD dwMilliseconds) {
    if (dwMilliseconds == 0) {
        sched_yield();
        return;
    }
    nt::sleep_until(nt::deadline_after_ms(dwMilliseconds));
}

RP_EXPORT DWORD WINAPI SleepEx(DWORD dwMilliseconds, BOOL bAlertable) {
    if (bAlertable == FALSE) {
        Sleep(dwMilliseconds);
        return 0;
    }
    const int64_t deadline_ns = nt::deadline_after_ms(dwMilliseconds);
    const nt::ntstatus code = nt::wait_alertably(
        [=]() noexcept { return nt::wait_objects({}, false, deadline_ns, true); });
    if (code == nt::status::user_apc) {
        return WAIT_IO_COMPLETION;
    }
    if (dwMilliseconds == 0) {
        sched_yield();
    } else if (code != nt::status::timeout) {
        nt::sleep_until(deadline_ns); // no memory to be alerted with
    }
    return 0;
}
