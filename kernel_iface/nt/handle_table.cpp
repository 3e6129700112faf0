// SPDX-License-Identifier: Apache-2.0
// The handle table: from a HANDLE, right or wrong, to an object or a clean ERROR_INVALID_HANDLE.
//
// Nouns. A *handle* is a number; an *entry* is the slot it names; the *life* of an entry counts how
// often it was used, with the low bit set while it is in use; the *target* is the object's header.
//
//   HANDLE bits   0..1   zero (Windows programs may use them as flags, R-IO-25)
//                 2..25  index of the entry, never 0
//                26..61  generation, starting at 1, so a small number or a descriptor mistaken for
//                a
//                        handle is never valid
//                62..63  zero, so INVALID_HANDLE_VALUE and the pseudo handles are never valid
//
// Looking up takes no lock. It races with closing, and with the entry and even the object's memory
// being used again:
//
//   look_up                                   close                      insert (same entry, later)
//   1. life == wanted? else stale             1. CAS life: wanted ->     1. target = header
//   2. header = target                           next generation, free   2. life = next | live
//   3. header->refs += 1 unless 0             2. drop the table's
//   4. life == wanted still? else drop,          reference (perhaps free
//      stale                                     the object)
//
// Why step 4 is enough: the table's reference is dropped after its CAS on life. If life is still
// the wanted one in step 4, the object we counted in step 3 had not been let go by the table, so it
// is the right one. If step 2 or 3 met the entry or the piece of memory in its next life, then the
// store it read from (target, or refs of a new object) was made after that CAS, and acquire makes
// step 4 see it. Dropping a reference counted on a stranger is harmless: it was counted properly.
//
// The price is that memory of objects is type-stable (slab): step 3 may touch the header of a piece
// that was freed. Reference counts start at 0 in fresh memory and are never reset while free.
//
// Closed entries queue up and the oldest is used first; together with 36 generation bits a closed
// value comes back only after 2^36 uses of its entry.
//
// Rejected:
// - The object's address as the handle: a stale handle is a dangling pointer, and CloseHandle twice
//   frees somebody else's object.
// - A reader lock around lookups: every ReadFile of every thread would write one cache line.
// - Epochs or hazard pointers: two more stores and a fence per lookup to save one re-check, and a
//   thread that sleeps inside a lookup would hold up all reclamation.
// - 32-bit handles (12 generation bits): a closed value comes back after 4096 uses.
//
// Invariants: entry.life is odd <=> target holds one reference counted by the table.
// Read next: object.hpp, dispatcher.hpp.
#include "kernel_iface/nt/handle_table.hpp"

#include "kernel_iface/nt/names.hpp"

#include <mutex>
#include <new>

namespace rp::nt {
namespace {

constinit handle_table process_handles;

} // namespace

handle_table& handles() noexcept {
    return process_handles;
}

ntstatus handle_table::insert(object& target, HANDLE& made) noexcept {
    // mo: relaxed, the caller's reference keeps the object; last_handle_closed orders the rest.
    target.handles_.fetch_add(1, std::memory_order_relaxed);
    const ntstatus code = insert_counted(target, made);
    if (code != status::success) {
        // mo: relaxed, as above: no handle of this object has ever been seen by a closer.
        target.handles_.fetch_sub(1, std::memory_order_relaxed);
    }
    return code;
}

ntstatus handle_table::insert_counted(object& target, HANDLE& made) noexcept {
    made = nullptr;
    const uint32_t index = take_free_index();
    if (index == 0) {
        return status::insufficient_resources;
    }
    target.reference();
    // mo: acquire, pairs handle.block (take_free_index): the entry is constructed.
    block* home = blocks_[index >> block_bits].load(std::memory_order_acquire);
    entry& place = (*home)[index & (block_entries - 1)];
    // mo: relaxed, the free list's lock made the closer's value visible.
    uint64_t life = place.life.load(std::memory_order_relaxed);
    if (life == 0) {
        life = 2; // generation 0 is never handed out
    }
    // mo: release, pairs handle.target (look_up step 2).
    place.target.store(&target.header(), std::memory_order_release);
    // mo: release, pairs handle.life (look_up step 1).
    place.life.store(life | 1U, std::memory_order_release);
    const uint64_t value = (life >> 1) << (index_bits + 2) | uint64_t{index} << 2;
    made = reinterpret_cast<HANDLE>(static_cast<uintptr_t>(value));
    return status::success;
}

ref<object> handle_table::look_up(HANDLE handle) noexcept {
    const decoded wanted = decode(handle);
    if (wanted.place == nullptr) {
        return {};
    }
    // mo: acquire, pairs handle.life (insert_counted): the target of this life is visible.
    if (wanted.place->life.load(std::memory_order_acquire) != wanted.life) {
        return {};
    }
    // mo: acquire, pairs handle.target (insert_counted): a target of a later life implies that the
    // end of this one is visible in the re-check.
    object_header* header = wanted.place->target.load(std::memory_order_acquire);
    if (!header->try_reference()) {
        return {};
    }
    auto found = ref<object>::adopt(std::launder(reinterpret_cast<object*>(header + 1)));
    // mo: relaxed, try_reference acquired; see "Why step 4 is enough".
    if (wanted.place->life.load(std::memory_order_relaxed) != wanted.life) {
        return {};
    }
    return found;
}

ntstatus handle_table::close(HANDLE handle) noexcept {
    const decoded wanted = decode(handle);
    if (wanted.place == nullptr) {
        return status::invalid_handle;
    }
    entry& place = *wanted.place;
    // mo: acquire, pairs handle.life (insert_counted): the target of this life is visible.
    if (place.life.load(std::memory_order_acquire) != wanted.life) {
        return status::invalid_handle;
    }
    uint64_t life = wanted.life;
    constexpr uint64_t generation_mask = (uint64_t{1} << generation_bits) - 1;
    uint64_t next_generation = ((life >> 1) + 1) & generation_mask;
    if (next_generation == 0) {
        next_generation = 1;
    }
    // mo: acq_rel, pairs handle.life (look_up): exactly one closer wins.
    if (!place.life.compare_exchange_strong(
            life, next_generation << 1, std::memory_order_acq_rel, std::memory_order_relaxed)) {
        return status::invalid_handle;
    }
    // mo: relaxed, only the winner of the CAS owns the entry until it is on the free list.
    object_header* header = place.target.load(std::memory_order_relaxed);
    const auto value = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(handle));
    give_free_index(static_cast<uint32_t>(value >> 2) & ((1U << index_bits) - 1), place);

