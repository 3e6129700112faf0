// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/critical_section.hpp"

#include "kernel_iface/nt/misuse.hpp"
#include "runtime/export.hpp"

namespace nt = rp::nt;

RP_EXPORT VOID WINAPI InitializeCriticalSection(LPCRITICAL_SECTION lpCriticalSection) {
    nt::initialize_critical_section(*lpCriticalSection, 0);
}

RP_EXPORT BOOL WINAPI InitializeCriticalSectionAndSpinCount(LPCRITICAL_SECTION lpCriticalSection,
                                                            DWORD dwSpinCount) {
    nt::initialize_critical_section(*lpCriticalSection, dwSpinCount);
    return TRUE;
}

RP_EXPORT BOOL WINAPI InitializeCriticalSectionEx(LPCRITICAL_SECTION lpCriticalSection,
                                                  DWORD dwSpinCount,
                                                  DWORD Flags) {
    constexpr DWORD known_flags = CRITICAL_SECTION_NO_DEBUG_INFO;
    if ((Flags & ~known_flags) != 0) {
        return nt::win32_result(nt::status::invalid_parameter);
    }
    nt::initialize_critical_section(*lpCriticalSection, dwSpinCount);
    return TRUE;
}

RP_EXPORT VOID WINAPI EnterCriticalSection(LPCRITICAL_SECTION lpCriticalSection) {
    nt::enter_critical_section(*lpCriticalSection);
}

RP_EXPORT BOOL WINAPI TryEnterCriticalSection(LPCRITICAL_SECTION lpCriticalSection) {
    return nt::try_enter_critical_section(*lpCriticalSection) ? TRUE : FALSE;
}

RP_EXPORT VOID WINAPI LeaveCriticalSection(LPCRITICAL_SECTION lpCriticalSection) {
    const nt::ntstatus code = nt::leave_critical_section(lpCriticalSection);
    if (code != nt::status::success) {
        nt::fatal_misuse(code,
                         "LeaveCriticalSection",
                         lpCriticalSection,
                         0,
                         "the calling thread does not own the critical section");
    }
}

RP_EXPORT VOID WINAPI DeleteCriticalSection(LPCRITICAL_SECTION lpCriticalSection) {
    nt::delete_critical_section(*lpCriticalSection);
}
