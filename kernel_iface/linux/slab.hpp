// SPDX-License-Identifier: Apache-2.0
#pragma once
// Fixed-size objects that are made on one thread and freed on another, without malloc in the steady
// state: each thread keeps a magazine of free pieces, and whole magazines move through a depot.
#include <atomic>
#include <cstddef>

namespace rp::kernel {

/// Process-wide and type-stable: memory once handed out as a piece of this slab is never unmapped
/// or reused for anything else, so a stale pointer still points at a piece of the same kind. Make
/// one per kind with static storage duration; it is never destroyed.
class slab {
public:
    constexpr slab(size_t piece_bytes, size_t piece_align) noexcept
        : piece_bytes_(piece_bytes), piece_align_(piece_align) {}

    slab(const slab&) = delete;
    slab& operator=(const slab&) = delete;

    /// Returns raw memory of piece_bytes, or nullptr when out of memory. Fresh memory is zeroed
    /// once; reused pieces keep what their last user left. Under AddressSanitizer a free piece is
    /// poisoned but for its first 64 bytes.
    [[nodiscard]] void* take() noexcept;
    void give(void* piece) noexcept;

    /// From now on a piece that is given back is not taken again before `pieces` others, of any
    /// slab, have been given back. For a checking mode; not undone.
    static void quarantine(size_t pieces);

    struct depot;
    struct magazine;

private:
    size_t piece_bytes_;
    size_t piece_align_;
    std::atomic<depot*> depot_{nullptr}; // made on first use
    friend struct slab_access;
};

} // namespace rp::kernel
