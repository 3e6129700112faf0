// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "kernel_iface/nt/dispatcher.hpp"
#include "kernel_iface/nt/names.hpp"

namespace rp::nt {

/// R-SYNC-2. Signalled while its count is positive; a satisfied wait takes one.
class semaphore_object final : public waitable {
public:
    static constexpr object_kind kind_id = object_kind::semaphore;

    semaphore_object(int32_t count, int32_t maximum) noexcept
        : waitable(kind_id), count_(count), maximum_(maximum) {}

    ~semaphore_object() override = default;

    /// success, invalid_parameter (n <= 0), semaphore_limit_exceeded (count unchanged).
    ntstatus post(int32_t units, int32_t& previous) noexcept;

    [[nodiscard]] bool is_available(const thread_record* /*thread*/) const noexcept override {
        return count_ > 0;
    }

    bool consume(thread_record* /*thread*/) noexcept override {
        --count_;
        return false;
    }

private:
    void destroy() noexcept override;

    int32_t count_; // 0 <= count_ <= maximum_; guard: lock_
    const int32_t maximum_;
};

/// As create_event; invalid_parameter unless 0 <= count <= maximum and maximum > 0.
ntstatus
create_semaphore(LONG count, LONG maximum, const name_argument& name, HANDLE& made) noexcept;
/// `previous` may be nullptr; it is written on success only.
ntstatus release_semaphore(HANDLE semaphore, LONG units, LONG* previous) noexcept;

} // namespace rp::nt
