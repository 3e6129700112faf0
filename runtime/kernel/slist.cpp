// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/slist.hpp"

#include "runtime/export.hpp"

namespace nt = rp::nt;

RP_EXPORT VOID WINAPI InitializeSListHead(PSLIST_HEADER ListHead) {
    *ListHead = {};
}

RP_EXPORT PSLIST_ENTRY WINAPI InterlockedPushEntrySList(PSLIST_HEADER ListHead,
                                                        PSLIST_ENTRY ListEntry) {
    return nt::push_entry(*ListHead, *ListEntry);
}

RP_EXPORT PSLIST_ENTRY WINAPI InterlockedPopEntrySList(PSLIST_HEADER ListHead) {
    return nt::pop_entry(*ListHead);
}

RP_EXPORT PSLIST_ENTRY WINAPI InterlockedFlushSList(PSLIST_HEADER ListHead) {
    return nt::flush_entries(*ListHead);
}

RP_EXPORT USHORT WINAPI QueryDepthSList(PSLIST_HEADER ListHead) {
    return nt::count_entries(*ListHead);
}
