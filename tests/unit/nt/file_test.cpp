// SPDX-License-Identifier: Apache-2.0
// Opening, sharing, deleting, synchronous handles.
#include "kernel_iface/nt/file_info.hpp"
#include "kernel_iface/nt/file_open.hpp"
#include "kernel_iface/nt/handle_table.hpp"
#include "kernel_iface/nt/operation.hpp"
#include "kernel_iface/nt/wait.hpp"
#include "tests/unit/nt/temp_file.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <csignal>
#include <cstring>
#include <thread>

using namespace rp::nt;
using rp::test::file_exists;
using rp::test::read_file;
using rp::test::temp_directory;
using rp::test::write_file;

namespace {

constexpr DWORD read_write = GENERIC_READ | GENERIC_WRITE;
constexpr DWORD share_all = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

struct open_result {
    ntstatus code;
    HANDLE handle;
    DWORD win32;
};

open_result open_file(const std::string& name,
                      DWORD disposition,
                      DWORD access = read_write,
                      DWORD flags = 0,
                      DWORD share = share_all) {
    HANDLE made = nullptr;
    const ntstatus code =
        create_file({name.c_str(), access, share, disposition, flags, false}, made);
    CHECK((made != INVALID_HANDLE_VALUE) == is_success(code));
    return {code, made, win32_of_status(code)};
}

ntstatus read_some(HANDLE file, void* buffer, DWORD bytes, DWORD& moved, OVERLAPPED* at = nullptr) {
    return transfer({file, false, buffer, bytes, &moved, at});
}

ntstatus
write_some(HANDLE file, const void* data, DWORD bytes, DWORD& moved, OVERLAPPED* at = nullptr) {
    return transfer({file, true, const_cast<void*>(data), bytes, &moved, at});
}

} // namespace

TEST_CASE("R-FILE-1: dispositions") {
    const temp_directory directory;
    const std::string name = directory.file("f");
    CHECK(open_file(name, OPEN_EXISTING).win32 == ERROR_FILE_NOT_FOUND);
    CHECK(open_file(name, TRUNCATE_EXISTING).win32 == ERROR_FILE_NOT_FOUND);
    CHECK(open_file(directory.file("no/f"), OPEN_EXISTING).win32 == ERROR_PATH_NOT_FOUND);
    CHECK(open_file(directory.file("no/f"), CREATE_NEW).win32 == ERROR_PATH_NOT_FOUND);
    open_result made = open_file(name, CREATE_NEW);
    CHECK(made.code == status::success);
    CHECK(close_handle(made.handle) == status::success);
    CHECK(open_file(name, CREATE_NEW).code == status::object_name_collision);
    CHECK(open_file(name + "/x", OPEN_EXISTING).win32 == ERROR_PATH_NOT_FOUND);

    write_file(name, "content");
    made = open_file(name, OPEN_ALWAYS);
    CHECK(made.win32 == ERROR_ALREADY_EXISTS);
    close_handle(made.handle);
    CHECK(read_file(name) == "content");
    made = open_file(name, CREATE_ALWAYS);
    CHECK(made.win32 == ERROR_ALREADY_EXISTS);
    close_handle(made.handle);
    CHECK(read_file(name).empty());
    write_file(name, "content");
    made = open_file(name, TRUNCATE_EXISTING);
    CHECK(made.code == status::success);
    close_handle(made.handle);
    CHECK(read_file(name).empty());

    made = open_file(directory.file("g"), OPEN_ALWAYS);
    CHECK(made.code == status::success);
    close_handle(made.handle);
    made = open_file(directory.file("h"), CREATE_ALWAYS, GENERIC_READ);
    CHECK(made.code == status::success);
    close_handle(made.handle);
}

TEST_CASE("R-FILE-1: arguments that make no sense") {
    const temp_directory directory;
    const std::string name = directory.file("f");
    write_file(name, "x");
    CHECK(open_file(name, 0).win32 == ERROR_INVALID_PARAMETER);
    CHECK(open_file(name, 6).win32 == ERROR_INVALID_PARAMETER);
    CHECK(open_file(name, OPEN_EXISTING, GENERIC_READ, 0, 8).win32 == ERROR_INVALID_PARAMETER);
    CHECK(open_file(name, TRUNCATE_EXISTING, GENERIC_READ).win32 == ERROR_INVALID_PARAMETER);
    CHECK(open_file("", OPEN_EXISTING).win32 == ERROR_PATH_NOT_FOUND);
    HANDLE made = nullptr;
    CHECK(create_file({nullptr, GENERIC_READ, 0, OPEN_EXISTING, 0, false}, made) ==
          status::object_path_not_found);
}

