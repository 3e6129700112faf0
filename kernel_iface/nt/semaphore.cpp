// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/semaphore.hpp"

#include <mutex>

namespace rp::nt {

ntstatus semaphore_object::post(int32_t units, int32_t& previous) noexcept {
    if (units <= 0) {
        return status::invalid_parameter;
    }
    wake_batch batch;
    const std::lock_guard guard(lock_);
    if (units > maximum_ - count_) {
        return status::semaphore_limit_exceeded;
    }
    previous = count_;
    count_ += units;
    serve_waiters(batch);
    return status::success;
}

void semaphore_object::destroy() noexcept {
    destroy_object(this);
}

ntstatus
create_semaphore(LONG count, LONG maximum, const name_argument& name, HANDLE& made) noexcept {
    made = nullptr;
    if (maximum <= 0 || count < 0 || count > maximum) {
        return status::invalid_parameter;
    }
    return names().create<semaphore_object>(
        name, made, [&] { return make_object<semaphore_object>(count, maximum); });
}

ntstatus release_semaphore(HANDLE semaphore, LONG units, LONG* previous) noexcept {
    ntstatus code;
    if (const auto target = reference<semaphore_object>(semaphore, code)) {
        int32_t before = 0;
        code = target->post(units, before);
        if (code == status::success && previous != nullptr) {
            *previous = before;
        }
    }
    return code;
}

} // namespace rp::nt
