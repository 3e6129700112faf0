// SPDX-License-Identifier: Apache-2.0
// Thread slots: TlsAlloc, TlsGetValue, TlsSetValue, TlsFree.
//
// Each thread has its values in blocks, made when it first writes to one. A slot that is freed and
// taken again must read as zero in every thread, but nobody can reach the values of others: so each
// value carries the *use* of its slot that it belongs to, and a value of another use reads as zero.
#include "kernel_iface/nt/thread_slots.hpp"

#include "kernel_iface/linux/spin_lock.hpp"
#include "kernel_iface/linux/thread.hpp"

#include <array>
#include <atomic>
#include <mutex>
#include <new>

namespace rp::nt {
namespace {

constexpr uint32_t block_slots = 64;
constexpr uint32_t blocks = thread_slots_max / block_slots;
static_assert(thread_slots_max % block_slots == 0);

struct slot_value {
    void* value = nullptr;
    uint64_t use = 0;
};

using slot_block = std::array<slot_value, block_slots>;
using slot_directory = std::array<slot_block*, blocks>;

constinit kernel::spin_lock slots_lock;
constinit std::array<bool, thread_slots_max> is_taken{};              // guard: slots_lock
constinit std::array<std::atomic<uint64_t>, thread_slots_max> uses{}; // written under slots_lock

[[gnu::tls_model("initial-exec")]] constinit thread_local slot_directory* values_of_thread =
    nullptr;

void free_values(void* argument) {
    auto* directory = static_cast<slot_directory*>(argument);
    for (const slot_block* block : *directory) {
        delete block;
    }
    delete directory;
    values_of_thread = nullptr;
}

slot_directory* current_directory() noexcept {
    if (values_of_thread == nullptr) {
        auto* made = new (std::nothrow) slot_directory{};
        if (made != nullptr && kernel::at_thread_exit(free_values, made) != 0) {
            delete made;
            made = nullptr;
        }
        values_of_thread = made;
    }
    return values_of_thread;
}

uint64_t use_of(uint32_t index) noexcept {
    // mo: relaxed, who uses a slot was given its index after it was taken.
    return uses[index].load(std::memory_order_relaxed);
}

} // namespace

bool take_thread_slot(uint32_t& index) noexcept {
    const std::lock_guard guard(slots_lock);
    for (uint32_t i = 0; i < thread_slots_max; ++i) {
        if (!is_taken[i]) {
            is_taken[i] = true;
            // mo: relaxed, see use_of.
            uses[i].fetch_add(1, std::memory_order_relaxed);
            index = i;
            return true;
        }
    }
    return false;
}

ntstatus give_thread_slot(uint32_t index) noexcept {
    const std::lock_guard guard(slots_lock);
    if (index >= thread_slots_max || !is_taken[index]) {
        return status::invalid_parameter;
    }
    is_taken[index] = false;
    return status::success;
}

ntstatus read_thread_slot(uint32_t index, void*& value) noexcept {
    value = nullptr;
    if (index >= thread_slots_max) {
        return status::invalid_parameter;
    }
    if (values_of_thread == nullptr) {
        return status::success;
    }
    const slot_block* block = (*values_of_thread)[index / block_slots];
    if (block != nullptr && (*block)[index % block_slots].use == use_of(index)) {
        value = (*block)[index % block_slots].value;
    }
    return status::success;
}

ntstatus write_thread_slot(uint32_t index, void* value) noexcept {
    if (index >= thread_slots_max) {
        return status::invalid_parameter;
    }
    slot_directory* directory = current_directory();
    if (directory == nullptr) {
        return status::no_memory;
    }
    slot_block*& block = (*directory)[index / block_slots];
    if (block == nullptr) {
        block = new (std::nothrow) slot_block{};
        if (block == nullptr) {
            return status::no_memory;
        }
    }
    (*block)[index % block_slots] = {value, use_of(index)};
    return status::success;
}

} // namespace rp::nt