TEST_CASE("R-FILE-1: a directory is ERROR_ACCESS_DENIED without FILE_FLAG_BACKUP_SEMANTICS") {
    const temp_directory directory;
    CHECK(open_file(directory.path(), OPEN_EXISTING, GENERIC_READ).win32 == ERROR_ACCESS_DENIED);
    CHECK(open_file(directory.path(), OPEN_EXISTING).win32 == ERROR_ACCESS_DENIED);
    const open_result made =
        open_file(directory.path(), OPEN_EXISTING, GENERIC_READ, FILE_FLAG_BACKUP_SEMANTICS);
    REQUIRE(made.code == status::success);
    DWORD moved = 0;
    char byte = 0;
    CHECK(read_some(made.handle, &byte, 1, moved) == status::invalid_device_request);
    close_handle(made.handle);
}

TEST_CASE("R-FILE-1: sharing conflicts give 32 and leave the file as it is") {
    const temp_directory directory;
    const std::string name = directory.file("f");
    write_file(name, "content");
    const open_result reader = open_file(name, OPEN_EXISTING, GENERIC_READ, 0, FILE_SHARE_READ);
    REQUIRE(reader.code == status::success);
    CHECK(open_file(name, OPEN_EXISTING, GENERIC_WRITE).win32 == ERROR_SHARING_VIOLATION);
    CHECK(open_file(name, CREATE_ALWAYS, GENERIC_WRITE).win32 == ERROR_SHARING_VIOLATION);
    CHECK(read_file(name) == "content");
    CHECK(open_file(name, OPEN_EXISTING, GENERIC_READ, 0, 0).win32 == ERROR_SHARING_VIOLATION);
    const std::string alias = directory.file("alias");
    REQUIRE(link(name.c_str(), alias.c_str()) == 0);
    CHECK(open_file(alias, OPEN_EXISTING, GENERIC_WRITE).win32 == ERROR_SHARING_VIOLATION);
    const open_result second = open_file(name, OPEN_EXISTING, GENERIC_READ, 0, FILE_SHARE_READ);
    CHECK(second.code == status::success);
    const open_result nosy = open_file(name, OPEN_EXISTING, FILE_READ_ATTRIBUTES, 0, 0);
    CHECK(nosy.code == status::success);
    close_handle(nosy.handle);
    close_handle(second.handle);
    close_handle(reader.handle);
    const open_result writer = open_file(name, OPEN_EXISTING, GENERIC_WRITE, 0, 0);
    CHECK(writer.code == status::success);
    CHECK(open_file(name, OPEN_EXISTING, GENERIC_READ).win32 == ERROR_SHARING_VIOLATION);
    close_handle(writer.handle);
}

TEST_CASE("R-FILE-8: DELETE_ON_CLOSE removes the file with its last handle") {
    const temp_directory directory;
    const std::string name = directory.file("f");
    write_file(name, "x");
    const open_result first =
        open_file(name, OPEN_EXISTING, GENERIC_READ, FILE_FLAG_DELETE_ON_CLOSE);
    REQUIRE(first.code == status::success);
    CHECK(open_file(name, OPEN_EXISTING, GENERIC_READ, 0, FILE_SHARE_READ).win32 ==
          ERROR_SHARING_VIOLATION);
    const open_result second = open_file(name, OPEN_EXISTING, GENERIC_READ);
    REQUIRE(second.code == status::success);
    close_handle(first.handle);
    CHECK(file_exists(name));
    CHECK(open_file(name, OPEN_EXISTING, GENERIC_READ).win32 == ERROR_ACCESS_DENIED);
    close_handle(second.handle);
    CHECK_FALSE(file_exists(name));

    write_file(name, "x");
    const open_result moved =
        open_file(name, OPEN_EXISTING, GENERIC_READ, FILE_FLAG_DELETE_ON_CLOSE);
    const std::string other = directory.file("other");
    REQUIRE(rename(name.c_str(), other.c_str()) == 0);
    write_file(name, "a new one");
    close_handle(moved.handle);
    CHECK_FALSE(file_exists(other));
    CHECK(read_file(name) == "a new one");
}

