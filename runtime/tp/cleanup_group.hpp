// SPDX-License-Identifier: Apache-2.0
#pragma once
// TP_CLEANUP_GROUP: the objects that are released together.
//
// Nouns. *member*: an object made with an environment that names the group and not yet closed.
// *releasing*: what CloseThreadpoolCleanupGroupMembers does to a member.
//
// Steps of a close:   1. under the lock: take every member out of the list, hold it, stop its
// submits
//                     2. disarm timers and waits; cancelling: drop what each still owes
//                     3. for each: wait until nothing is owed, running or disassociated
//                     4. close it unless it closed itself meanwhile; if this close was the one that
//                        released it and cancelling was asked for, call its cancel callback
//                     5. let go of it
// A member that is being freed at step 1 is left to the worker that frees it. It will look for
// itself in the group afterwards: groups live in type-stable memory, so that look is harmless even
// when the group is gone; it finds that it is no longer a member.
#include "kernel_iface/linux/spin_lock.hpp"

#include <windows.h>

#include <atomic>
#include <cstdint>

namespace rp::tp {

class callback_object;

class group {
public:
    static group* create() noexcept;

    static group* of(PTP_CLEANUP_GROUP handle) noexcept { return reinterpret_cast<group*>(handle); }

    [[nodiscard]] PTP_CLEANUP_GROUP handle() noexcept {
        return reinterpret_cast<PTP_CLEANUP_GROUP>(this);
    }

    [[nodiscard]] bool is_alive() const noexcept {
        // mo: relaxed, a check for programs that use a closed group; nothing is published.
        return magic_.load(std::memory_order_relaxed) == magic_alive;
    }

    void add(callback_object& member) noexcept;
    /// `member` leaves its group, if it is still in one.
    static void forget(callback_object& member) noexcept;
    void close_members(bool is_cancelling, void* cleanup_context) noexcept;
    /// False when it still has members (R-GRP-14).
    [[nodiscard]] bool close() noexcept;

private:
    group() = delete;
    callback_object* take_all_held() noexcept;

    static constexpr uint32_t magic_alive = 0x70757247; // "Grup"

    // Zero is the initial state of each.
    std::atomic<uint32_t> magic_;
    kernel::spin_lock lock_;
    callback_object* newest_; // guard: lock_
};

} // namespace rp::tp
