// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/share_table.hpp"

#include <new>

namespace rp::nt {

share_table& shares() noexcept {
    static auto* const table = new share_table;
    return *table;
}

// Both ways: what the newcomer does must be shared by all who are in, and what they do by it.
bool share_table::opens::permits(const share_claim& wanted) const noexcept {
    const bool others_share = (!wanted.reads || shares_read == count) &&
                              (!wanted.writes || shares_write == count) &&
                              (!wanted.deletes || shares_delete == count);
    const bool newcomer_shares = (reads == 0 || wanted.shares_read) &&
                                 (writes == 0 || wanted.shares_write) &&
                                 (deletes == 0 || wanted.shares_delete);
    return others_share && newcomer_shares;
}

void share_table::opens::add(const share_claim& claim, uint32_t sign) noexcept {
    count += sign;
    reads += claim.reads ? sign : 0;
    writes += claim.writes ? sign : 0;
    deletes += claim.deletes ? sign : 0;
    shares_read += claim.shares_read ? sign : 0;
    shares_write += claim.shares_write ? sign : 0;
    shares_delete += claim.shares_delete ? sign : 0;
}

ntstatus share_table::claim(const kernel::file_identity& identity,
                            const share_claim& wanted) noexcept try {
    if (!wanted.is_counted()) {
        return status::success;
    }
    const std::lock_guard guard(lock_);
    opens& file = files_[identity];
    if (file.is_delete_pending) {
        return status::delete_pending;
    }
    if (file.count != 0 && !file.permits(wanted)) {
        return status::sharing_violation;
    }
    file.add(wanted, 1);
    return status::success;

} catch (const std::bad_alloc&) {

    return status::no_memory;
}

bool share_table::release(const kernel::file_identity& identity,
                          const share_claim& held,
                          bool deletes_on_close) noexcept {
    if (!held.is_counted()) {
        return false;
    }
    const std::lock_guard guard(lock_);
    const auto found = files_.find(identity);
    opens& file = found->second;
    file.is_delete_pending |= deletes_on_close;
    constexpr uint32_t minus_one = ~uint32_t{0};
    file.add(held, minus_one);
    if (file.count != 0) {
        return false;
    }
    const bool is_delete_due = file.is_delete_pending;
    files_.erase(found);
    return is_delete_due;
}

ntstatus share_table::may_delete(const kernel::file_identity& identity) noexcept {
    const std::lock_guard guard(lock_);
    const auto found = files_.find(identity);
    if (found == files_.end() || found->second.shares_delete == found->second.count) {
        return status::success;
    }
    return status::sharing_violation;
}

} // namespace rp::nt
