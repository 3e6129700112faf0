// SPDX-License-Identifier: Apache-2.0
// What the machine has, ending the process, talking to a debugger.
#include "kernel_iface/linux/topology.hpp"
#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace nt = rp::nt;

namespace {

// The address space of a process, without its first 64 KiB.
constexpr uintptr_t address_min = 0x10000;
#if defined(__x86_64__)
constexpr uintptr_t address_max = 0x7FFFFFFFEFFF;
#else
constexpr uintptr_t address_max = 0xFFFFFFFFFFFF;
#endif

/// The CPUs this process can keep busy, quota included: programs size their threads by this number.
DWORD processors() noexcept {
    return rp::kernel::machine_topology().usable;
}

WORD architecture() noexcept {
#if defined(__x86_64__)
    return PROCESSOR_ARCHITECTURE_AMD64;
#elif defined(__aarch64__)
    return PROCESSOR_ARCHITECTURE_ARM64;
#else
    return PROCESSOR_ARCHITECTURE_UNKNOWN;
#endif
}

/// Nothing listens unless somebody asks: what a program tells its debugger is no output of it.
bool has_listener() noexcept {
    static const bool is_wanted = std::getenv("RINGPOOL_DEBUG_OUTPUT") != nullptr;
    return is_wanted;
}

} // namespace

RP_EXPORT VOID WINAPI GetNativeSystemInfo(LPSYSTEM_INFO lpSystemInfo) {
    constexpr DWORD group_max = 64; // a mask has one bit each
    const DWORD count = std::min(processors(), group_max);
    *lpSystemInfo = {};
    lpSystemInfo->wProcessorArchitecture = architecture();
    lpSystemInfo->dwPageSize = static_cast<DWORD>(::sysconf(_SC_PAGESIZE));
    lpSystemInfo->lpMinimumApplicationAddress = reinterpret_cast<void*>(address_min);
    lpSystemInfo->lpMaximumApplicationAddress = reinterpret_cast<void*>(address_max);
    lpSystemInfo->dwActiveProcessorMask = ~DWORD_PTR{0} >> (group_max - count);
    lpSystemInfo->dwNumberOfProcessors = count;
#if defined(__x86_64__)
    lpSystemInfo->dwProcessorType = PROCESSOR_AMD_X8664;
#endif
    lpSystemInfo->dwAllocationGranularity = 0x10000; // larger pages included, a multiple of any
}

/// The same: there are no 32-bit programs on this side.
RP_EXPORT VOID WINAPI GetSystemInfo(LPSYSTEM_INFO lpSystemInfo) {
    GetNativeSystemInfo(lpSystemInfo);
}

/// All processors are in group 0.
RP_EXPORT DWORD WINAPI GetActiveProcessorCount(WORD GroupNumber) {
    if (GroupNumber != 0 && GroupNumber != ALL_PROCESSOR_GROUPS) {
        nt::win32_result(nt::status::invalid_parameter);
        return 0;
    }
    return processors();
}

/// As returning from main: destructors and atexit functions run, streams are flushed. The shell
/// sees the lower eight bits of the code.
RP_EXPORT DECLSPEC_NORETURN VOID WINAPI ExitProcess(UINT uExitCode) {
    std::exit(static_cast<int>(uExitCode));
}

RP_EXPORT VOID WINAPI OutputDebugStringA(LPCSTR lpOutputString) {
    if (lpOutputString != nullptr && has_listener()) {
        const nt::errno_keeper keeper;
        std::fputs(lpOutputString, stderr);
    }
}