TEST_CASE("DeleteFile respects share modes and directories") {
    const temp_directory directory;
    const std::string name = directory.file("f");
    CHECK(win32_of_status(delete_file(name.c_str())) == ERROR_FILE_NOT_FOUND);
    CHECK(win32_of_status(delete_file(directory.file("no/f").c_str())) == ERROR_PATH_NOT_FOUND);
    CHECK(win32_of_status(delete_file(directory.path().c_str())) == ERROR_ACCESS_DENIED);
    CHECK(delete_file(nullptr) == status::object_path_not_found);
    write_file(name, "x");
    const open_result strict = open_file(name, OPEN_EXISTING, GENERIC_READ, 0, FILE_SHARE_READ);
    CHECK(win32_of_status(delete_file(name.c_str())) == ERROR_SHARING_VIOLATION);
    close_handle(strict.handle);
    const open_result lenient = open_file(name, OPEN_EXISTING, GENERIC_READ);
    CHECK(delete_file(name.c_str()) == status::success);
    CHECK_FALSE(file_exists(name));
    close_handle(lenient.handle);
}

TEST_CASE("R-FILE-1: FILE_FLAG_NO_BUFFERING and FILE_FLAG_WRITE_THROUGH reach the descriptor") {
    const temp_directory directory;
    const std::string name = directory.file("f");
    const open_result through = open_file(name, CREATE_ALWAYS, read_write, FILE_FLAG_WRITE_THROUGH);
    REQUIRE(through.code == status::success);
    int fd = -1;
    REQUIRE(fd_from_handle(through.handle, fd) == status::success);
    CHECK((fcntl(fd, F_GETFL) & O_DSYNC) == O_DSYNC);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    close_handle(through.handle);
    const open_result direct = open_file(name, OPEN_EXISTING, read_write, FILE_FLAG_NO_BUFFERING);
    if (direct.code == status::success) {
        REQUIRE(fd_from_handle(direct.handle, fd) == status::success);
        CHECK((fcntl(fd, F_GETFL) & O_DIRECT) != 0);
        close_handle(direct.handle);
    } else {
        CHECK(direct.win32 == ERROR_INVALID_PARAMETER); // this file system has no O_DIRECT
    }
    const open_result advised = open_file(
        name, OPEN_EXISTING, read_write, FILE_FLAG_RANDOM_ACCESS | FILE_FLAG_SEQUENTIAL_SCAN);
    CHECK(advised.code == status::success);
    close_handle(advised.handle);
}

TEST_CASE("R-FILE-2: a synchronous handle needs a place for the count, and rights are checked") {
    const temp_directory directory;
    const std::string name = directory.file("f");
    write_file(name, "x");
    const open_result reader = open_file(name, OPEN_EXISTING, GENERIC_READ);
    const open_result writer = open_file(name, OPEN_EXISTING, GENERIC_WRITE);
    char byte = 0;
    DWORD moved = 7;
    CHECK(transfer({reader.handle, false, &byte, 1, nullptr, nullptr}) ==
          status::invalid_parameter);
    CHECK(win32_of_status(write_some(reader.handle, &byte, 1, moved)) == ERROR_ACCESS_DENIED);
    CHECK(moved == 0);
    CHECK(win32_of_status(read_some(writer.handle, &byte, 1, moved)) == ERROR_ACCESS_DENIED);
    CHECK(win32_of_status(read_some(reader.handle, nullptr, 1, moved)) == ERROR_NOACCESS);
    auto* const wild = reinterpret_cast<void*>(uintptr_t{0x7000000000});
    CHECK(win32_of_status(read_some(reader.handle, wild, 1, moved)) == ERROR_NOACCESS);
    close_handle(reader.handle);
    close_handle(writer.handle);
    CHECK(read_some(reader.handle, &byte, 1, moved) == status::invalid_handle);
}

