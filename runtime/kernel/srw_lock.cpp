// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/srw_lock.hpp"

#include "kernel_iface/nt/misuse.hpp"
#include "runtime/export.hpp"

namespace nt = rp::nt;

namespace {

void check_release(nt::ntstatus code, const char* function, const void* lock) noexcept {
    if (code != nt::status::success) {
        nt::fatal_misuse(code, function, lock, 0, "the lock is not held that way");
    }
}

} // namespace

RP_EXPORT VOID WINAPI InitializeSRWLock(PSRWLOCK SRWLock) {
    *SRWLock = SRWLOCK_INIT;
}

RP_EXPORT VOID WINAPI AcquireSRWLockExclusive(PSRWLOCK SRWLock) {
    nt::acquire_exclusive(*SRWLock);
}

RP_EXPORT VOID WINAPI AcquireSRWLockShared(PSRWLOCK SRWLock) {
    nt::acquire_shared(*SRWLock);
}

RP_EXPORT BOOLEAN WINAPI TryAcquireSRWLockExclusive(PSRWLOCK SRWLock) {
    return nt::try_acquire_exclusive(*SRWLock) ? TRUE : FALSE;
}

RP_EXPORT BOOLEAN WINAPI TryAcquireSRWLockShared(PSRWLOCK SRWLock) {
    return nt::try_acquire_shared(*SRWLock) ? TRUE : FALSE;
}

RP_EXPORT VOID WINAPI ReleaseSRWLockExclusive(PSRWLOCK SRWLock) {
    check_release(nt::release_exclusive(*SRWLock), "ReleaseSRWLockExclusive", SRWLock);
}

RP_EXPORT VOID WINAPI ReleaseSRWLockShared(PSRWLOCK SRWLock) {
    check_release(nt::release_shared(*SRWLock), "ReleaseSRWLockShared", SRWLock);
}
