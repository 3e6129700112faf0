// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/status.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <thread>

using namespace rp::nt;

namespace {

struct conversion_row {
    uint32_t code;
    uint32_t win32;
};

// Table 15.4, by value.
constexpr conversion_row conversion_rows[] = {
    {0x00000000, 0},    {0x00000102, 258},  {0x00000103, 997},  {0x80000005, 234},
    {0xC0000001, 31},   {0xC0000002, 1},    {0xC0000005, 998},  {0xC0000008, 6},
    {0xC000000D, 87},   {0xC000000F, 2},    {0xC0000010, 1},    {0xC0000011, 38},
    {0xC0000017, 8},    {0xC0000022, 5},    {0xC0000023, 122},  {0xC0000024, 6},
    {0xC0000033, 123},  {0xC0000034, 2},    {0xC0000035, 183},  {0xC000003A, 3},
    {0xC000003F, 23},   {0xC0000043, 32},   {0xC0000044, 1816}, {0xC0000046, 288},
    {0xC0000047, 298},  {0xC0000054, 33},   {0xC0000056, 5},    {0xC000007F, 112},
    {0xC000009A, 1450}, {0xC00000A1, 1453}, {0xC00000A2, 19},   {0xC00000B0, 233},
    {0xC00000AB, 231},  {0xC00000AC, 231},  {0xC00000B2, 535},  {0xC00000B3, 536},
    {0xC00000B1, 232},  {0xC00000B5, 121},  {0xC00000BA, 5},    {0xC00000BB, 50},
    {0xC00000D4, 17},   {0xC00000E8, 1784}, {0xC0000101, 145},  {0xC0000103, 267},
    {0xC0000106, 206},  {0xC000011F, 4},    {0xC0000120, 995},  {0xC0000128, 6},
    {0xC0000129, 164},  {0xC000013B, 64},   {0xC000013C, 64},   {0xC000014B, 109},
    {0xC0000185, 1117}, {0xC000020C, 64},   {0xC000020D, 64},   {0xC0000225, 1168},
    {0xC0000236, 1225}, {0xC0000237, 1226}, {0xC000023A, 1229}, {0xC000023C, 1231},
    {0xC000023D, 1232}, {0xC000023F, 1234}, {0xC0000241, 1236}, {0xC0000265, 1142},
};

struct errno_row {
    int error;
    uint32_t file_status;
    uint32_t file_win32;
    uint32_t socket_win32; // 0: the table has no socket column for it
};

// Table 15.5: the file/pipe column and the socket completion column.
constexpr errno_row errno_rows[] = {
    {ENOENT, 0xC0000034, 2, 2},
    {ENOTDIR, 0xC000003A, 3, 0},
    {EACCES, 0xC0000022, 5, 5},
    {EPERM, 0xC0000022, 5, 5},
    {EBADF, 0xC0000008, 6, 6},
    {ENOTSOCK, 0xC0000008, 6, 6},
    {EMFILE, 0xC000011F, 4, 4},
    {ENFILE, 0xC000011F, 4, 4},
    {ENOMEM, 0xC0000017, 8, 8},
    {ENOBUFS, 0xC000009A, 1450, 1450},
    {EAGAIN, 0xC000009A, 1450, 1450},
    {EINTR, 0xC0000120, 995, 995},
    {ECANCELED, 0xC0000120, 995, 995},
    {EINVAL, 0xC000000D, 87, 87},
    {EFAULT, 0xC0000005, 998, 998},
    {EIO, 0xC0000185, 1117, 1117},
    {ENXIO, 0xC0000001, 31, 31},
    {ENODEV, 0xC0000001, 31, 31},
    {EEXIST, 0xC0000035, 183, 0},
    {EISDIR, 0xC00000BA, 5, 0},
    {ENOTEMPTY, 0xC0000101, 145, 0},
    {EXDEV, 0xC00000D4, 17, 0},
    {EROFS, 0xC00000A2, 19, 0},
    {ENOSPC, 0xC000007F, 112, 0},
    {EDQUOT, 0xC000007F, 112, 0},
    {EFBIG, 0xC0000904, 223, 0},
    {ENAMETOOLONG, 0xC0000106, 206, 0},
    {ELOOP, 0xC0000280, 1921, 0},
    {EMLINK, 0xC0000265, 1142, 0},
    {EBUSY, 0x80000011, 170, 0},
    {ETXTBSY, 0x80000011, 170, 0},
    {EDEADLK, 0xC0000054, 33, 0},
    {ESPIPE, 0xC000000D, 87, 0},
    {EPIPE, 0xC00000B1, 232, 64},
    {ENOSYS, 0xC00000BB, 50, 50},
    {EOPNOTSUPP, 0xC00000BB, 50, 50},
    {ETIMEDOUT, 0xC00000B5, 121, 121},
    {ECONNRESET, 0xC000020D, 64, 64},
    {ECONNABORTED, 0xC0000241, 1236, 1236},
    {ECONNREFUSED, 0xC0000236, 1225, 1225},
    {ENETUNREACH, 0xC000023C, 1231, 1231},
    {ENETDOWN, 0xC000023C, 1231, 1231},
    {EHOSTUNREACH, 0xC000023D, 1232, 1232},
    {EHOSTDOWN, 0xC000023D, 1232, 1232},
    {ENOTCONN, 0xC00000B0, 233, 1229},
    {EISCONN, 0xC000023B, 1230, 1230},
    {EALREADY, 0xC000022D, 1237, 1237},
    {EINPROGRESS, 0xC000022D, 1237, 1237},
    {EADDRINUSE, 0xC0000238, 1227, 1227},
    {EADDRNOTAVAIL, 0xC0000207, 1214, 1214},
    {EMSGSIZE, 0x80000005, 234, 234},
    {EDESTADDRREQ, 0xC000000D, 87, 87},
    {EAFNOSUPPORT, 0xC000000D, 87, 87},
    {EPROTONOSUPPORT, 0xC000000D, 87, 87},
    {ENOPROTOOPT, 0xC000000D, 87, 87},
    {EOVERFLOW, 0xC000000D, 87, 87},
    {EL2HLT, 0xC0000001, 31, 31}, // anything else
};

} // namespace

