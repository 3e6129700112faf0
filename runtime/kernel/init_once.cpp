// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/init_once.hpp"

#include "runtime/export.hpp"

namespace nt = rp::nt;

RP_EXPORT VOID WINAPI InitOnceInitialize(PINIT_ONCE InitOnce) {
    *InitOnce = INIT_ONCE_STATIC_INIT;
}

RP_EXPORT BOOL WINAPI InitOnceBeginInitialize(LPINIT_ONCE lpInitOnce,
                                              DWORD dwFlags,
                                              PBOOL fPending,
                                              LPVOID* lpContext) {
    bool is_pending = false;
    const nt::ntstatus code = nt::begin_once(*lpInitOnce, dwFlags, is_pending, lpContext);
    if (nt::is_success(code)) {
        *fPending = is_pending ? TRUE : FALSE;
    }
    return nt::win32_result(code);
}

RP_EXPORT BOOL WINAPI InitOnceComplete(LPINIT_ONCE lpInitOnce, DWORD dwFlags, LPVOID lpContext) {
    return nt::win32_result(nt::complete_once(*lpInitOnce, dwFlags, lpContext));
}

RP_EXPORT BOOL WINAPI InitOnceExecuteOnce(PINIT_ONCE InitOnce,
                                          PINIT_ONCE_FN InitFn,
                                          PVOID Parameter,
                                          LPVOID* Context) {
    bool is_pending = false;
    const nt::ntstatus begun = nt::begin_once(*InitOnce, 0, is_pending, Context);
    if (!nt::is_success(begun) || !is_pending) {
        return nt::win32_result(begun);
    }
    void* made = nullptr;
    if (InitFn(InitOnce, Parameter, &made) == FALSE) {
        // The last error is the one InitFn left.
        static_cast<void>(nt::complete_once(*InitOnce, INIT_ONCE_INIT_FAILED, nullptr));
        return FALSE;
    }
    const nt::ntstatus code = nt::complete_once(*InitOnce, 0, made);
    if (!nt::is_success(code)) { // the context uses the reserved bits: others may try again
        static_cast<void>(nt::complete_once(*InitOnce, INIT_ONCE_INIT_FAILED, nullptr));
        return nt::win32_result(code);
    }
    if (Context != nullptr) {
        *Context = made;
    }
    return TRUE;
}
