// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/descriptor.hpp"

#include "kernel_iface/linux/blocking.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

namespace rp::kernel {
namespace {

template <class Call>
auto repeat_interrupted(const Call& call) noexcept {
    decltype(call()) result;
    do {
        result = call();
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

file_kind kind_of(const struct stat& facts, int fd) noexcept {
    if (S_ISDIR(facts.st_mode)) {
        return file_kind::directory;
    }
    if (S_ISFIFO(facts.st_mode)) {
        return file_kind::pipe;
    }
    if (S_ISSOCK(facts.st_mode)) {
        int type = SOCK_STREAM;
        socklen_t length = sizeof type;
        if (fd >= 0) {
            // A failure leaves SOCK_STREAM; the operations themselves will tell what is wrong.
            static_cast<void>(::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length));
        }
        return type == SOCK_STREAM ? file_kind::socket : file_kind::datagram;
    }
    if (S_ISREG(facts.st_mode) || S_ISBLK(facts.st_mode)) {
        return file_kind::regular;
    }
    return file_kind::character;
}

descriptor_facts facts_of(const struct stat& raw, int fd) noexcept {
    return {kind_of(raw, fd), {raw.st_dev, raw.st_ino}, raw.st_size};
}

// A reader that goes away must not kill the process: SIGPIPE is blocked around the write and, if
// this write raised it, taken away again before the mask is restored.
class sigpipe_blocker {
public:
    sigpipe_blocker() noexcept {
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        sigset_t pending;
        sigpending(&pending);
        was_pending_ = sigismember(&pending, SIGPIPE) == 1;
        pthread_sigmask(SIG_BLOCK, &pipe_, &previous_);
    }

    ~sigpipe_blocker() {
        const int saved_errno = errno;
        if (!was_pending_) {
            const timespec at_once{};
            while (sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
            }
        }
        pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
        errno = saved_errno;
    }

    sigpipe_blocker(const sigpipe_blocker&) = delete;
    sigpipe_blocker& operator=(const sigpipe_blocker&) = delete;

private:
    sigset_t pipe_;
    sigset_t previous_;
    bool was_pending_;
};

int poll_once(int fd, short events, int timeout_ms) noexcept {
    pollfd one{fd, events, 0};
    return repeat_interrupted([&] { return ::poll(&one, 1, timeout_ms); });
}

int wait_until_ready(int fd, short events) noexcept {
    const int ready = poll_once(fd, events, 0);
    if (ready != 0) {
        return ready;
    }
    const blocking_scope announced;
    return poll_once(fd, events, -1);
}

} // namespace

int open_descriptor(const char* path, int flags, mode_t mode) noexcept {
    return repeat_interrupted([&] { return ::open(path, flags, mode); });
}

void close_descriptor(int fd) noexcept {
    // Linux frees the descriptor whatever close returns; repeating it could close another file.
    static_cast<void>(::close(fd));
}

void shut_down_socket(int fd) noexcept {
    static_cast<void>(::shutdown(fd, SHUT_RDWR));
}

int describe_descriptor(int fd, descriptor_facts& facts) noexcept {
    struct stat raw;
    if (::fstat(fd, &raw) != 0) {
        return -errno;
    }
    facts = facts_of(raw, fd);
    return 0;
}

int describe_path(const char* path, descriptor_facts& facts) noexcept {
    struct stat raw;
    if (::stat(path, &raw) != 0) {
        return -errno;
    }
    facts = facts_of(raw, -1);
    return 0;
}

int access_of_descriptor(int fd) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    return flags < 0 ? -errno : flags & O_ACCMODE;
}

int truncate_descriptor(int fd) noexcept {
    return repeat_interrupted([&] { return ::ftruncate(fd, 0); });
}

int flush_descriptor(int fd) noexcept {
    const blocking_scope announced;
    return repeat_interrupted([&] { return ::fsync(fd); });
}

void advise_descriptor(int fd, bool is_random, bool is_sequential) noexcept {
    // Advice only: a file system that refuses it changes nothing a program can see.
    if (is_random) {
        static_cast<void>(::posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM));
    } else if (is_sequential) {
        static_cast<void>(::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
    }
}

int unlink_path(const char* path) noexcept {
    return ::unlink(path) == 0 ? 0 : -errno;
}

void unlink_descriptor(int fd, const file_identity& identity) noexcept {
    std::array<char, 64> link;
    std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", fd);
    std::array<char, 4096> path;
    const ssize_t length = ::readlink(link.data(), path.data(), path.size() - 1);
    if (length <= 0) {
        return;
    }
    path[static_cast<size_t>(length)] = '\0';
    // "name (deleted)" does not exist, or is a different file.
    descriptor_facts facts;
    if (describe_path(path.data(), facts) == 0 && facts.identity == identity) {
        static_cast<void>(unlink_path(path.data()));
    }
}

int64_t read_at(int fd, void* buffer, size_t bytes, int64_t offset) noexcept {
    return repeat_interrupted([&] { return ::pread(fd, buffer, bytes, offset); });
}

int64_t write_at(int fd, const void* buffer, size_t bytes, int64_t offset) noexcept {
    return repeat_interrupted([&] { return ::pwrite(fd, buffer, bytes, offset); });
}

int64_t write_at_end(int fd, const void* buffer, size_t bytes) noexcept {
    const iovec piece{const_cast<void*>(buffer), bytes};
    return repeat_interrupted([&] { return ::pwritev2(fd, &piece, 1, 0, RWF_APPEND); });
}

int64_t read_stream(int fd, void* buffer, size_t bytes) noexcept {
    for (;;) {
        if (const int ready = wait_until_ready(fd, POLLIN); ready < 0) {
            return ready;
        }
        const int64_t result = repeat_interrupted([&] { return ::read(fd, buffer, bytes); });
        if (result != -EAGAIN) {
            return result;
        }
    }
}

int64_t write_stream(int fd, const void* buffer, size_t bytes) noexcept {
    for (;;) {
        if (const int ready = wait_until_ready(fd, POLLOUT); ready < 0) {
            return ready;
        }
        const sigpipe_blocker blocked;
        // A pipe with room for PIPE_BUF bytes is ready; more than that could sleep unannounced.
        constexpr size_t pipe_buf_bytes = 4096;
        const int64_t result = repeat_interrupted(
            [&] { return ::write(fd, buffer, std::min(bytes, pipe_buf_bytes)); });
        if (result != -EAGAIN) {
            return result;
        }
    }
}

} // namespace rp::kernel
