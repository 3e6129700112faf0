// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reference-counted kernel objects in type-stable memory (the handle table says why).
//
// A piece of memory is [object_header][object]. The header is zeroed once by the slab and then only
// changed atomically, so whoever holds a stale pointer may still read `refs` and learn that the
// object is gone. Everything behind it is alive exactly while refs != 0.
#include "kernel_iface/linux/slab.hpp"

#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

namespace rp::nt {

class waitable;
struct object_name;

/// A new kind: add it here, derive its class from `object` (or from `waitable`) with a static
/// `kind_id`, and let destroy() call destroy_object(this).
enum class object_kind : uint8_t {
    event,
    semaphore,
    mutex,
    file,
    completion_port,
    // Not for CloseHandle; see has_own_close.
    registered_wait,
    timer_queue,
    queue_timer,
    timer,
    thread,
    process,
    apc_queue, ///< has no handles
};

struct alignas(16) object_header {
    uint32_t refs; // only through std::atomic_ref; 0 while the piece is free or under construction
    uint32_t unused[3];

    /// Adds a reference unless the object is gone (or being made).
    bool try_reference() noexcept {
        std::atomic_ref<uint32_t> count(refs);
        // mo: relaxed, the CAS below decides.
        uint32_t seen = count.load(std::memory_order_relaxed);
        do {
            if (seen == 0) {
                return false;
            }
            // mo: acquire, pairs object.refs (make_object): we see the object constructed.
        } while (!count.compare_exchange_weak(
            seen, seen + 1, std::memory_order_acquire, std::memory_order_relaxed));
        return true;
    }
};

class object {
public:
    object(const object&) = delete;
    object& operator=(const object&) = delete;

    [[nodiscard]] object_kind kind() const noexcept { return kind_; }

    void reference() noexcept {
        // mo: relaxed, the caller already has a reference.
        std::atomic_ref<uint32_t>(header().refs).fetch_add(1, std::memory_order_relaxed);
    }

    void release() noexcept {
        std::atomic_ref<uint32_t> count(header().refs);
        // mo: acq_rel, pairs object.refs (every other release): the destroyer sees all their
        // writes.
        if (count.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            destroy();
        }
    }

    /// The object as something to wait on, or nullptr.
    virtual waitable* as_waitable() noexcept { return nullptr; }

    /// Its handle is ended by a function of its own, and is invalid to CloseHandle.
    [[nodiscard]] virtual bool has_own_close() const noexcept { return false; }

    /// The last handle was closed. The caller still has a reference; others may live on.
    virtual void last_handle_closed() noexcept {}

    [[nodiscard]] object_header& header() noexcept {
        return *(std::launder(reinterpret_cast<object_header*>(this)) - 1);
    }

protected:
    explicit object(object_kind kind) noexcept : kind_(kind) {}

    virtual ~object() = default;
    virtual void destroy() noexcept = 0;

private:
    friend class handle_table;
    friend class name_table;

    std::atomic<uint32_t> handles_{0};
    const object_kind kind_;
    std::atomic<object_name*> name_{nullptr}; // written under the name table's lock
};

/// One reference.
template <class T>
class ref {
public:
    ref() noexcept = default;

    [[nodiscard]] static ref adopt(T* object) noexcept {
        ref result;
        result.object_ = object;
        return result;
    }

    [[nodiscard]] static ref share(T* object) noexcept {
        if (object != nullptr) {
            object->reference();
        }
        return adopt(object);
    }

    ref(ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}

    ref& operator=(ref&& other) noexcept {
        ref(std::move(other)).swap(*this);
        return *this;
    }

    ref(const ref& other) noexcept : object_(other.object_) {
        if (object_ != nullptr) {
            object_->reference();
        }
    }

    ref& operator=(const ref& other) noexcept {
        ref(other).swap(*this);
        return *this;
    }

    ~ref() {
        if (object_ != nullptr) {
            object_->release();
        }
    }

    void swap(ref& other) noexcept { std::swap(object_, other.object_); }

    /// Gives the reference to the caller.
    [[nodiscard]] T* detach() noexcept { return std::exchange(object_, nullptr); }

    [[nodiscard]] T* get() const noexcept { return object_; }

    T* operator->() const noexcept { return object_; }

    T& operator*() const noexcept { return *object_; }

    explicit operator bool() const noexcept { return object_ != nullptr; }

private:
    T* object_ = nullptr;
};

template <class T>
inline constinit kernel::slab object_slab{sizeof(object_header) + sizeof(T),
                                          alignof(object_header)};

/// Makes a T with one reference; empty when out of memory.
template <class T, class... Arguments>
[[nodiscard]] ref<T> make_object(Arguments&&... arguments) noexcept {
    static_assert(alignof(T) <= alignof(object_header));
    auto* header = static_cast<object_header*>(object_slab<T>.take());
    if (header == nullptr) {
        return {};
    }
    T* made = new (header + 1) T(std::forward<Arguments>(arguments)...);
    // mo: release, pairs object.refs (try_reference): a stale lookup may find this piece at once.
    std::atomic_ref<uint32_t>(header->refs).store(1, std::memory_order_release);
    return ref<T>::adopt(made);
}

/// For T::destroy(): ends the object's life and returns its piece.
template <class T>
void destroy_object(T* object) noexcept {
    object_header& header = object->header();
    object->~T();
    object_slab<T>.give(&header);
}

} // namespace rp::nt
