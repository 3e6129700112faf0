// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/module.hpp"

#include <dlfcn.h>
#include <link.h>

#include <mutex>
#include <new>
#include <unordered_map>

namespace rp::nt {
namespace {

/// References handed out per module: dlclose and dlsym on a stale pointer would crash, while
/// FreeLibrary and GetProcAddress report it. Never destroyed.
struct module_table {
    std::mutex lock;
    std::unordered_map<HMODULE, size_t> references; // guard: lock
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
        ++modules().references[static_cast<HMODULE>(library)];
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
        const auto found = modules().references.find(module);
        if (found == modules().references.end()) {
            return status::dll_not_found;
        }
        if (--found->second == 0) {
            modules().references.erase(found);
        }
    }
    // Outside the lock: destructors of the library may load and free libraries.
    return ::dlclose(module) == 0 ? status::success : status::unsuccessful;
}

HMODULE reference_library(HMODULE module) noexcept {
    const std::lock_guard guard(modules().lock);
    const auto found = modules().references.find(module);
    if (found == modules().references.end()) {
        return nullptr;
    }
    link_map* map = nullptr;
    if (::dlinfo(module, RTLD_DI_LINKMAP, &map) != 0 ||
        ::dlopen(map->l_name, RTLD_NOW | RTLD_NOLOAD) == nullptr) {
        return nullptr;
    }
    ++found->second;
    return module;
}

ntstatus find_procedure(HMODULE module, const char* name, FARPROC& found) noexcept {
    found = nullptr;
    {
        const std::lock_guard guard(modules().lock);
        if (modules().references.find(module) == modules().references.end()) {
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
