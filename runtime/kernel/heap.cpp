// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/heap.hpp"

#include "runtime/export.hpp"

namespace nt = rp::nt;

RP_EXPORT HANDLE WINAPI GetProcessHeap(VOID) {
    return nt::process_heap();
}

// The two that allocate set no last error, as documented.
RP_EXPORT LPVOID WINAPI HeapAlloc(HANDLE hHeap, DWORD dwFlags, SIZE_T dwBytes) {
    const nt::errno_keeper keeper;
    return nt::heap_allocate(hHeap, dwFlags, dwBytes);
}

RP_EXPORT LPVOID WINAPI HeapReAlloc(HANDLE hHeap, DWORD dwFlags, LPVOID lpMem, SIZE_T dwBytes) {
    const nt::errno_keeper keeper;
    return nt::heap_reallocate(hHeap, dwFlags, lpMem, dwBytes);
}

RP_EXPORT BOOL WINAPI HeapFree(HANDLE hHeap, DWORD /*dwFlags*/, LPVOID lpMem) {
    const nt::errno_keeper keeper;
    return nt::win32_result(nt::heap_free(hHeap, lpMem));
}

RP_EXPORT SIZE_T WINAPI HeapSize(HANDLE hHeap, DWORD /*dwFlags*/, LPCVOID lpMem) {
    return nt::heap_size(hHeap, lpMem);
}
