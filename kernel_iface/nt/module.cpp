// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/module.hpp"

#include "kernel_iface/linux/process.hpp"

#include <dlfcn.h>
#include <link.h>

#include <climits>
#include <cstring>
#include <mutex>
#include <new>
#include <unordered_map>

namespace rp::nt {
namespace {

struct module_entry {
    size_t references = 0;
    bool is_pinned = false; ///< found by name: one dlopen more, which is never given back
};

/// References handed out per module: dlclose and dlsym on a stale pointer would crash, while
/// FreeLibrary and GetProcAddress report it. Never destroyed.
struct module_table {
    std::mutex lock;
    std::unordered_map<HMODULE, module_entry> entries; // guard: lock
};

module_table& modules() noexcept {
    static auto* const table = new module_table;
    return *table;
}

} // namespace

ntstatus load_library(const char* name, HMODULE& made) noexcept {
    made = nullptr;
    if (name == nullptr || *name == '\0') {
        return status::invalid_parameter;
    }
    void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        return status::dll_not_found;
    }
    try {
        const std::lock_guard guard(modules().lock);
        ++modules().entries[static_cast<HMODULE>(library)].references;
    } catch (const std::bad_alloc&) {
        ::dlclose(library);
        return status::no_memory;
    }
    made = static_cast<HMODULE>(library);
    return status::success;
}

ntstatus free_library(HMODULE module) noexcept {
    {
        const std::lock_guard guard(modules().lock);
        const auto found = modules().entries.find(module);
        if (found == modules().entries.end()) {
            return status::dll_not_found;
        }
        module_entry& entry = found->second;
        if (entry.references == 0) {
            return status::success; // as for a module that a Windows program is linked with
        }
        if (--entry.references == 0 && !entry.is_pinned) {
            modules().entries.erase(found);
        }
    }
    // Outside the lock: destructors of the library may load and free libraries.
    return ::dlclose(module) == 0 ? status::success : status::unsuccessful;
}

HMODULE reference_library(HMODULE module) noexcept {
    const std::lock_guard guard(modules().lock);
    const auto found = modules().entries.find(module);
    if (found == modules().entries.end()) {
        return nullptr;
    }
    link_map* map = nullptr;
    if (::dlinfo(module, RTLD_DI_LINKMAP, &map) != 0 ||
        ::dlopen(map->l_name, RTLD_NOW | RTLD_NOLOAD) == nullptr) {
        return nullptr;
    }
    ++found->second.references;
    return module;
}

ntstatus find_module(const char* name, HMODULE& found) noexcept {
    found = nullptr;
    void* library = ::dlopen(name, RTLD_NOW | RTLD_NOLOAD);
    if (library == nullptr) {
        return status::dll_not_found;
    }
    const auto module = static_cast<HMODULE>(library);
    bool is_extra = true;
    try {
        const std::lock_guard guard(modules().lock);
        const auto [entry, is_new] = modules().entries.try_emplace(module);
        if (is_new) {
            entry->second.is_pinned = true;
            is_extra = false;
        }
    } catch (const std::bad_alloc&) {
        ::dlclose(library);
        return status::no_memory;
    }
    if (is_extra) {
        ::dlclose(library);
    }
    found = module;
    return status::success;
}

ntstatus module_path(HMODULE module, char* path, size_t size, size_t& length) noexcept {
    length = 0;
    link_map* map = nullptr;
    if (module != nullptr) {
        const std::lock_guard guard(modules().lock);
        if (modules().entries.find(module) == modules().entries.end() ||
            ::dlinfo(module, RTLD_DI_LINKMAP, &map) != 0) {
            return status::dll_not_found;
        }
    }
    char program[PATH_MAX];
    const char* name = map != nullptr ? map->l_name : "";
    if (*name == '\0') { // the program's own entry has no name
        kernel::program_path(program, sizeof program);
        name = program;
    }
    const size_t needed = std::strlen(name);
    if (size == 0) {
        return status::buffer_too_small;
    }
    const bool fits = needed < size;
    length = fits ? needed : size - 1;
    std::memcpy(path, name, length);
    path[length] = '\0';
    return fits ? status::success : status::buffer_too_small;
}

ntstatus find_procedure(HMODULE module, const char* name, FARPROC& found) noexcept {
    found = nullptr;
    {
        const std::lock_guard guard(modules().lock);
        if (modules().entries.find(module) == modules().entries.end()) {
            return status::dll_not_found;
        }
    }
    constexpr uintptr_t ordinals = 0x10000;
    if (reinterpret_cast<uintptr_t>(name) < ordinals) {
        return status::entrypoint_not_found;
    }
    void* address = ::dlsym(module, name);
    found = reinterpret_cast<FARPROC>(address);
    return address != nullptr ? status::success : status::entrypoint_not_found;
}

} // namespace rp::nt
