// SPDX-License-Identifier: Apache-2.0
// Threads, processes, APCs and thread slots by their Win32 names.
#include "kernel_iface/nt/thread.hpp"

#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/fatal.hpp"
#include "kernel_iface/linux/process.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/process.hpp"
#include "kernel_iface/nt/thread_slots.hpp"
#include "runtime/export.hpp"

namespace nt = rp::nt;

// --- processes
// -------------------------------------------------------------------------------------

RP_EXPORT HANDLE WINAPI GetCurrentProcess(VOID) {
    return reinterpret_cast<HANDLE>(intptr_t{-1});
}

RP_EXPORT DWORD WINAPI GetCurrentProcessId(VOID) {
    return static_cast<DWORD>(rp::kernel::process_id());
}

RP_EXPORT HANDLE WINAPI OpenProcess(DWORD /*dwDesiredAccess*/,
                                    BOOL /*bInheritHandle*/,
                                    DWORD dwProcessId) {
    const nt::errno_keeper keeper;
    HANDLE made = nullptr;
    nt::win32_result(nt::open_process(dwProcessId, made));
    return made;
}

RP_EXPORT BOOL WINAPI GetExitCodeProcess(HANDLE hProcess, LPDWORD lpExitCode) {
    nt::ntstatus code;
    if (const auto process = nt::reference<nt::process_object>(hProcess, code)) {
        code =
            lpExitCode == nullptr ? nt::status::invalid_parameter : process->exit_code(*lpExitCode);
    }
    return nt::win32_result(code);
}

RP_EXPORT DWORD WINAPI GetProcessId(HANDLE Process) {
    nt::ntstatus code;
    const auto process = nt::reference<nt::process_object>(Process, code);
    nt::win32_result(code);
    return process ? process->id : 0;
}

// --- threads
// ---------------------------------------------------------------------------------------

RP_EXPORT HANDLE WINAPI CreateThread(LPSECURITY_ATTRIBUTES /*lpThreadAttributes*/,
                                     SIZE_T dwStackSize,
                                     LPTHREAD_START_ROUTINE lpStartAddress,
                                     LPVOID lpParameter,
                                     DWORD dwCreationFlags,
                                     LPDWORD lpThreadId) {
    const nt::errno_keeper keeper;
    HANDLE made = nullptr;
    DWORD id = 0;
    const bool is_made =
        nt::win32_result(nt::create_thread(
            {lpStartAddress, lpParameter, dwStackSize, dwCreationFlags}, made, id)) != FALSE;
    if (is_made && lpThreadId != nullptr) {
        *lpThreadId = id;
    }
    return made;
}

RP_EXPORT VOID WINAPI ExitThread(DWORD dwExitCode) {
    // Only a pool's workers have an observer, and they belong to the pool (R-LIFE-20).
    if (rp::kernel::current_blocking_observer() != nullptr) {
        constexpr uint32_t invalid_thread = 0xC000071C;
        nt::fatal_misuse(invalid_thread,
                         "ExitThread",
                         nullptr,
                         dwExitCode,
                         "a callback must return; its thread is the pool's");
        rp::kernel::fatal("ExitThread cannot return");
    }
    nt::exit_current_thread(dwExitCode);
}

RP_EXPORT DWORD WINAPI ResumeThread(HANDLE hThread) {
    DWORD previous = 0;
    return nt::win32_result(nt::resume_thread(hThread, previous)) != FALSE ? previous
                                                                           : static_cast<DWORD>(-1);
}

RP_EXPORT BOOL WINAPI GetExitCodeThread(HANDLE hThread, LPDWORD lpExitCode) {
    nt::ntstatus code;
    if (const auto thread = nt::reference<nt::thread_object>(hThread, code)) {
        if (lpExitCode == nullptr) {
            code = nt::status::invalid_parameter;
        } else {
            *lpExitCode = thread->exit_code();
        }
    }
    return nt::win32_result(code);
}

RP_EXPORT HANDLE WINAPI GetCurrentThread(VOID) {
    return reinterpret_cast<HANDLE>(intptr_t{-2});
}

RP_EXPORT DWORD WINAPI GetCurrentThreadId(VOID) {
    // Who gets the id may want to open the thread. Without memory for that it still has its id.
    static_cast<void>(nt::current_thread());
    return static_cast<DWORD>(rp::kernel::thread_id());
}

RP_EXPORT HANDLE WINAPI OpenThread(DWORD /*dwDesiredAccess*/,
                                   BOOL /*bInheritHandle*/,
                                   DWORD dwThreadId) {
    HANDLE made = nullptr;
    nt::win32_result(nt::open_thread(dwThreadId, made));
    return made;
}

RP_EXPORT DWORD WINAPI GetThreadId(HANDLE Thread) {
    nt::ntstatus code;
    const auto thread = nt::reference<nt::thread_object>(Thread, code);
    nt::win32_result(code);
    return thread ? thread->id() : 0;
}

RP_EXPORT BOOL WINAPI SwitchToThread(VOID) {
    return rp::kernel::yield_thread() ? TRUE : FALSE;
}

RP_EXPORT DWORD WINAPI QueueUserAPC(PAPCFUNC pfnAPC, HANDLE hThread, ULONG_PTR dwData) {
    return nt::win32_result(nt::queue_user_apc(pfnAPC, hThread, dwData)) != FALSE ? 1 : 0;
}

// --- thread slots
// ----------------------------------------------------------------------------------

RP_EXPORT DWORD WINAPI TlsAlloc(VOID) {
    uint32_t index = 0;
    if (!nt::take_thread_slot(index)) {
        nt::set_last_error(ERROR_NO_MORE_ITEMS);
        return TLS_OUT_OF_INDEXES;
    }
    return index;
}

RP_EXPORT LPVOID WINAPI TlsGetValue(DWORD dwTlsIndex) {
    void* value = nullptr;
    // Documented to clear the last error on success: a value may well be NULL.
    nt::set_last_error(nt::win32_of_status(nt::read_thread_slot(dwTlsIndex, value)));
    return value;
}

RP_EXPORT BOOL WINAPI TlsSetValue(DWORD dwTlsIndex, LPVOID lpTlsValue) {
    return nt::win32_result(nt::write_thread_slot(dwTlsIndex, lpTlsValue));
}

RP_EXPORT BOOL WINAPI TlsFree(DWORD dwTlsIndex) {
    return nt::win32_result(nt::give_thread_slot(dwTlsIndex));
}