TEST_CASE("R-FILE-4: synchronous reads move the file pointer and end with TRUE and 0 bytes") {
    const temp_directory directory;
    const std::string name = directory.file("f");
    const open_result file = open_file(name, CREATE_ALWAYS);
    DWORD moved = 0;
    CHECK(write_some(file.handle, "0123456789", 10, moved) == status::success);
    CHECK(moved == 10);
    int64_t position = -1;
    CHECK(move_file_pointer(file.handle, 4, FILE_BEGIN, INT64_MAX, position) == 0);
    CHECK(position == 4);
    std::array<char, 16> buffer{};
    CHECK(read_some(file.handle, buffer.data(), 3, moved) == status::success);
    CHECK(moved == 3);
    CHECK(std::memcmp(buffer.data(), "456", 3) == 0);
    CHECK(read_some(file.handle, buffer.data(), 16, moved) == status::success);
    CHECK(moved == 3);
    CHECK(read_some(file.handle, buffer.data(), 16, moved) == status::success);
    CHECK(moved == 0);
    CHECK(move_file_pointer(file.handle, -2, FILE_END, INT64_MAX, position) == 0);
    CHECK(position == 8);
    CHECK(move_file_pointer(file.handle, -3, FILE_CURRENT, INT64_MAX, position) == 0);
    CHECK(position == 5);
    CHECK(move_file_pointer(file.handle, -6, FILE_CURRENT, INT64_MAX, position) ==
          ERROR_NEGATIVE_SEEK);
    CHECK(move_file_pointer(file.handle, 0, 3, INT64_MAX, position) == ERROR_INVALID_PARAMETER);
    CHECK(move_file_pointer(file.handle, 0, FILE_CURRENT, INT64_MAX, position) == 0);
    CHECK(position == 5);
    close_handle(file.handle);
}

TEST_CASE("R-FILE-4: with an OVERLAPPED a synchronous handle uses its offset; the end is 38") {
    const temp_directory directory;
    const std::string name = directory.file("f");
    write_file(name, "0123456789");
    const open_result file = open_file(name, OPEN_EXISTING);
    std::array<char, 16> buffer{};
    DWORD moved = 0;
    OVERLAPPED at{};
    at.Offset = 6;
    CHECK(read_some(file.handle, buffer.data(), 16, moved, &at) == status::success);
    CHECK(moved == 4);
    CHECK(at.Internal == 0);
    CHECK(at.InternalHigh == 4);
    int64_t position = 0;
    CHECK(move_file_pointer(file.handle, 0, FILE_CURRENT, INT64_MAX, position) == 0);
    CHECK(position == 10);
    at.Offset = 10;
    CHECK(win32_of_status(read_some(file.handle, buffer.data(), 16, moved, &at)) ==
          ERROR_HANDLE_EOF);
    CHECK(at.Internal == status::end_of_file);
    DWORD bytes = 1;
    CHECK(overlapped_result(file.handle, &at, bytes, poll_deadline) == ERROR_HANDLE_EOF);
    CHECK(bytes == 0);
    close_handle(file.handle);
}

TEST_CASE("R-FILE-6: appending by offset and by right; zero-length writes succeed") {
    const temp_directory directory;
    const std::string name = directory.file("f");
    write_file(name, "abc");
    const open_result file = open_file(name, OPEN_EXISTING);
    DWORD moved = 0;
    OVERLAPPED at{};
    at.Offset = 0xFFFFFFFF;
    at.OffsetHigh = 0xFFFFFFFF;
    CHECK(write_some(file.handle, "de", 2, moved, &at) == status::success);
    CHECK(moved == 2);
    CHECK(write_some(file.handle, "", 0, moved) == status::success);
    const open_result appender = open_file(name, OPEN_EXISTING, FILE_APPEND_DATA);
    CHECK(write_some(appender.handle, "fg", 2, moved) == status::success);
    CHECK(read_file(name) == "abcdefg");
    at.OffsetHigh = 0x80000000;
    CHECK(write_some(file.handle, "x", 1, moved, &at) == status::invalid_parameter);
    close_handle(appender.handle);
    close_handle(file.handle);
}

TEST_CASE("sizes, types and flushing") {
    const temp_directory directory;
    const std::string name = directory.file("f");
    write_file(name, "12345");
    const open_result file = open_file(name, OPEN_EXISTING);
    const open_result reader = open_file(name, OPEN_EXISTING, GENERIC_READ);
    int64_t bytes = 0;
    CHECK(file_size(file.handle, bytes) == status::success);
    CHECK(bytes == 5);
    DWORD type = 0;
    CHECK(file_type(file.handle, type) == status::success);
    CHECK(type == FILE_TYPE_DISK);
    CHECK(flush_file(file.handle) == status::success);
    CHECK(win32_of_status(flush_file(reader.handle)) == ERROR_ACCESS_DENIED);
    close_handle(file.handle);
    close_handle(reader.handle);
    CHECK(file_type(file.handle, type) == status::invalid_handle);
    CHECK(type == FILE_TYPE_UNKNOWN);
    const open_result null = open_file("/dev/null", OPEN_EXISTING);
    CHECK(file_type(null.handle, type) == status::success);
    CHECK(type == FILE_TYPE_CHAR);
    CHECK(file_size(null.handle, bytes) == status::invalid_device_request);
    close_handle(null.handle);
}

