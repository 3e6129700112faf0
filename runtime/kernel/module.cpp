// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/module.hpp"

#include "runtime/export.hpp"

namespace nt = rp::nt;

RP_EXPORT HMODULE WINAPI LoadLibraryA(LPCSTR lpLibFileName) {
    const nt::errno_keeper keeper;
    HMODULE made = nullptr;
    nt::win32_result(nt::load_library(lpLibFileName, made));
    return made;
}

RP_EXPORT BOOL WINAPI FreeLibrary(HMODULE hLibModule) {
    const nt::errno_keeper keeper;
    return nt::win32_result(nt::free_library(hLibModule));
}

RP_EXPORT FARPROC WINAPI GetProcAddress(HMODULE hModule, LPCSTR lpProcName) {
    const nt::errno_keeper keeper;
    FARPROC found = nullptr;
    nt::win32_result(nt::find_procedure(hModule, lpProcName, found));
    return found;
}
