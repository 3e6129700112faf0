// SPDX-License-Identifier: Apache-2.0
// Waitable timers by their Win32 names.
#include "kernel_iface/nt/timer.hpp"
#include "runtime/export.hpp"

namespace nt = rp::nt;

namespace {

HANDLE create_timer(bool is_manual_reset, const nt::name_argument& name) noexcept {
    HANDLE made = nullptr;
    const nt::ntstatus code = nt::create_timer(is_manual_reset, name, made);
    nt::set_last_error(nt::win32_of_status(code)); // as CreateEvent
    return made;
}

HANDLE create_timer_ex(DWORD flags, const nt::name_argument& name) noexcept {
    // Every timer has the resolution of the clock.
    constexpr DWORD known_flags =
        CREATE_WAITABLE_TIMER_MANUAL_RESET | CREATE_WAITABLE_TIMER_HIGH_RESOLUTION;
    if ((flags & ~known_flags) != 0) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return nullptr;
    }
    return create_timer((flags & CREATE_WAITABLE_TIMER_MANUAL_RESET) != 0, name);
}

HANDLE open_timer(const nt::name_argument& name) noexcept {
    HANDLE made = nullptr;
    nt::win32_result(nt::names().open_existing(name, nt::object_kind::timer, made));
    return made;
}

/// A machine that sleeps is not woken: documented to succeed with that last error.
BOOL set_timer(const nt::timer_call& call, bool is_to_wake_machine) noexcept {
    const BOOL result = nt::win32_result(nt::set_timer(call));
    if (result != FALSE && is_to_wake_machine) {
        nt::set_last_error(ERROR_NOT_SUPPORTED);
    }
    return result;
}

} // namespace

RP_EXPORT HANDLE WINAPI CreateWaitableTimerA(LPSECURITY_ATTRIBUTES /*lpTimerAttributes*/,
                                             BOOL bManualReset,
                                             LPCSTR lpTimerName) {
    return create_timer(bManualReset != FALSE, {lpTimerName, nullptr});
}

RP_EXPORT HANDLE WINAPI CreateWaitableTimerW(LPSECURITY_ATTRIBUTES /*lpTimerAttributes*/,
                                             BOOL bManualReset,
                                             LPCWSTR lpTimerName) {
    return create_timer(bManualReset != FALSE, {nullptr, lpTimerName});
}

RP_EXPORT HANDLE WINAPI CreateWaitableTimerExA(LPSECURITY_ATTRIBUTES /*lpTimerAttributes*/,
                                               LPCSTR lpTimerName,
                                               DWORD dwFlags,
                                               DWORD /*dwDesiredAccess*/) {
    return create_timer_ex(dwFlags, {lpTimerName, nullptr});
}

RP_EXPORT HANDLE WINAPI CreateWaitableTimerExW(LPSECURITY_ATTRIBUTES /*lpTimerAttributes*/,
                                               LPCWSTR lpTimerName,
                                               DWORD dwFlags,
                                               DWORD /*dwDesiredAccess*/) {
    return create_timer_ex(dwFlags, {nullptr, lpTimerName});
}

RP_EXPORT HANDLE WINAPI OpenWaitableTimerA(DWORD /*dwDesiredAccess*/,
                                           BOOL /*bInheritHandle*/,
                                           LPCSTR lpTimerName) {
    return open_timer({lpTimerName, nullptr});
}

RP_EXPORT HANDLE WINAPI OpenWaitableTimerW(DWORD /*dwDesiredAccess*/,
                                           BOOL /*bInheritHandle*/,
                                           LPCWSTR lpTimerName) {
    return open_timer({nullptr, lpTimerName});
}

RP_EXPORT BOOL WINAPI SetWaitableTimer(HANDLE hTimer,
                                       const LARGE_INTEGER* lpDueTime,
                                       LONG lPeriod,
                                       PTIMERAPCROUTINE pfnCompletionRoutine,
                                       LPVOID lpArgToCompletionRoutine,
                                       BOOL fResume) {
    return set_timer({hTimer, lpDueTime, lPeriod, pfnCompletionRoutine, lpArgToCompletionRoutine},
                     fResume != FALSE);
}

RP_EXPORT BOOL WINAPI SetWaitableTimerEx(HANDLE hTimer,
                                         const LARGE_INTEGER* lpDueTime,
                                         LONG lPeriod,
                                         PTIMERAPCROUTINE pfnCompletionRoutine,
                                         LPVOID lpArgToCompletionRoutine,
                                         PREASON_CONTEXT WakeContext,
                                         ULONG /*TolerableDelay*/) {
    return set_timer({hTimer, lpDueTime, lPeriod, pfnCompletionRoutine, lpArgToCompletionRoutine},
                     WakeContext != nullptr);
}

RP_EXPORT BOOL WINAPI CancelWaitableTimer(HANDLE hTimer) {
    return nt::win32_result(nt::cancel_timer(hTimer));
}
