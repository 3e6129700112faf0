// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/process.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace rp::kernel {

namespace {

constexpr int id_is_pidfd = 3; // P_PIDFD, which old headers lack

} // namespace

pid_t process_id() noexcept {
    return ::getpid();
}

void program_path(char* path, size_t size) noexcept {
    const ssize_t length = ::readlink("/proc/self/exe", path, size - 1);
    path[length < 0 ? 0 : length] = '\0';
}

int open_process(pid_t id) noexcept {
    const long fd = ::syscall(SYS_pidfd_open, id, 0U);
    return fd < 0 ? -errno : static_cast<int>(fd);
}

void close_process(int fd) noexcept {
    static_cast<void>(::close(fd)); // Linux frees the descriptor whatever close returns
}

bool has_process_ended(int fd) noexcept {
    const int saved_errno = errno;
    pollfd one{fd, POLLIN, 0};
    const bool has_ended = ::poll(&one, 1, 0) == 1;
    errno = saved_errno;
    return has_ended;
}

int process_exit_status(int fd) noexcept {
    const int saved_errno = errno;
    siginfo_t info{};
    int result = ::waitid(static_cast<idtype_t>(id_is_pidfd),
                          static_cast<id_t>(fd),
                          &info,
                          WEXITED | WNOHANG | WNOWAIT);
    if (result != 0) {
        result = -errno;
    } else if (info.si_pid == 0) {
        result = -EAGAIN; // still running
    } else {
        constexpr int signalled = 128; // as a shell reports it
        result = info.si_code == CLD_EXITED ? info.si_status : signalled + info.si_status;
    }
    errno = saved_errno;
    return result;
}

} // namespace rp::kernel
