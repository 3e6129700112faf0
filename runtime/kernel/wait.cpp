// SPDX-License-Identifier: Apache-2.0
// Wait functions. No alertable I/O exists (R-IO-27), so no APC can end a wait and bAlertable
// changes nothing.
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

} // namespace

RP_EXPORT DWORD WINAPI WaitForSingleObject(HANDLE hHandle, DWORD dwMilliseconds) {
    const int64_t deadline_ns = nt::deadline_after_ms(dwMilliseconds);
    return wait_result(nt::wait_handles({&hHandle, 1}, false, deadline_ns));
}

RP_EXPORT DWORD WINAPI WaitForSingleObjectEx(HANDLE hHandle,
                                             DWORD dwMilliseconds,
                                             BOOL /*bAlertable*/) {
    return WaitForSingleObject(hHandle, dwMilliseconds);
}

RP_EXPORT DWORD WINAPI WaitForMultipleObjects(DWORD nCount,
                                              const HANDLE* lpHandles,
                                              BOOL bWaitAll,
                                              DWORD dwMilliseconds) {
    if (lpHandles == nullptr) {
        return wait_result(nt::status::invalid_parameter);
    }
    const int64_t deadline_ns = nt::deadline_after_ms(dwMilliseconds);
    return wait_result(nt::wait_handles({lpHandles, nCount}, bWaitAll != FALSE, deadline_ns));
}

RP_EXPORT DWORD WINAPI WaitForMultipleObjectsEx(DWORD nCount,
                                                const HANDLE* lpHandles,
                                                BOOL bWaitAll,
                                                DWORD dwMilliseconds,
                                                BOOL /*bAlertable*/) {
    return WaitForMultipleObjects(nCount, lpHandles, bWaitAll, dwMilliseconds);
}

RP_EXPORT VOID WINAPI Sleep(DWORD dwMilliseconds) {
    if (dwMilliseconds == 0) {
        sched_yield();
        return;
    }
    nt::sleep_until(nt::deadline_after_ms(dwMilliseconds));
}

RP_EXPORT DWORD WINAPI SleepEx(DWORD dwMilliseconds, BOOL /*bAlertable*/) {
    Sleep(dwMilliseconds);
    return 0;
}
