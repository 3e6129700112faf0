// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "kernel_iface/nt/dispatcher.hpp"
#include "kernel_iface/nt/names.hpp"

namespace rp::nt {

/// R-SYNC-3. Owned by a thread, recursively; an owned mutex is kept alive by its owner's list, and
/// becomes abandoned when the owner exits.
class mutex_object final : public waitable {
public:
    static constexpr object_kind kind_id = object_kind::mutex;

    /// `owner` (the calling thread, or nullptr) acquires it at once.
    mutex_object() noexcept : waitable(kind_id) {}

    ~mutex_object() override = default;

    /// success, or mutant_not_owned.
    ntstatus unlock(thread_record& thread) noexcept;
    /// The owner's thread is exiting.
    void abandon(thread_record& thread) noexcept;

    [[nodiscard]] bool is_available(const thread_record* thread) const noexcept override {
        return owner_ == nullptr || owner_ == thread;
    }

    bool consume(thread_record* thread) noexcept override;

private:
    friend uint32_t mutexes_owned_by(const thread_record& thread) noexcept;
    void destroy() noexcept override;
    void give_up_ownership() noexcept;

    // All guarded by lock_, the links also by the owner's waiting protocol (thread_record).
    thread_record* owner_ = nullptr;
    int64_t recursion_ = 0; // > 0 <=> owner_ != nullptr
    bool is_abandoned_ = false;
    mutex_object* next_owned_ = nullptr;
    mutex_object* previous_owned_ = nullptr;
};

/// How many mutexes the calling thread, whose record this is, owns.
uint32_t mutexes_owned_by(const thread_record& thread) noexcept;
ntstatus create_mutex(bool is_initial_owner, const name_argument& name, HANDLE& made) noexcept;
ntstatus release_mutex(HANDLE mutex) noexcept;

} // namespace rp::nt
