// SPDX-License-Identifier: Apache-2.0
#pragma once
// HANDLE <-> object. See handle_table.cpp for the essay.
#include "kernel_iface/linux/spin_lock.hpp"
#include "kernel_iface/nt/object.hpp"
#include "kernel_iface/nt/status.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace rp::nt {

class handle_table {
public:
    constexpr handle_table() noexcept = default;
    handle_table(const handle_table&) = delete;
    handle_table& operator=(const handle_table&) = delete;

    /// Makes a handle that keeps `target` alive. success, or insufficient_resources.
    ntstatus insert(object& target, HANDLE& made) noexcept;
    /// The object behind `handle`, referenced; empty when the handle is stale or never existed.
    [[nodiscard]] ref<object> look_up(HANDLE handle) noexcept;
    /// Ends a handle: exactly one of several racing closers gets success, the others
    /// invalid_handle.
    ntstatus close(HANDLE handle) noexcept;
    /// Makes another handle of an object found by a handle. success, insufficient_resources, or
    /// invalid_handle (its last handle was closed meanwhile).
    ntstatus duplicate(object& target, HANDLE& made) noexcept;
    /// Handles that exist now (for tests and diagnostics; a snapshot).
    [[nodiscard]] uint32_t live_handles() noexcept;

private:
    friend class name_table;

    struct entry {
        std::atomic<uint64_t> life{0}; // generation << 1 | is_live
        std::atomic<object_header*> target{nullptr};
        uint32_t next_free = 0; // guard: lock_
    };

    static constexpr uint32_t block_bits = 10;
    static constexpr uint32_t block_entries = 1U << block_bits;
    static constexpr uint32_t index_bits = 24; // 16.7 million handles, as many as Windows allows
    static constexpr uint32_t blocks_max = 1U << (index_bits - block_bits);
    static constexpr uint32_t generation_bits = 36;
    using block = std::array<entry, block_entries>;

    struct decoded {
        entry* place;
        uint64_t life;
    };

    /// As insert, for an object whose handle was already counted; leaves it counted.
    ntstatus insert_counted(object& target, HANDLE& made) noexcept;
    /// A handle of `target`, which the caller references, is gone.
    static void uncount(object& target) noexcept;
    decoded decode(HANDLE handle) noexcept;
    uint32_t take_free_index() noexcept; // 0: exhausted
    void give_free_index(uint32_t index, entry& place) noexcept;

    kernel::spin_lock lock_;
    uint32_t fresh_ = 1; // first index never used; guard: lock_. 0 is not an index
    uint32_t free_oldest_ = 0;
    uint32_t free_newest_ = 0;
    uint32_t live_ = 0;
    std::array<std::atomic<block*>, blocks_max> blocks_{};
};

/// The table of the process.
handle_table& handles() noexcept;

/// GetCurrentProcess and GetCurrentThread are constants, not entries of the table.
inline bool is_pseudo_handle(HANDLE handle) noexcept {
    return reinterpret_cast<intptr_t>(handle) == -1 || reinterpret_cast<intptr_t>(handle) == -2;
}

/// What a pseudo handle means to the calling thread; empty when out of memory (pseudo_handle.cpp).
[[nodiscard]] ref<object> pseudo_object(HANDLE handle) noexcept;

/// The object behind a handle of either kind.
[[nodiscard]] inline ref<object> find_object(HANDLE handle) noexcept {
    ref<object> found = handles().look_up(handle);
    if (!found && is_pseudo_handle(handle)) [[unlikely]] {
        return pseudo_object(handle);
    }
    return found;
}

/// The object behind `handle` if it is a T, else empty with `code` set to invalid_handle or
/// object_type_mismatch (both are ERROR_INVALID_HANDLE).
template <class T>
[[nodiscard]] ref<T> reference(HANDLE handle, ntstatus& code) noexcept {
    constexpr bool has_pseudo_handle =
        T::kind_id == object_kind::thread || T::kind_id == object_kind::process;
    ref<object> found = has_pseudo_handle ? find_object(handle) : handles().look_up(handle);
    if (!found) {
        code = status::invalid_handle;
        return {};
    }
    if (found->kind() != T::kind_id) {
        code = status::object_type_mismatch;
        return {};
    }
    code = status::success;
    return ref<T>::adopt(static_cast<T*>(found.detach()));
}

/// CloseHandle. Closing a pseudo handle does nothing.
ntstatus close_handle(HANDLE handle) noexcept;

/// DuplicateHandle within the process. `made` may be nullptr with DUPLICATE_CLOSE_SOURCE, which
/// closes `source` whatever the result.
ntstatus duplicate_handle(HANDLE source, DWORD options, HANDLE* made) noexcept;

} // namespace rp::nt
