// SPDX-License-Identifier: Apache-2.0
// Condition variables and waiting on an address: the waits that time out with ERROR_TIMEOUT.
#include "kernel_iface/nt/condition.hpp"

#include "kernel_iface/nt/address_wait.hpp"
#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/wait.hpp"
#include "runtime/export.hpp"

#include <climits>

namespace nt = rp::nt;

namespace {

BOOL timed_result(nt::ntstatus code) noexcept {
    if (code == nt::status::timeout) {
        nt::set_last_error(ERROR_TIMEOUT); // the wait functions report the same status as 258
        return FALSE;
    }
    return nt::win32_result(code);
}

BOOL sleep_result(nt::ntstatus code, const char* function, const void* lock) noexcept {
    if (code == nt::status::resource_not_owned) {
        nt::fatal_misuse(code, function, lock, 0, "the calling thread does not hold the lock");
    }
    return timed_result(code);
}

} // namespace

RP_EXPORT VOID WINAPI InitializeConditionVariable(PCONDITION_VARIABLE ConditionVariable) {
    *ConditionVariable = CONDITION_VARIABLE_INIT;
}

RP_EXPORT BOOL WINAPI SleepConditionVariableCS(PCONDITION_VARIABLE ConditionVariable,
                                               PCRITICAL_SECTION CriticalSection,
                                               DWORD dwMilliseconds) {
    const int64_t deadline_ns = nt::deadline_after_ms(dwMilliseconds);
    return sleep_result(nt::sleep_condition(*ConditionVariable, *CriticalSection, deadline_ns),
                        "SleepConditionVariableCS",
                        CriticalSection);
}

RP_EXPORT BOOL WINAPI SleepConditionVariableSRW(PCONDITION_VARIABLE ConditionVariable,
                                                PSRWLOCK SRWLock,
                                                DWORD dwMilliseconds,
                                                ULONG Flags) {
    if ((Flags & ~static_cast<ULONG>(CONDITION_VARIABLE_LOCKMODE_SHARED)) != 0) {
        return nt::win32_result(nt::status::invalid_parameter);
    }
    const bool is_shared = (Flags & CONDITION_VARIABLE_LOCKMODE_SHARED) != 0;
    const int64_t deadline_ns = nt::deadline_after_ms(dwMilliseconds);
    return sleep_result(nt::sleep_condition(*ConditionVariable, *SRWLock, is_shared, deadline_ns),
                        "SleepConditionVariableSRW",
                        SRWLock);
}

RP_EXPORT VOID WINAPI WakeConditionVariable(PCONDITION_VARIABLE ConditionVariable) {
    nt::wake_condition(*ConditionVariable, 1);
}

RP_EXPORT VOID WINAPI WakeAllConditionVariable(PCONDITION_VARIABLE ConditionVariable) {
    nt::wake_condition(*ConditionVariable, INT_MAX);
}

RP_EXPORT BOOL WINAPI WaitOnAddress(volatile VOID* Address,
                                    PVOID CompareAddress,
                                    SIZE_T AddressSize,
                                    DWORD dwMilliseconds) {
    const int64_t deadline_ns = nt::deadline_after_ms(dwMilliseconds);
    return timed_result(nt::wait_on_address(
        const_cast<const void*>(Address), CompareAddress, AddressSize, deadline_ns));
}

RP_EXPORT VOID WINAPI WakeByAddressSingle(PVOID Address) {
    nt::wake_by_address(Address, false);
}

RP_EXPORT VOID WINAPI WakeByAddressAll(PVOID Address) {
    nt::wake_by_address(Address, true);
}
