// SPDX-License-Identifier: Apache-2.0
// Events, semaphores and mutexes by their Win32 names.
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/mutex.hpp"
#include "kernel_iface/nt/semaphore.hpp"
#include "runtime/export.hpp"

namespace nt = rp::nt;

namespace {

/// Create*: the handle, with ERROR_ALREADY_EXISTS as last error when the name existed (R-SYNC-8).
/// Documented to set the last error on success too: 0 tells a new object.
HANDLE named_result(nt::ntstatus code, HANDLE made) noexcept {
    nt::set_last_error(nt::win32_of_status(code));
    return made;
}

HANDLE
create_event(BOOL is_manual_reset, BOOL is_signaled, const nt::name_argument& name) noexcept {
    HANDLE made = nullptr;
    const nt::ntstatus code =
        nt::create_event(is_manual_reset != FALSE, is_signaled != FALSE, name, made);
    return named_result(code, made);
}

HANDLE create_semaphore(LONG count, LONG maximum, const nt::name_argument& name) noexcept {
    HANDLE made = nullptr;
    const nt::ntstatus code = nt::create_semaphore(count, maximum, name, made);
    return named_result(code, made);
}

HANDLE create_mutex(BOOL is_initial_owner, const nt::name_argument& name) noexcept {
    HANDLE made = nullptr;
    const nt::ntstatus code = nt::create_mutex(is_initial_owner != FALSE, name, made);
    return named_result(code, made);
}

/// Open*: the last error changes on failure only.
HANDLE open_named(nt::object_kind kind, const nt::name_argument& name) noexcept {
    HANDLE made = nullptr;
    nt::win32_result(nt::names().open_existing(name, kind, made));
    return made;
}

} // namespace

RP_EXPORT HANDLE WINAPI CreateEventA(LPSECURITY_ATTRIBUTES /*lpEventAttributes*/,
                                     BOOL bManualReset,
                                     BOOL bInitialState,
                                     LPCSTR lpName) {
    return create_event(bManualReset, bInitialState, {lpName, nullptr});
}

RP_EXPORT HANDLE WINAPI CreateEventW(LPSECURITY_ATTRIBUTES /*lpEventAttributes*/,
                                     BOOL bManualReset,
                                     BOOL bInitialState,
                                     LPCWSTR lpName) {
    return create_event(bManualReset, bInitialState, {nullptr, lpName});
}

RP_EXPORT BOOL WINAPI SetEvent(HANDLE hEvent) {
    return nt::win32_result(nt::set_event(hEvent));
}

RP_EXPORT BOOL WINAPI ResetEvent(HANDLE hEvent) {
    return nt::win32_result(nt::reset_event(hEvent));
}

RP_EXPORT BOOL WINAPI PulseEvent(HANDLE hEvent) {
    return nt::win32_result(nt::pulse_event(hEvent));
}

RP_EXPORT HANDLE WINAPI OpenEventA(DWORD /*dwDesiredAccess*/,
                                   BOOL /*bInheritHandle*/,
                                   LPCSTR lpName) {
    return open_named(nt::object_kind::event, {lpName, nullptr});
}

RP_EXPORT HANDLE WINAPI OpenEventW(DWORD /*dwDesiredAccess*/,
                                   BOOL /*bInheritHandle*/,
                                   LPCWSTR lpName) {
    return open_named(nt::object_kind::event, {nullptr, lpName});
}

RP_EXPORT HANDLE WINAPI CreateSemaphoreA(LPSECURITY_ATTRIBUTES /*lpSemaphoreAttributes*/,
                                         LONG lInitialCount,
                                         LONG lMaximumCount,
                                         LPCSTR lpName) {
    return create_semaphore(lInitialCount, lMaximumCount, {lpName, nullptr});
}

RP_EXPORT HANDLE WINAPI CreateSemaphoreW(LPSECURITY_ATTRIBUTES /*lpSemaphoreAttributes*/,
                                         LONG lInitialCount,
                                         LONG lMaximumCount,
                                         LPCWSTR lpName) {
    return create_semaphore(lInitialCount, lMaximumCount, {nullptr, lpName});
}

RP_EXPORT BOOL WINAPI ReleaseSemaphore(HANDLE hSemaphore,
                                       LONG lReleaseCount,
                                       LPLONG lpPreviousCount) {
    return nt::win32_result(nt::release_semaphore(hSemaphore, lReleaseCount, lpPreviousCount));
}

RP_EXPORT HANDLE WINAPI OpenSemaphoreA(DWORD /*dwDesiredAccess*/,
                                       BOOL /*bInheritHandle*/,
                                       LPCSTR lpName) {
    return open_named(nt::object_kind::semaphore, {lpName, nullptr});
}

RP_EXPORT HANDLE WINAPI OpenSemaphoreW(DWORD /*dwDesiredAccess*/,
                                       BOOL /*bInheritHandle*/,
                                       LPCWSTR lpName) {
    return open_named(nt::object_kind::semaphore, {nullptr, lpName});
}

RP_EXPORT HANDLE WINAPI CreateMutexA(LPSECURITY_ATTRIBUTES /*lpMutexAttributes*/,
                                     BOOL bInitialOwner,
                                     LPCSTR lpName) {
    return create_mutex(bInitialOwner, {lpName, nullptr});
}

RP_EXPORT HANDLE WINAPI CreateMutexW(LPSECURITY_ATTRIBUTES /*lpMutexAttributes*/,
                                     BOOL bInitialOwner,
                                     LPCWSTR lpName) {
    return create_mutex(bInitialOwner, {nullptr, lpName});
}

RP_EXPORT BOOL WINAPI ReleaseMutex(HANDLE hMutex) {
    return nt::win32_result(nt::release_mutex(hMutex));
}

RP_EXPORT HANDLE WINAPI OpenMutexA(DWORD /*dwDesiredAccess*/,
                                   BOOL /*bInheritHandle*/,
                                   LPCSTR lpName) {
    return open_named(nt::object_kind::mutex, {lpName, nullptr});
}

RP_EXPORT HANDLE WINAPI OpenMutexW(DWORD /*dwDesiredAccess*/,
                                   BOOL /*bInheritHandle*/,
                                   LPCWSTR lpName) {
    return open_named(nt::object_kind::mutex, {nullptr, lpName});
}