TEST_CASE("R-SOCK-8: the same failure as a WSA code, told at once and told later") {
    struct wsa_row {
        int error;
        uint32_t at_once;
        uint32_t later;
    };

    constexpr wsa_row rows[] = {
        {0, 0, 0},
        {EACCES, 10013, 10013},
        {EBADF, 10038, 10038},
        {ENOTSOCK, 10038, 10038},
        {EMFILE, 10024, 10024},
        {ENOMEM, 10055, 10055},
        {ENOBUFS, 10055, 10055},
        {EAGAIN, 10035, 10055},
        {ECANCELED, 995, 995},
        {EINVAL, 10022, 10022},
        {EFAULT, 10014, 10014},
        {EPIPE, 10054, 10054},
        {EOPNOTSUPP, 10045, 10045},
        {ETIMEDOUT, 10060, 10060},
        {ECONNRESET, 10054, 10054},
        {ECONNABORTED, 10053, 10053},
        {ECONNREFUSED, 10061, 10061},
        {ENETUNREACH, 10051, 10051},
        {EHOSTUNREACH, 10065, 10065},
        {ENOTCONN, 10057, 10057},
        {EISCONN, 10056, 10056},
        {EADDRINUSE, 10048, 10048},
        {EADDRNOTAVAIL, 10049, 10049},
        {EMSGSIZE, 10040, 10040},
        {EL2HLT, 10022, 31},
    };
    for (const wsa_row& row : rows) {
        CAPTURE(row.error);
        CHECK(wsa_of_errno(row.error, io_domain::socket) == row.at_once);
        CHECK(wsa_of_status(status_of_errno(row.error, io_domain::socket)) == row.later);
    }
    CHECK(wsa_of_errno(ECONNREFUSED, io_domain::datagram) == 10054);
    CHECK(wsa_of_status(status_of_errno(ECONNREFUSED, io_domain::datagram)) == 10054);
}

TEST_CASE("R-ERR-6: every NTSTATUS of table 15.4 gives its Win32 code") {
    for (const conversion_row& row : conversion_rows) {
        CAPTURE(row.code);
        CHECK(win32_of_status(row.code) == row.win32);
    }
    for (uint32_t code = 0xC00000EF; code <= 0xC00000FA; ++code) {
        CAPTURE(code);
        CHECK(win32_of_status(code) == 87);
    }
    if constexpr (EWOULDBLOCK != EAGAIN) {
        CHECK(status_of_errno(EWOULDBLOCK, io_domain::file) == status::insufficient_resources);
    }
}

TEST_CASE("R-ERR-6: a status the table does not know becomes ERROR_MR_MID_NOT_FOUND") {
    CHECK(win32_of_status(0xC0FFEE00) == 317);
    CHECK(win32_of_status(0xFFFFFFFF) == 317);
}

TEST_CASE("R-ERR-6: every errno of table 15.5 gives its NTSTATUS and Win32 code") {
    CHECK(status_of_errno(0, io_domain::file) == status::success);
    CHECK(status_of_errno(0, io_domain::socket) == status::success);
    for (const errno_row& row : errno_rows) {
        CAPTURE(row.error);
        const ntstatus file = status_of_errno(row.error, io_domain::file);
        CHECK(file == row.file_status);
        CHECK(win32_of_status(file) == row.file_win32);
        if (row.socket_win32 != 0) {
            CHECK(win32_of_status(status_of_errno(row.error, io_domain::socket)) ==
                  row.socket_win32);
        }
    }
}

TEST_CASE("R-ERR-6: rows that depend on what was called") {
    CHECK(win32_of_status(status_of_errno(ECONNREFUSED, io_domain::datagram)) == 1234);
    CHECK(win32_of_status(status_of_errno(EPIPE, io_domain::datagram)) == 64);
    CHECK(status_of_errno(EPIPE, io_domain::socket) == 0xC000020C);
    CHECK(win32_of_status(status_of_errno(EBUSY, io_domain::naming)) == 32);
    CHECK(win32_of_status(status_of_errno(ETXTBSY, io_domain::naming)) == 32);
    CHECK(win32_of_status(status_of_errno(ENXIO, io_domain::naming)) == 2);
    CHECK(win32_of_status(status_of_errno(EACCES, io_domain::naming)) == 5);
}

TEST_CASE("R-ERR-3: warnings are not success") {
    CHECK(is_success(0));
    CHECK(is_success(0x40000000));
    CHECK_FALSE(is_success(0x80000005));
    CHECK_FALSE(is_success(0xC0000001));
}

TEST_CASE("R-ERR-5: the last error is per thread and untouched by success") {
    set_last_error(0xdeadbeef);
    CHECK(win32_result(status::success) == TRUE);
    CHECK(last_error() == 0xdeadbeef);
    CHECK(win32_result(status::end_of_file) == FALSE);
    CHECK(last_error() == 38);
    DWORD other = 1;
    std::thread([&] { other = last_error(); }).join();
    CHECK(other == 0);
    CHECK(last_error() == 38);
}

TEST_CASE("errno_keeper restores errno") {
    errno = EDOM;
    {
        const errno_keeper keeper;
        errno = ENOENT;
    }
    CHECK(errno == EDOM);
}
