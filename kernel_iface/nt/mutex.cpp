// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/mutex.hpp"

#include <mutex>

namespace rp::nt {

bool mutex_object::consume(thread_record* thread) noexcept {
    if (recursion_++ == 0) {
        owner_ = thread;
        reference();
        previous_owned_ = nullptr;
        next_owned_ = thread->owned_mutexes;
        if (next_owned_ != nullptr) {
            next_owned_->previous_owned_ = this;
        }
        thread->owned_mutexes = this;
    }
    return std::exchange(is_abandoned_, false);
}

void mutex_object::give_up_ownership() noexcept {
    (previous_owned_ == nullptr ? owner_->owned_mutexes : previous_owned_->next_owned_) =
        next_owned_;
    if (next_owned_ != nullptr) {
        next_owned_->previous_owned_ = previous_owned_;
    }
    owner_ = nullptr;
    recursion_ = 0;
}

ntstatus mutex_object::unlock(thread_record& thread) noexcept {
    {
        wake_batch batch;
        const std::lock_guard guard(lock_);
        if (owner_ != &thread) {
            return status::mutant_not_owned;
        }
        if (--recursion_ > 0) {
            return status::success;
        }
        give_up_ownership();
        serve_waiters(batch);
    }
    release(); // the former owner's reference
    return status::success;
}

void mutex_object::abandon(thread_record& thread) noexcept {
    {
        wake_batch batch;
        const std::lock_guard guard(lock_);
        if (owner_ != &thread) {
            return;
        }
        give_up_ownership();
        is_abandoned_ = true;
        serve_waiters(batch);
    }
    release(); // the former owner's reference
}

void mutex_object::destroy() noexcept {
    destroy_object(this);
}

uint32_t mutexes_owned_by(const thread_record& thread) noexcept {
    uint32_t count = 0;
    for (const mutex_object* m = thread.owned_mutexes; m != nullptr; m = m->next_owned_) {
        ++count;
    }
    return count;
}

ntstatus create_mutex(bool is_initial_owner, const name_argument& name, HANDLE& made) noexcept {
    made = nullptr;
    thread_record* owner = is_initial_owner ? current_thread_record() : nullptr;
    if (is_initial_owner && owner == nullptr) {
        return status::no_memory;
    }
    ref<mutex_object> fresh; // kept until the handle exists, so that ownership can be undone
    const ntstatus code = names().create<mutex_object>(name, made, [&] {
        fresh = make_object<mutex_object>();
        if (fresh && owner != nullptr) {
            const std::lock_guard guard(fresh->lock());
            fresh->consume(owner);
        }
        return fresh;
    });
    if (made == nullptr && fresh && owner != nullptr) {
        fresh->unlock(*owner);
    }
    return code;
}

ntstatus release_mutex(HANDLE mutex) noexcept {
    ntstatus code;
    if (const auto target = reference<mutex_object>(mutex, code)) {
        thread_record* thread = current_thread_record();
        code = thread == nullptr ? status::no_memory : target->unlock(*thread);
    }
    return code;
}

} // namespace rp::nt
