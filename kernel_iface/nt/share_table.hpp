// SPDX-License-Identifier: Apache-2.0
#pragma once
// Share modes of open files within this process (R-FILE-1): who may open what together, and files
// that disappear with their last handle.
#include "kernel_iface/linux/descriptor.hpp"
#include "kernel_iface/nt/status.hpp"

#include <functional>
#include <mutex>
#include <unordered_map>

namespace rp::nt {

/// What one open does, and what it lets others do at the same time.
struct share_claim {
    bool reads = false;
    bool writes = false;
    bool deletes = false;
    bool shares_read = false;
    bool shares_write = false;
    bool shares_delete = false;

    /// An open for attributes only neither restricts others nor is restricted.
    [[nodiscard]] bool is_counted() const noexcept { return reads || writes || deletes; }
};

class share_table {
public:
    /// success, sharing_violation, delete_pending, no_memory. Only counted claims are kept.
    ntstatus claim(const kernel::file_identity& identity, const share_claim& wanted) noexcept;

    /// Gives a claim back. True: it was the last one and the file is to be deleted now.
    bool release(const kernel::file_identity& identity,
                 const share_claim& held,
                 bool deletes_on_close) noexcept;

    /// DeleteFile: success, or sharing_violation while somebody does not share deletion.
    ntstatus may_delete(const kernel::file_identity& identity) noexcept;

private:
    struct opens {
        uint32_t count = 0;
        uint32_t reads = 0;
        uint32_t writes = 0;
        uint32_t deletes = 0;
        uint32_t shares_read = 0;
        uint32_t shares_write = 0;
        uint32_t shares_delete = 0;
        bool is_delete_pending = false;

        [[nodiscard]] bool permits(const share_claim& wanted) const noexcept;
        void add(const share_claim& claim, uint32_t sign) noexcept;
    };

    struct identity_hash {
        size_t operator()(const kernel::file_identity& identity) const noexcept {
            return std::hash<uint64_t>{}(identity.inode * 31 + identity.device);
        }
    };

    std::mutex lock_;
    std::unordered_map<kernel::file_identity, opens, identity_hash> files_; // guard: lock_
};

/// Of the process; never destroyed.
share_table& shares() noexcept;

} // namespace rp::nt
