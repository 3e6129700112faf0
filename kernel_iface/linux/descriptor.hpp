// SPDX-License-Identifier: Apache-2.0
#pragma once
// The blocking file system calls, in one place: results are >= 0 or -errno,
// interrupted calls are repeated, and a call that would sleep on a stream is announced first.
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace rp::kernel {

/// A transfer larger than this is cut by the kernel (MAX_RW_COUNT).
inline constexpr size_t transfer_bytes_max = 0x7ffff000;

enum class file_kind : uint8_t {
    regular,   ///< regular file or block device: has offsets and an end
    directory, ///< only with FILE_FLAG_BACKUP_SEMANTICS; cannot be read or written
    pipe,      ///< pipe or FIFO
    character, ///< terminal, eventfd, other character devices
    socket,    ///< stream socket
    datagram,  ///< message socket
};

struct file_identity {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const file_identity&) const = default;
};

struct descriptor_facts {
    file_kind kind = file_kind::regular;
    file_identity identity;
    int64_t size_bytes = 0;
};

int open_descriptor(const char* path, int flags, mode_t mode) noexcept;
void close_descriptor(int fd) noexcept;
/// Ends all sleep on a socket, whatever its state.
void shut_down_socket(int fd) noexcept;
int describe_descriptor(int fd, descriptor_facts& facts) noexcept;
int describe_path(const char* path, descriptor_facts& facts) noexcept;
/// O_RDONLY, O_WRONLY or O_RDWR.
int access_of_descriptor(int fd) noexcept;
int truncate_descriptor(int fd) noexcept;
int flush_descriptor(int fd) noexcept;
void advise_descriptor(int fd, bool is_random, bool is_sequential) noexcept;
int unlink_path(const char* path) noexcept;
/// Removes the name `fd` was opened by, wherever it was renamed to, if it still means this file.
void unlink_descriptor(int fd, const file_identity& identity) noexcept;

int64_t read_at(int fd, void* buffer, size_t bytes, int64_t offset) noexcept;
int64_t write_at(int fd, const void* buffer, size_t bytes, int64_t offset) noexcept;
int64_t write_at_end(int fd, const void* buffer, size_t bytes) noexcept;
/// Streams: sleep, announced, until the descriptor is ready. A write without reader is -EPIPE and
/// raises no SIGPIPE.
int64_t read_stream(int fd, void* buffer, size_t bytes) noexcept;
int64_t write_stream(int fd, const void* buffer, size_t bytes) noexcept;

} // namespace rp::kernel
