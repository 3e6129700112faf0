// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/private_fd.hpp"

#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

namespace rp::kernel {

struct private_fd_list {
    std::mutex lock;
    private_fd* first = nullptr; // guard: lock

    static private_fd_list& all() noexcept {
        static auto* const list = new private_fd_list; // never destroyed: threads may outlive it
        return *list;
    }

    /// Under the lock, so that no fork happens between leaving the list and the close.
    void close_one(private_fd& one) noexcept {
        (one.previous_ != nullptr ? one.previous_->next_ : first) = one.next_;
        if (one.next_ != nullptr) {
            one.next_->previous_ = one.previous_;
        }
        one.next_ = one.previous_ = nullptr;
        (void)::close(one.fd_);
        one.fd_ = -1;
    }

    static void before_fork() { all().lock.lock(); }

    static void after_fork_in_parent() { all().lock.unlock(); }

    static void after_fork_in_child() {
        private_fd_list& list = all();
        while (list.first != nullptr) {
            list.close_one(*list.first);
        }
        list.lock.unlock();
    }
};

namespace {

[[maybe_unused]] const int private_fd_fork_hook =
    pthread_atfork(&private_fd_list::before_fork,
                   &private_fd_list::after_fork_in_parent,
                   &private_fd_list::after_fork_in_child);

} // namespace

void private_fd::reset(int fd) noexcept {
    if (fd_ < 0 && fd < 0) {
        return;
    }
    const int saved_errno = errno;
    private_fd_list& list = private_fd_list::all();
    const std::scoped_lock guard(list.lock);
    if (fd_ >= 0) {
        list.close_one(*this);
    }
    if (fd >= 0) {
        fd_ = fd;
        next_ = list.first;
        if (next_ != nullptr) {
            next_->previous_ = this;
        }
        list.first = this;
    }
    errno = saved_errno;
}

} // namespace rp::kernel
