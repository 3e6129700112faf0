// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/thread_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace rp::kernel {

namespace {

int open_thread_file(private_fd& file, pid_t tid, const char* name) noexcept {
    const int saved_errno = errno;
    std::array<char, 64> path{};
    std::snprintf(path.data(), path.size(), "/proc/self/task/%d/%s", static_cast<int>(tid), name);
    const int fd = ::open(path.data(), O_RDONLY | O_CLOEXEC);
    const int error = fd < 0 ? -errno : 0;
    file.reset(fd);
    errno = saved_errno;
    return error;
}

/// The file from its beginning, terminated; false when there is nothing.
template <size_t Size>
bool read_thread_file(const private_fd& file, std::array<char, Size>& text) noexcept {
    if (!file.is_open()) {
        return false;
    }
    const int saved_errno = errno;
    const ssize_t bytes = ::pread(file.get(), text.data(), Size - 1, 0);
    errno = saved_errno;
    text[bytes > 0 ? static_cast<size_t>(bytes) : 0] = '\0';
    return bytes > 0;
}

} // namespace

int schedstat_file::open(pid_t tid) noexcept {
    return open_thread_file(file_, tid, "schedstat");
}

bool schedstat_file::read(schedule_totals& totals) const noexcept {
    std::array<char, 96> text{};
    return read_thread_file(file_, text) && std::sscanf(text.data(),
                                                        "%" SCNu64 " %" SCNu64 " %" SCNu64,
                                                        &totals.run_ns,
                                                        &totals.wait_ns,
                                                        &totals.slices) == 3;
}

int state_file::open(pid_t tid) noexcept {
    return open_thread_file(file_, tid, "stat");
}

char state_file::read() const noexcept {
    std::array<char, 96> text{};
    if (!read_thread_file(file_, text)) {
        return 0;
    }
    // "tid (name) S ...": a name has at most 15 bytes and may contain parentheses and spaces.
    const char* name_end = std::strrchr(text.data(), ')');
    return name_end != nullptr && name_end[1] == ' ' ? name_end[2] : '\0';
}

} // namespace rp::kernel
