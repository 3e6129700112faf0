// SPDX-License-Identifier: Apache-2.0
#include "runtime/tp/cleanup_group.hpp"

#include "kernel_iface/linux/slab.hpp"
#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"
#include "runtime/tp/callback_object.hpp"
#include "runtime/tp/instance.hpp"
#include "runtime/tp/verifier.hpp"

#include <mutex>
#include <new>

namespace rp::tp {

namespace {

constinit kernel::slab group_slab{sizeof(group), alignof(group)};

} // namespace

group* group::create() noexcept {
    // Not constructed anew: a worker may still be on its way through the lock of the group that was
    // here before (see the essay). Fresh memory is zero, and a closed group is as good as new.
    auto* made = static_cast<group*>(group_slab.take());
    if (made != nullptr) {
        // mo: relaxed, the program hands the group on.
        made->magic_.store(magic_alive, std::memory_order_relaxed);
        if (verifier::is_on()) [[unlikely]] {
            verifier::created(made, "cleanup group");
        }
    }
    return made;
}

void group::add(callback_object& member) noexcept {
    const std::scoped_lock guard(lock_);
    // mo: relaxed, guard: lock_.
    member.in_group.store(this, std::memory_order_relaxed);
    member.group_next = newest_;
    if (newest_ != nullptr) {
        newest_->group_previous = &member;
    }
    newest_ = &member;
}

void group::forget(callback_object& member) noexcept {
    // mo: acquire, pairs group.membership (take_all_held): nullptr: the group has let go of it.
    group* g = member.in_group.load(std::memory_order_acquire);
    if (g == nullptr) {
        return;
    }
    const std::scoped_lock guard(g->lock_);
    // mo: relaxed, guard: lock_.
    if (member.in_group.load(std::memory_order_relaxed) == nullptr) {
        return;
    }
    (member.group_previous != nullptr ? member.group_previous->group_next : g->newest_) =
        member.group_next;
    if (member.group_next != nullptr) {
        member.group_next->group_previous = member.group_previous;
    }
    // mo: relaxed, guard: lock_.
    member.in_group.store(nullptr, std::memory_order_relaxed);
}

/// Takes every member out of the group; returns those that could be held, linked by group_next.
callback_object* group::take_all_held() noexcept {
    callback_object* held = nullptr;
    const std::scoped_lock guard(lock_);
    while (newest_ != nullptr) {
        callback_object* member = newest_;
        newest_ = member->group_next;
        member->group_previous = nullptr;
        if (member->hold_for_group_close()) {
            member->group_next = held;
            held = member;
        }
        // Last: a member that is being freed is out of our hands from here on.
        // mo: release, pairs group.membership (forget).
        member->in_group.store(nullptr, std::memory_order_release);
    }
    return held;
}

void group::close_members(bool is_cancelling, void* cleanup_context) noexcept {
    callback_object* const held = take_all_held();
    for (callback_object* member = held; member != nullptr; member = member->group_next) {
        member->disarm(); // R-GRP-10
    }
    if (is_cancelling) {
        for (callback_object* member = held; member != nullptr; member = member->group_next) {
            const bool was_dropped = member->cancel_pending() != 0;
            member->was_dropped_by_group = was_dropped && member->is_alive_as(object_magic::simple);
        }
    }
    for (callback_object* member = held; member != nullptr;) {
        callback_object* following = member->group_next;
        member->wait_until_quiet_for_group();
        // A simple callback has no handle: it is the group's to report only if it never ran.
        const bool is_released_here = member->close() || member->was_dropped_by_group;
        if (is_cancelling && is_released_here && member->cancel_callback != nullptr) {
            member->cancel_callback(member->context, cleanup_context);
        }
        member->release_after_group_close();
        member = following;
    }
}

bool group::close() noexcept {
    {
        const std::scoped_lock guard(lock_);
        if (newest_ != nullptr) {
            return false;
        }
        // mo: relaxed, for programs that use a closed group.
        magic_.store(0, std::memory_order_relaxed);
    }
    if (verifier::is_on()) [[unlikely]] {
        verifier::gone(this);
    }
    group_slab.give(this);
    return true;
}

namespace {

group* checked(PTP_CLEANUP_GROUP handle, const char* function) noexcept {
    group* g = group::of(handle);
    if (g == nullptr || !g->is_alive()) {
        nt::fatal_misuse(nt::status::invalid_parameter,
                         function,
                         handle,
                         0,
                         g == nullptr ? "the group is NULL (R-LIFE-5)"
                                      : "the group has been closed (R-GRP-14)");
        return nullptr;
    }
    return g;
}

} // namespace

} // namespace rp::tp

using namespace rp;

RP_EXPORT PTP_CLEANUP_GROUP WINAPI CreateThreadpoolCleanupGroup(VOID) {
    if (tp::pool::is_process_exiting()) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return nullptr;
    }
    tp::group* g = tp::group::create();
    if (g == nullptr) {
        nt::set_last_error(ERROR_NOT_ENOUGH_MEMORY);
        return nullptr;
    }
    return g->handle();
}

RP_EXPORT VOID WINAPI CloseThreadpoolCleanupGroupMembers(PTP_CLEANUP_GROUP ptpcg,
                                                         BOOL fCancelPendingCallbacks,
                                                         PVOID pvCleanupContext) {
    tp::group* g = tp::checked(ptpcg, "CloseThreadpoolCleanupGroupMembers");
    if (g == nullptr) {
        return;
    }
    if (const tp::instance* running = tp::instance::current();
        running != nullptr && running->group_of_object() == g) {
        nt::fatal_misuse(nt::status::invalid_parameter,
                         "CloseThreadpoolCleanupGroupMembers",
                         ptpcg,
                         0,
                         "called from a callback of a member: it would wait for itself (R-GRP-13)");
        return;
    }
    g->close_members(fCancelPendingCallbacks != FALSE, pvCleanupContext);
}

RP_EXPORT VOID WINAPI CloseThreadpoolCleanupGroup(PTP_CLEANUP_GROUP ptpcg) {
    tp::group* g = tp::checked(ptpcg, "CloseThreadpoolCleanupGroup");
    if (g != nullptr && !g->close()) {
        nt::fatal_misuse(nt::status::invalid_parameter,
                         "CloseThreadpoolCleanupGroup",
                         ptpcg,
                         0,
                         "the group still has members (R-GRP-14)");
    }
}
