// SPDX-License-Identifier: Apache-2.0
#pragma once
// Interlocked singly linked lists. See slist.cpp for the essay.
#include "kernel_iface/nt/status.hpp"

namespace rp::nt {

/// The entry that was first before, or nullptr.
SLIST_ENTRY* push_entry(SLIST_HEADER& list, SLIST_ENTRY& entry) noexcept;
SLIST_ENTRY* pop_entry(SLIST_HEADER& list) noexcept;
/// All entries at once, the newest first.
SLIST_ENTRY* flush_entries(SLIST_HEADER& list) noexcept;
USHORT count_entries(SLIST_HEADER& list) noexcept;

} // namespace rp::nt
