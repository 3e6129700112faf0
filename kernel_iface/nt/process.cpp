// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/process.hpp"

#include "kernel_iface/linux/process.hpp"
#include "kernel_iface/linux/slab.hpp"
#include "kernel_iface/linux/thread_source.hpp"

#include <poll.h>

#include <cerrno>
#include <mutex>
#include <new>

namespace rp::nt {
namespace {

constinit kernel::slab watches{sizeof(process_watch), alignof(process_watch)};

void complete_watch(kernel::io_request& request, int32_t res) noexcept {
    auto& watch = static_cast<process_watch&>(request);
    ref<process_object> owner;
    {
        const std::lock_guard guard(watch.lock);
        // The object clears `owner` before its memory can be used again, so this is ours or dying.
        if (watch.owner != nullptr && watch.owner->header().try_reference()) {
            owner = ref<process_object>::adopt(watch.owner);
        }
    }
    if (!owner || res == -ECANCELED) {
        return;
    }
    if (res < 0 || !kernel::has_process_ended(watch.fd)) {
        watch.hold(); // the source drops the hold of the arming that just completed
        kernel::thread_source().arm(watch);
        return;
    }
    owner->end();
}

void destroy_watch(kernel::io_request& request) noexcept {
    auto& watch = static_cast<process_watch&>(request);
    kernel::close_process(watch.fd);
    watch.~process_watch();
    watches.give(&watch);
}

process_watch* make_watch(int fd) noexcept {
    void* piece = watches.take();
    if (piece == nullptr) {
        return nullptr;
    }
    auto* watch = new (piece) process_watch;
    watch->op = kernel::io_op::poll;
    watch->fd = fd;
    watch->flags = POLLIN;
    watch->complete = complete_watch;
    watch->destroy = destroy_watch;
    return watch;
}

ntstatus status_of_open_error(int error) noexcept {
    return error == ESRCH ? status::invalid_parameter : status_of_errno(error, io_domain::file);
}

} // namespace

bool process_object::is_available(const thread_record* /*thread*/) const noexcept {
    return has_ended_ || (watch_ != nullptr && kernel::has_process_ended(watch_->fd));
}

/// Needs the lock.
void process_object::note_exit_code() noexcept {
    if (is_code_known_) {
        return;
    }
    const int code = kernel::process_exit_status(watch_->fd);
    if (code >= 0) {
        exit_code_ = static_cast<DWORD>(code);
        is_code_known_ = true;
    }
}

void process_object::end() noexcept {
    wake_batch batch;
    const std::lock_guard guard(lock_);
    has_ended_ = true;
    note_exit_code(); // while it can be asked for: the program may wait for its child any time
    serve_waiters(batch);
}

ntstatus process_object::exit_code(DWORD& code) noexcept {
    const std::lock_guard guard(lock_);
    if (!is_available(nullptr)) {
        code = STILL_ACTIVE;
        return status::success;
    }
    note_exit_code();
    if (!is_code_known_) {
        return status::access_denied;
    }
    code = exit_code_;
    return status::success;
}

void process_object::destroy() noexcept {
    if (watch_ != nullptr) {
        {
            const std::lock_guard guard(watch_->lock);
            watch_->owner = nullptr;
        }
        kernel::thread_source().cancel(*watch_);
        watch_->drop();
    }
    destroy_object(this);
}

process_object* current_process() noexcept {
    // Never destroyed: threads may outlive static destruction.
    static process_object* const self =
        make_object<process_object>(static_cast<uint32_t>(kernel::process_id()), nullptr).detach();
    return self;
}

ntstatus open_process(DWORD id, HANDLE& made) noexcept {
    made = nullptr;
    if (id == static_cast<DWORD>(kernel::process_id())) {
        process_object* const self = current_process();
        return self == nullptr ? status::no_memory : handles().insert(*self, made);
    }
    const auto pid = static_cast<pid_t>(id);
    if (pid <= 0) {
        return status::invalid_parameter;
    }
    const int fd = kernel::open_process(pid);
    if (fd < 0) {
        return status_of_open_error(-fd);
    }
    process_watch* const watch = make_watch(fd);
    if (watch == nullptr) {
        kernel::close_process(fd);
        return status::no_memory;
    }
    const ref<process_object> process = make_object<process_object>(id, watch);
    if (!process) {
        watch->drop();
        return status::no_memory;
    }
    watch->owner = process.get();
    watch->hold(); // the source's
    kernel::thread_source().arm(*watch);
    return handles().insert(*process, made);
}

} // namespace rp::nt
