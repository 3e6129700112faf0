// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/names.hpp"

#include <cstring>

namespace rp::nt {
namespace {

constexpr size_t name_characters_max = 260; // MAX_PATH

void append_utf8(std::string& text, uint32_t point) {
    if (point < 0x80) {
        text += static_cast<char>(point);
    } else if (point < 0x800) {
        text += static_cast<char>(0xC0U | point >> 6);
        text += static_cast<char>(0x80U | (point & 0x3FU));
    } else if (point < 0x10000) {
        text += static_cast<char>(0xE0U | point >> 12);
        text += static_cast<char>(0x80U | (point >> 6 & 0x3FU));
        text += static_cast<char>(0x80U | (point & 0x3FU));
    } else {
        text += static_cast<char>(0xF0U | point >> 18);
        text += static_cast<char>(0x80U | (point >> 12 & 0x3FU));
        text += static_cast<char>(0x80U | (point >> 6 & 0x3FU));
        text += static_cast<char>(0x80U | (point & 0x3FU));
    }
}

// A lone surrogate is encoded as itself: names are compared, never displayed.
void append_utf16(std::string& text, const WCHAR* wide) {
    while (*wide != 0) {
        uint32_t point = *wide++;
        const bool is_high = point >= 0xD800 && point < 0xDC00;
        if (is_high && *wide >= 0xDC00 && *wide < 0xE000) {
            point = 0x10000U + ((point - 0xD800U) << 10) + (*wide++ - 0xDC00U);
        }
        append_utf8(text, point);
    }
}

} // namespace

name_table& names() noexcept {
    static auto* const table = new name_table;
    return *table;
}

ntstatus name_table::normalize(const name_argument& argument, std::string& name) {
    size_t characters = 0;
    if (argument.narrow != nullptr) {
        characters = std::strlen(argument.narrow);
    } else if (argument.wide != nullptr) {
        while (argument.wide[characters] != 0) {
            ++characters;
        }
    }
    if (characters > name_characters_max) {
        return status::name_too_long;
    }
    if (argument.narrow != nullptr) {
        name = argument.narrow;
    } else if (argument.wide != nullptr) {
        append_utf16(name, argument.wide);
    }
    // There is one session, so Local\x is x. Global\x stays apart from x, as on Windows.
    constexpr const char* local = "Local\\";
    constexpr const char* global = "Global\\";
    if (name.rfind(local, 0) == 0) {
        name.erase(0, std::strlen(local));
    }
    const size_t prefix = name.rfind(global, 0) == 0 ? std::strlen(global) : 0;
    return name.find('\\', prefix) == std::string::npos ? status::success
                                                        : status::object_path_not_found;
}

ntstatus name_table::open(const std::string& name, object_kind kind, HANDLE& made) {
    const auto found = names_.find(name);
    if (found == names_.end()) {
        return status::object_name_not_found;
    }
    // Alive: the last closer takes our lock before it drops the last reference. But once we have
    // counted a handle the former last closer is no longer the last, and does not come here: so our
    // reference must come before our count.
    object& target = *found->second.target;
    const auto kept = ref<object>::share(&target);
    // mo: relaxed, the CAS decides.
    uint32_t count = target.handles_.load(std::memory_order_relaxed);
    do {
        if (count == 0) {
            erase(target);
            return status::object_name_not_found;
        }
        if (target.kind() != kind) {
            return status::object_type_mismatch;
        }
        // mo: relaxed, the lock orders us with whoever made the object.
    } while (!target.handles_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed));
    const ntstatus code = handles().insert_counted(target, made);
    if (code == status::success) {
        return status::object_name_exists;
    }
    // mo: acq_rel, pairs object.handles (close): the others may have closed theirs meanwhile.
    if (target.handles_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        erase(target);
        target.last_handle_closed();
    }
    return code;
}

ntstatus name_table::open_existing(const name_argument& argument,
                                   object_kind kind,
                                   HANDLE& made) noexcept try {
    made = nullptr;
    if (argument.narrow == nullptr && argument.wide == nullptr) {
        return status::invalid_parameter;
    }
    std::string name;
    if (const ntstatus code = normalize(argument, name); code != status::success) {
        return code;
    }
    const std::lock_guard guard(lock_);
    const ntstatus code = open(name, kind, made);
    return code == status::object_name_exists ? status::success : code;

} catch (const std::bad_alloc&) {

    return status::no_memory;
}

void name_table::remember(const std::string& name, object& target) {
    const auto added = names_.emplace(name, object_name{&target, nullptr}).first;
    added->second.text = &added->first;
    // mo: relaxed, the handle is published after this.
    target.name_.store(&added->second, std::memory_order_relaxed);
}

void name_table::erase(object& target) noexcept {
    // mo: relaxed, under the lock.
    if (object_name* name = target.name_.load(std::memory_order_relaxed); name != nullptr) {
        // mo: relaxed, under the lock.
        target.name_.store(nullptr, std::memory_order_relaxed);
        names_.erase(names_.find(*name->text));
    }
}

void name_table::forget(object& target) noexcept {
    // mo: relaxed, nullptr is final: an object is named before its first handle exists.
    if (target.name_.load(std::memory_order_relaxed) != nullptr) {
        const std::lock_guard guard(lock_);
        erase(target);
    }
}

} // namespace rp::nt