TEST_CASE("R-FILE-5: a synchronous FIFO reads what is there, then 109; without reader 232") {
    const temp_directory directory;
    const std::string name = directory.file("fifo");
    REQUIRE(mkfifo(name.c_str(), 0600) == 0);
    const int keeper = open(name.c_str(), O_RDWR);
    const open_result reader = open_file(name, OPEN_EXISTING, GENERIC_READ);
    const open_result writer = open_file(name, OPEN_EXISTING, GENERIC_WRITE);
    REQUIRE(reader.code == status::success);
    REQUIRE(writer.code == status::success);
    close(keeper);
    std::array<char, 32> buffer{};
    DWORD moved = 0;
    std::thread late([&] {
        DWORD written = 0;
        CHECK(write_some(writer.handle, "hello", 5, written) == status::success);
        CHECK(written == 5);
    });
    CHECK(read_some(reader.handle, buffer.data(), 32, moved) == status::success);
    CHECK(moved == 5);
    late.join();
    DWORD type = 0;
    CHECK(file_type(reader.handle, type) == status::success);
    CHECK(type == FILE_TYPE_PIPE);
    close_handle(writer.handle);
    CHECK(win32_of_status(read_some(reader.handle, buffer.data(), 32, moved)) == ERROR_BROKEN_PIPE);
    const int again = open(name.c_str(), O_RDWR);
    const open_result lonely = open_file(name, OPEN_EXISTING, GENERIC_WRITE);
    close(again);
    close_handle(reader.handle);
    // A SIGPIPE would kill this process.
    CHECK(win32_of_status(write_some(lonely.handle, "x", 1, moved)) == ERROR_NO_DATA);
    sigset_t pending;
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGPIPE) == 0);
    close_handle(lonely.handle);
}

TEST_CASE("a write longer than a pipe holds is finished while it is read") {
    const temp_directory directory;
    const std::string name = directory.file("fifo");
    REQUIRE(mkfifo(name.c_str(), 0600) == 0);
    const int keeper = open(name.c_str(), O_RDWR);
    const open_result reader = open_file(name, OPEN_EXISTING, GENERIC_READ);
    const open_result writer = open_file(name, OPEN_EXISTING, GENERIC_WRITE);
    close(keeper);
    std::string data(300'000, '\0');
    for (size_t i = 0; i < data.size(); ++i) {
        data[i] = static_cast<char>(i * 7 + i / 251);
    }
    std::thread sender([&] {
        DWORD written = 0;
        CHECK(write_some(writer.handle, data.data(), 300'000, written) == status::success);
        CHECK(written == 300'000);
        close_handle(writer.handle);
    });
    std::string got;
    std::array<char, 8192> piece;
    DWORD moved = 0;
    while (read_some(reader.handle, piece.data(), 8192, moved) == status::success) {
        got.append(piece.data(), moved);
    }
    sender.join();
    CHECK(got == data);
    close_handle(reader.handle);
}

TEST_CASE("descriptors: rp_handle_from_fd and rp_fd_from_handle") {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    HANDLE owned = nullptr;
    HANDLE borrowed = nullptr;
    REQUIRE(handle_from_fd(ends[0], true, owned) == status::success);
    REQUIRE(handle_from_fd(ends[1], false, borrowed) == status::success);
    int fd = -1;
    CHECK(fd_from_handle(owned, fd) == status::success);
    CHECK(fd == ends[0]);
    close_handle(owned);
    close_handle(borrowed);
    CHECK(fcntl(ends[0], F_GETFD) == -1);
    CHECK(fcntl(ends[1], F_GETFD) != -1);
    close(ends[1]);
    CHECK(win32_of_status(handle_from_fd(ends[0], true, owned)) == ERROR_INVALID_HANDLE);
    CHECK(owned == nullptr);
    CHECK(fd_from_handle(borrowed, fd) == status::invalid_handle);
    CHECK(fd == -1);
}
