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

/// The flags say how to map a PE file; ELF knows none of these ways, so none is accepted.
RP_EXPORT HMODULE WINAPI LoadLibraryExA(LPCSTR lpLibFileName, HANDLE hFile, DWORD dwFlags) {
    if (hFile != nullptr || dwFlags != 0) {
        nt::win32_result(nt::status::invalid_parameter);
        return nullptr;
    }
    return LoadLibraryA(lpLibFileName);
}

RP_EXPORT HMODULE WINAPI GetModuleHandleA(LPCSTR lpModuleName) {
    const nt::errno_keeper keeper;
    HMODULE found = nullptr;
    nt::win32_result(nt::find_module(lpModuleName, found));
    return found;
}

RP_EXPORT DWORD WINAPI GetModuleFileNameA(HMODULE hModule, LPSTR lpFilename, DWORD nSize) {
    const nt::errno_keeper keeper;
    size_t length = 0;
    const nt::ntstatus code = nt::module_path(hModule, lpFilename, nSize, length);
    nt::win32_result(code);
    // A name cut short counts as the whole buffer.
    return code == nt::status::buffer_too_small ? nSize : static_cast<DWORD>(length);
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