    auto target = ref<object>::adopt(std::launder(reinterpret_cast<object*>(header + 1)));
    uncount(*target);
    return status::success;
}

ntstatus handle_table::duplicate(object& target, HANDLE& made) noexcept {
    made = nullptr;
    // Threads and processes need no handle to live, so their count may rise from zero.
    if (target.kind() == object_kind::thread || target.kind() == object_kind::process) {
        return insert(target, made);
    }
    // mo: relaxed, the CAS decides.
    uint32_t count = target.handles_.load(std::memory_order_relaxed);
    do {
        if (count == 0) {
            return status::invalid_handle;
        }
        // mo: relaxed, a count above zero says nothing but that the last closer is yet to come.
    } while (!target.handles_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed));
    const ntstatus code = insert_counted(target, made);
    if (code != status::success) {
        uncount(target);
    }
    return code;
}

void handle_table::uncount(object& target) noexcept {
    // mo: acq_rel, pairs object.handles (every other close).
    if (target.handles_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        names().forget(target);
        target.last_handle_closed();
    }
}

uint32_t handle_table::live_handles() noexcept {
    const std::lock_guard guard(lock_);
    return live_;
}

handle_table::decoded handle_table::decode(HANDLE handle) noexcept {
    const auto value = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(handle));
    const auto index = static_cast<uint32_t>(value >> 2) & ((1U << index_bits) - 1);
    const uint64_t generation = value >> (index_bits + 2);
    if ((value & 3U) != 0 || index == 0 || generation == 0 || generation >> generation_bits != 0) {
        return {nullptr, 0};
    }
    // mo: acquire, pairs handle.block (take_free_index): the entries are constructed.
    block* home = blocks_[index >> block_bits].load(std::memory_order_acquire);
    if (home == nullptr) {
        return {nullptr, 0};
    }
    return {&(*home)[index & (block_entries - 1)], generation << 1 | 1U};
}

uint32_t handle_table::take_free_index() noexcept {
    const std::lock_guard guard(lock_);
    if (const uint32_t index = free_oldest_; index != 0) {
        // mo: relaxed, under the lock.
        block* home = blocks_[index >> block_bits].load(std::memory_order_relaxed);
        free_oldest_ = (*home)[index & (block_entries - 1)].next_free;
        if (free_oldest_ == 0) {
            free_newest_ = 0;
        }
        ++live_;
        return index;
    }
    const uint32_t index = fresh_;
    const uint32_t number = index >> block_bits;
    if (number >= blocks_max) {
        return 0;
    }
    // mo: relaxed, under the lock.
    if (blocks_[number].load(std::memory_order_relaxed) == nullptr) {
        block* made = new (std::nothrow) block{};
        if (made == nullptr) {
            return 0;
        }
        // mo: release, pairs handle.block (decode, insert_counted).
        blocks_[number].store(made, std::memory_order_release);
    }
    ++fresh_;
    ++live_;
    return index;
}

void handle_table::give_free_index(uint32_t index, entry& place) noexcept {
    const std::lock_guard guard(lock_);
    place.next_free = 0;
    if (free_newest_ == 0) {
        free_oldest_ = index;
    } else {
        // mo: relaxed, under the lock.
        block* home = blocks_[free_newest_ >> block_bits].load(std::memory_order_relaxed);
        (*home)[free_newest_ & (block_entries - 1)].next_free = index;
    }
    free_newest_ = index;
    --live_;
}

ntstatus close_handle(HANDLE handle) noexcept {
    if (is_pseudo_handle(handle)) {
        return status::success;
    }
    const ref<object> found = handles().look_up(handle);
    if (!found || found->has_own_close()) {
        return status::invalid_handle;
    }
    return handles().close(handle);
}

ntstatus duplicate_handle(HANDLE source, DWORD options, HANDLE* made) noexcept {
    constexpr DWORD known_options = DUPLICATE_CLOSE_SOURCE | DUPLICATE_SAME_ACCESS;
    if ((options & ~known_options) != 0) {
        return status::invalid_parameter;
    }
    const bool closes = (options & DUPLICATE_CLOSE_SOURCE) != 0;
    if (made == nullptr && !closes) {
        return status::invalid_parameter;
    }
    const ref<object> target = find_object(source);
    ntstatus code = target ? status::success : status::invalid_handle;
    if (target && made != nullptr) {
        code = handles().duplicate(*target, *made);
    }
    if (closes && target) {
        const ntstatus closed = close_handle(source);
        // Somebody else closed it first: then the handle we were given was no longer one.
        if (code == status::success && closed != status::success && made == nullptr) {
            code = closed;
        }
    }
    return code;
}

} // namespace rp::nt
