// SPDX-License-Identifier: Apache-2.0
#pragma once
// Names of events, semaphores and mutexes (R-SYNC-8). One namespace per process.
//
// A name lives as long as its object has handles. The last closer removes it, but between its count
// reaching zero and its taking the lock the entry still names a dying object: whoever creates that
// name then finds handles_ == 0, removes the entry itself and makes a new object.
#include "kernel_iface/nt/handle_table.hpp"

#include <mutex>
#include <new>
#include <string>
#include <unordered_map>

namespace rp::nt {

/// A name as a program gave it: NULL and "" mean anonymous.
struct name_argument {
    const char* narrow = nullptr;
    const WCHAR* wide = nullptr;
};

struct object_name {
    object* target;
    const std::string* text; // the map's own key
};

class name_table {
public:
    /// Makes a handle to a new object of kind T, or to the existing one of that name. Results:
    /// success, object_name_exists (a handle was made all the same), object_type_mismatch,
    /// name_too_long, object_path_not_found, no_memory, insufficient_resources.
    /// `make` returns a ref<T>, empty when out of memory.
    template <class T, class Make>
    ntstatus create(const name_argument& argument, HANDLE& made, const Make& make) noexcept;

    /// Makes a handle to the existing object of that name. Results: success, invalid_parameter (no
    /// name), object_name_not_found, and the failures of create.
    ntstatus open_existing(const name_argument& argument, object_kind kind, HANDLE& made) noexcept;

    /// Removes the name of an object whose last handle was closed.
    void forget(object& target) noexcept;

private:
    /// UTF-8, prefix removed. Empty: anonymous.
    static ntstatus normalize(const name_argument& argument, std::string& name);
    /// object_name_not_found when there is no living object of that name. Needs the lock.
    ntstatus open(const std::string& name, object_kind kind, HANDLE& made);
    void remember(const std::string& name, object& target);
    void erase(object& target) noexcept;

    std::mutex lock_;
    std::unordered_map<std::string, object_name> names_; // guard: lock_
};

/// The namespace of the process; never destroyed, because threads may outlive static destruction.
name_table& names() noexcept;

template <class T, class Make>
ntstatus name_table::create(const name_argument& argument, HANDLE& made, const Make& make) noexcept
    try {
    made = nullptr;
    std::string name;
    if (const ntstatus code = normalize(argument, name); code != status::success) {
        return code;
    }
    if (name.empty()) {
        ref<T> fresh = make();
        return fresh ? handles().insert(*fresh, made) : status::no_memory;
    }
    const std::lock_guard guard(lock_);
    if (const ntstatus code = open(name, T::kind_id, made); code != status::object_name_not_found) {
        return code;
    }
    ref<T> fresh = make();
    if (!fresh) {
        return status::no_memory;
    }
    remember(name, *fresh);
    const ntstatus code = handles().insert(*fresh, made);
    if (code != status::success) {
        erase(*fresh);
    }
    return code;

} catch (const std::bad_alloc&) {

    return status::no_memory;
}

} // namespace rp::nt
