// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/workloads/io_data_file.hpp"

#include "bench/lab/workloads/io_read.hpp"
#include "bench/lab/workloads/io_read_job.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace rp::lab {

namespace {

constexpr std::size_t chunk_bytes = std::size_t{1} << 20;

class file_closer {
public:
    explicit file_closer(int fd) : fd_(fd) {}

    ~file_closer() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }

    file_closer(const file_closer&) = delete;
    file_closer& operator=(const file_closer&) = delete;

private:
    int fd_;
};

void fill_block(std::byte* block, std::uint64_t number) {
    std::uint64_t word = number * 0x9e3779b97f4a7c15U + 1;
    for (std::size_t at = 0; at < block_bytes; at += sizeof(word)) {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        std::memcpy(block + at, &word, sizeof(word));
    }
    const std::uint64_t complement = ~number;
    std::memcpy(block, &number, sizeof(number));
    std::memcpy(block + block_bytes - sizeof(complement), &complement, sizeof(complement));
}

bool is_block(const std::byte* block, std::uint64_t number) {
    std::vector<std::byte> wanted(block_bytes);
    fill_block(wanted.data(), number);
    return std::memcmp(block, wanted.data(), block_bytes) == 0;
}

// Size, first, last and 62 blocks between. A file that passes was written by us: prepare_data_file
// renames it into place only when it is complete.
bool is_prepared(int fd, std::uint64_t bytes) {
    struct stat info {};

    if (::fstat(fd, &info) != 0 || static_cast<std::uint64_t>(info.st_size) != bytes) {
        return false;
    }
    const std::uint64_t blocks = bytes / block_bytes;
    std::vector<std::byte> block(block_bytes);
    constexpr std::uint64_t samples = 63;
    for (std::uint64_t i = 0; i <= samples; ++i) {
        const std::uint64_t number = (blocks - 1) * i / samples;
        const ssize_t got =
            ::pread(fd, block.data(), block_bytes, static_cast<off_t>(number * block_bytes));
        if (got != static_cast<ssize_t>(block_bytes) || !is_block(block.data(), number)) {
            return false;
        }
    }
    return true;
}

// Whether an existing file may be replaced: it is empty, or an earlier data file of another size.
bool may_replace(int fd) {
    std::vector<std::byte> block(block_bytes);
    const ssize_t got = ::pread(fd, block.data(), block_bytes, 0);
    return got == 0 || (got == static_cast<ssize_t>(block_bytes) && is_block(block.data(), 0));
}

std::string write_fault(const std::string& path, std::uint64_t bytes, int error) {
    const std::string wanted = std::to_string((bytes + chunk_bytes - 1) / chunk_bytes) + " MiB";
    if (error == ENOSPC || error == EDQUOT) {
        return "the disk is full: the data file " + path + " needs " + wanted +
               "; free some space, or choose another place or a smaller file";
    }
    return "cannot write the data file " + path + " (" + wanted + "): " + std::strerror(error);
}

// 0 or an errno. The space is reserved first, so that a full disk is known before the writing.
int write_blocks(int fd, std::uint64_t bytes) {
    if (::fallocate(fd, 0, 0, static_cast<off_t>(bytes)) != 0 && errno != EOPNOTSUPP) {
        return errno;
    }
    std::vector<std::byte> chunk(chunk_bytes);
    for (std::uint64_t at = 0; at < bytes;) {
        const std::size_t length = std::min<std::uint64_t>(chunk_bytes, bytes - at);
        for (std::size_t i = 0; i < length; i += block_bytes) {
            fill_block(chunk.data() + i, (at + i) / block_bytes);
        }
        for (std::size_t done = 0; done < length;) {
            const ssize_t put = ::write(fd, chunk.data() + done, length - done);
            if (put < 0 && errno != EINTR) {
                return errno;
            }
            done += put < 0 ? 0 : static_cast<std::size_t>(put);
        }
        at += length;
    }
    return ::fsync(fd) == 0 ? 0 : errno;
}

} // namespace

bool prepare_data_file(const std::string& path, std::uint64_t bytes, std::string& error) {
    if (bytes == 0 || bytes % block_bytes != 0) {
        error = "a data file of " + std::to_string(bytes) +
                " bytes is not possible: it must be a positive multiple of 4096";
        return false;
    }
    const int existing = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (existing >= 0) {
        const file_closer closer(existing);
        if (is_prepared(existing, bytes)) {
            return true;
        }
        if (!may_replace(existing)) {
            error = path + " exists and is not a data file of this tool: it is left alone; choose "
                           "another name or delete it";
            return false;
        }
    } else if (errno != ENOENT) {
        error = "cannot open the data file " + path + ": " + std::strerror(errno);
        return false;
    }
    const std::string partial = path + ".partial";
    const int fd = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        error = write_fault(path, bytes, errno);
        return false;
    }
    const file_closer closer(fd);
    int fault = write_blocks(fd, bytes);
    if (fault == 0 && ::rename(partial.c_str(), path.c_str()) != 0) {
        fault = errno;
    }
    if (fault != 0) {
        ::unlink(partial.c_str());
        error = write_fault(path, bytes, fault);
        return false;
    }
    return true;
}

bool load_into_page_cache(const std::string& path, std::uint64_t bytes, std::string& error) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        error = "cannot open " + path + ": " + std::strerror(errno);
        return false;
    }
    const file_closer closer(fd);
    std::vector<std::byte> chunk(chunk_bytes);
    std::uint64_t total = 0;
    for (;;) {
        const ssize_t got = ::read(fd, chunk.data(), chunk.size());
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            error = "cannot read " + path + ": " + std::strerror(errno);
            return false;
        }
        total += got < 0 ? 0 : static_cast<std::uint64_t>(got);
    }
    if (total != bytes) {
        error = path + " has " + std::to_string(total) + " bytes instead of " +
                std::to_string(bytes) + ": prepare the data file again";
        return false;
    }
    return true;
}

} // namespace rp::lab
