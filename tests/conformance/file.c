// SPDX-License-Identifier: Apache-2.0
/* Files and overlapped operations without a pool: R-FILE-*, R-OVL-*, R-CANCEL-*. */
#include "tests/conformance/fixture.h"

#define RW (GENERIC_READ | GENERIC_WRITE)

static void at(OVERLAPPED* ov, HANDLE event, ULONGLONG offset) {
    memset(ov, 0, sizeof *ov);
    ov->hEvent = event;
    ov->Offset = (DWORD)offset;
    ov->OffsetHigh = (DWORD)(offset >> 32);
}

/* Runs one overlapped operation to its end. The result: the Win32 code, 0 for success. */
static DWORD
transfer(HANDLE file, BOOL write, void* data, DWORD size, OVERLAPPED* ov, DWORD* moved) {
    *moved = 0;
    BOOL ok = write ? WriteFile(file, data, size, NULL, ov) : ReadFile(file, data, size, NULL, ov);
    if (!ok && GetLastError() != ERROR_IO_PENDING)
        return GetLastError();
    if (GetOverlappedResult(file, ov, moved, TRUE))
        return NO_ERROR;
    return GetLastError();
}

TEST("R-FILE-1", "CREATE_NEW makes a file once") {
    const char* name = temp_name();
    HANDLE file = open_file(name, RW, CREATE_NEW, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK(CloseHandle(file));
    SetLastError(0);
    CHECK(open_file(name, RW, CREATE_NEW, 0) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_FILE_EXISTS);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-1", "CREATE_ALWAYS truncates and tells whether the file existed") {
    const char* name = temp_name();
    LARGE_INTEGER size;
    SetLastError(0xdeadbeef);
    HANDLE file = open_file(name, RW, CREATE_ALWAYS, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), 0);
    CloseHandle(file);
    REQUIRE(make_file(name, 1000));
    SetLastError(0xdeadbeef);
    file = open_file(name, RW, CREATE_ALWAYS, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_ALREADY_EXISTS);
    CHECK(GetFileSizeEx(file, &size));
    CHECK_EQ(size.QuadPart, 0);
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-1", "OPEN_ALWAYS creates or keeps") {
    const char* name = temp_name();
    LARGE_INTEGER size;
    SetLastError(0xdeadbeef);
    HANDLE file = open_file(name, RW, OPEN_ALWAYS, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), 0);
    CloseHandle(file);
    REQUIRE(make_file(name, 1000));
    SetLastError(0xdeadbeef);
    file = open_file(name, RW, OPEN_ALWAYS, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_ALREADY_EXISTS);
    CHECK(GetFileSizeEx(file, &size));
    CHECK_EQ(size.QuadPart, 1000);
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-1", "OPEN_EXISTING and TRUNCATE_EXISTING want a file") {
    const char* name = temp_name();
    LARGE_INTEGER size;
    SetLastError(0);
    CHECK(open_file(name, GENERIC_READ, OPEN_EXISTING, 0) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_FILE_NOT_FOUND);
    SetLastError(0);
    CHECK(open_file(name, RW, TRUNCATE_EXISTING, 0) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_FILE_NOT_FOUND);
    REQUIRE(make_file(name, 1000));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK(GetFileSizeEx(file, &size));
    CHECK_EQ(size.QuadPart, 1000);
    CloseHandle(file);
    file = open_file(name, RW, TRUNCATE_EXISTING, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK(GetFileSizeEx(file, &size));
    CHECK_EQ(size.QuadPart, 0);
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-1", "a missing directory is ERROR_PATH_NOT_FOUND") {
    char name[1100];
    snprintf(name, sizeof name, "%s/file", temp_name());
    SetLastError(0);
    CHECK(open_file(name, RW, CREATE_ALWAYS, 0) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_PATH_NOT_FOUND);
    SetLastError(0);
    CHECK(open_file(name, GENERIC_READ, OPEN_EXISTING, 0) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_PATH_NOT_FOUND);
}

TEST("R-FILE-1", "a directory does not open as a file") {
    char name[1100];
    strcpy(name, temp_name());
    char* end = strrchr(name, '/') ? strrchr(name, '/') : strrchr(name, '\\');
    REQUIRE(end != NULL);
    *end = 0;
    SetLastError(0);
    CHECK(open_file(name, GENERIC_READ, OPEN_EXISTING, 0) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_ACCESS_DENIED);
}

TEST("R-FILE-1", "an exclusive open makes later ones fail with a sharing violation") {
    const char* name = temp_name();
    HANDLE file = CreateFileA(name, RW, 0, NULL, CREATE_NEW, 0, NULL);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    SetLastError(0);
    CHECK(open_file(name, GENERIC_READ, OPEN_EXISTING, 0) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_SHARING_VIOLATION);
    CHECK(CloseHandle(file));
    file = open_file(name, GENERIC_READ, OPEN_EXISTING, 0);
    CHECK(file != INVALID_HANDLE_VALUE);
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-1", "deleting a missing file is ERROR_FILE_NOT_FOUND") {
    CHECK_FAILS(DeleteFileA(temp_name()), ERROR_FILE_NOT_FOUND);
}

TEST("R-FILE-8", "FILE_FLAG_DELETE_ON_CLOSE removes the file at the last close") {
    const char* name = temp_name();
    HANDLE file = open_file(name, RW, CREATE_NEW, FILE_FLAG_DELETE_ON_CLOSE);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK(CloseHandle(file));
    SetLastError(0);
    CHECK(open_file(name, GENERIC_READ, OPEN_EXISTING, 0) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_FILE_NOT_FOUND);
}

TEST("R-FILE-8", "FlushFileBuffers succeeds, and needs write access") {
    const char* name = temp_name();
    DWORD written = 0;
    HANDLE file = open_file(name, RW, CREATE_NEW, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(file, "abc", 3, &written, NULL));
    CHECK(FlushFileBuffers(file));
    CloseHandle(file);
    file = open_file(name, GENERIC_READ, OPEN_EXISTING, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK_FAILS(FlushFileBuffers(file), ERROR_ACCESS_DENIED);
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-4", "a synchronous handle reads on, and gives TRUE and 0 bytes at the end") {
    const char* name = temp_name();
    BYTE data[600];
    DWORD got = 99;
    REQUIRE(make_file(name, 1000));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK(ReadFile(file, data, sizeof data, &got, NULL));
    CHECK_EQ(got, 600);
    CHECK(pattern_matches(data, got, 0));
    CHECK(ReadFile(file, data, sizeof data, &got, NULL));
    CHECK_EQ(got, 400);
    CHECK(pattern_matches(data, got, 600));
    CHECK(ReadFile(file, data, sizeof data, &got, NULL));
    CHECK_EQ(got, 0);
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-4", "a synchronous handle writes on") {
    const char* name = temp_name();
    DWORD written = 0, got = 0;
    LARGE_INTEGER zero, size, position;
    char data[16];
    zero.QuadPart = 0;
    HANDLE file = open_file(name, RW, CREATE_NEW, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(file, "hello ", 6, &written, NULL));
    CHECK_EQ(written, 6);
    CHECK(WriteFile(file, "world", 5, &written, NULL));
    CHECK(GetFileSizeEx(file, &size));
    CHECK_EQ(size.QuadPart, 11);
    CHECK(SetFilePointerEx(file, zero, &position, FILE_CURRENT));
    CHECK_EQ(position.QuadPart, 11);
    CHECK_EQ(SetFilePointer(file, 6, NULL, FILE_BEGIN), 6);
    CHECK(ReadFile(file, data, sizeof data, &got, NULL));
    CHECK_EQ(got, 5);
    CHECK(!memcmp(data, "world", 5));
    CHECK_EQ(SetFilePointer(file, -5, NULL, FILE_END), 6);
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-6", "a zero-length write is a success that changes nothing") {
    const char* name = temp_name();
    DWORD written = 7;
    LARGE_INTEGER size;
    HANDLE file = open_file(name, RW, CREATE_NEW, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(file, "", 0, &written, NULL));
    CHECK_EQ(written, 0);
    CHECK(GetFileSizeEx(file, &size));
    CHECK_EQ(size.QuadPart, 0);
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-7", "the access rights of the handle are checked") {
    const char* name = temp_name();
    char byte = 0;
    DWORD moved = 0;
    REQUIRE(make_file(name, 10));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK_FAILS(WriteFile(file, &byte, 1, &moved, NULL), ERROR_ACCESS_DENIED);
    CloseHandle(file);
    file = open_file(name, GENERIC_WRITE, OPEN_EXISTING, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK_FAILS(ReadFile(file, &byte, 1, &moved, NULL), ERROR_ACCESS_DENIED);
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-2", "an overlapped handle wants an OVERLAPPED") {
    const char* name = temp_name();
    char byte = 0;
    DWORD moved = 0;
    REQUIRE(make_file(name, 10));
    HANDLE file = open_file(name, RW, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK_FAILS(ReadFile(file, &byte, 1, &moved, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(WriteFile(file, &byte, 1, &moved, NULL), ERROR_INVALID_PARAMETER);
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-2", "a synchronous handle reads at the offset of an OVERLAPPED") {
    const char* name = temp_name();
    BYTE data[32];
    DWORD got = 0;
    OVERLAPPED ov;
    REQUIRE(make_file(name, 1000));
    HANDLE file = open_file(name, RW, OPEN_EXISTING, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    at(&ov, NULL, 500);
    CHECK(ReadFile(file, data, sizeof data, &got, &ov));
    CHECK_EQ(got, sizeof data);
    CHECK(pattern_matches(data, got, 500));
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-3", "an overlapped read either succeeds at once or is pending") {
    const char* name = temp_name();
    BYTE data[256];
    DWORD got = 0;
    OVERLAPPED ov;
    HANDLE event = manual_event();
    REQUIRE(make_file(name, 1000));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    at(&ov, event, 100);
    BOOL ok = ReadFile(file, data, sizeof data, NULL, &ov);
    CHECK(ok || GetLastError() == ERROR_IO_PENDING);
    CHECK(signaled(event));
    CHECK(GetOverlappedResult(file, &ov, &got, FALSE));
    CHECK_EQ(got, 256);
    CHECK(pattern_matches(data, got, 100));
    CHECK_EQ(ov.Internal, 0);
    CHECK_EQ(ov.InternalHigh, 256);
    CloseHandle(file);
    CloseHandle(event);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-4", "an overlapped read that reaches the end is short, one beyond it gives 38") {
    const char* name = temp_name();
    BYTE data[300];
    DWORD got = 0;
    OVERLAPPED ov;
    HANDLE event = manual_event();
    REQUIRE(make_file(name, 1000));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    at(&ov, event, 900);
    CHECK_EQ(transfer(file, FALSE, data, sizeof data, &ov, &got), NO_ERROR);
    CHECK_EQ(got, 100);
    CHECK(pattern_matches(data, got, 900));
    at(&ov, event, 1000);
    CHECK_EQ(transfer(file, FALSE, data, sizeof data, &ov, &got), ERROR_HANDLE_EOF);
    CHECK_EQ(got, 0);
    at(&ov, event, 5000000000u);
    CHECK_EQ(transfer(file, FALSE, data, sizeof data, &ov, &got), ERROR_HANDLE_EOF);
    CloseHandle(file);
    CloseHandle(event);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-6", "an offset of all ones appends") {
    const char* name = temp_name();
    BYTE data[32];
    DWORD moved = 0;
    OVERLAPPED ov;
    HANDLE event = manual_event();
    REQUIRE(make_file(name, 100));
    HANDLE file = open_file(name, RW, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    for (int i = 0; i < 3; i++) {
        at(&ov, event, ~(ULONGLONG)0);
        CHECK_EQ(transfer(file, TRUE, (void*)"tail", 4, &ov, &moved), NO_ERROR);
        CHECK_EQ(moved, 4);
    }
    at(&ov, event, 100);
    CHECK_EQ(transfer(file, FALSE, data, sizeof data, &ov, &moved), NO_ERROR);
    CHECK_EQ(moved, 12);
    CHECK(!memcmp(data, "tailtailtail", 12));
    CloseHandle(file);
    CloseHandle(event);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-10", "a transfer of eight megabytes arrives whole") {
    enum { SIZE = 8 << 20 };

    const char* name = temp_name();
    BYTE* data = fresh(SIZE);
    DWORD moved = 0;
    OVERLAPPED ov;
    HANDLE event = manual_event();
    HANDLE file = open_file(name, RW, CREATE_NEW, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = pattern_byte(i);
    at(&ov, event, 0);
    CHECK_EQ(transfer(file, TRUE, data, SIZE, &ov, &moved), NO_ERROR);
    CHECK_EQ(moved, SIZE);
    memset(data, 0, SIZE);
    at(&ov, event, 0);
    CHECK_EQ(transfer(file, FALSE, data, SIZE, &ov, &moved), NO_ERROR);
    CHECK_EQ(moved, SIZE);
    CHECK(pattern_matches(data, SIZE, 0));
    CloseHandle(file);
    CloseHandle(event);
    CHECK(DeleteFileA(name));
}

TEST("R-OVL-2", "the event is reset when an operation starts and set when it ends") {
    const char* name = temp_name();
    BYTE data[64];
    DWORD moved = 0;
    OVERLAPPED ov;
    HANDLE event = CreateEventA(NULL, TRUE, TRUE, NULL);
    REQUIRE(make_file(name, 1000));
    HANDLE file = open_file(name, RW, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    for (ULONGLONG i = 0; i < 50; i++) {
        at(&ov, event, i * 10);
        ov.Internal = 0x1234;
        ov.InternalHigh = 0x5678;
        CHECK_EQ(transfer(file, FALSE, data, sizeof data, &ov, &moved), NO_ERROR);
        CHECK_EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
        CHECK_EQ(ov.Internal, 0);
        CHECK_EQ(ov.InternalHigh, 64);
        CHECK(HasOverlappedIoCompleted(&ov));
        CHECK(pattern_matches(data, 64, (size_t)i * 10));
    }
    CloseHandle(file);
    CloseHandle(event);
    CHECK(DeleteFileA(name));
}

TEST("R-OVL-3", "an overlapped operation does not advance the offset in its OVERLAPPED") {
    const char* name = temp_name();
    BYTE data[64];
    DWORD moved = 0;
    OVERLAPPED ov;
    HANDLE event = manual_event();
    REQUIRE(make_file(name, 1000));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    at(&ov, event, 200);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(transfer(file, FALSE, data, sizeof data, &ov, &moved), NO_ERROR);
        CHECK(pattern_matches(data, moved, 200));
        CHECK_EQ(ov.Offset, 200);
        CHECK_EQ(ov.OffsetHigh, 0);
    }
    CloseHandle(file);
    CloseHandle(event);
    CHECK(DeleteFileA(name));
}

TEST("R-OVL-4", "many operations on one handle") {
    enum { OPERATIONS = 64, SIZE = 512 };

    const char* name = temp_name();
    BYTE* data = fresh(OPERATIONS * SIZE);
    OVERLAPPED* ov = fresh(OPERATIONS * sizeof *ov);
    DWORD moved = 0;
    REQUIRE(make_file(name, OPERATIONS * SIZE));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    for (int i = 0; i < OPERATIONS; i++) {
        at(&ov[i], manual_event(), (ULONGLONG)(OPERATIONS - 1 - i) * SIZE);
        CHECK(ReadFile(file, data + i * SIZE, SIZE, NULL, &ov[i]) ||
              GetLastError() == ERROR_IO_PENDING);
    }
    for (int i = 0; i < OPERATIONS; i++) {
        CHECK(GetOverlappedResult(file, &ov[i], &moved, TRUE));
        CHECK_EQ(moved, SIZE);
        CHECK(pattern_matches(data + i * SIZE, SIZE, (size_t)(OPERATIONS - 1 - i) * SIZE));
        CloseHandle(ov[i].hEvent);
    }
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-OVL-6", "without an event GetOverlappedResult waits on the file") {
    const char* name = temp_name();
    BYTE data[64];
    DWORD moved = 0;
    OVERLAPPED ov;
    REQUIRE(make_file(name, 1000));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    for (ULONGLONG i = 0; i < 30; i++) {
        at(&ov, NULL, i);
        CHECK_EQ(transfer(file, FALSE, data, sizeof data, &ov, &moved), NO_ERROR);
        CHECK_EQ(moved, 64);
        CHECK(pattern_matches(data, 64, (size_t)i));
    }
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-IO-26", "without an event the file handle itself becomes signaled") {
    const char* name = temp_name();
    BYTE data[64];
    DWORD moved = 0;
    OVERLAPPED ov;
    REQUIRE(make_file(name, 1000));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    at(&ov, NULL, 0);
    CHECK(ReadFile(file, data, sizeof data, NULL, &ov) || GetLastError() == ERROR_IO_PENDING);
    CHECK(signaled(file));
    CHECK(GetOverlappedResult(file, &ov, &moved, FALSE));
    CHECK_EQ(moved, 64);
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-OVL-6", "GetOverlappedResult on a pending OVERLAPPED says ERROR_IO_INCOMPLETE") {
    const char* name = temp_name();
    DWORD moved = 0;
    OVERLAPPED ov;
    REQUIRE(make_file(name, 10));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    at(&ov, NULL, 0);
    ov.Internal = 0x103;
    CHECK_FAILS(GetOverlappedResult(file, &ov, &moved, FALSE), ERROR_IO_INCOMPLETE);
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-ERR-2", "GetOverlappedResult converts the status in Internal") {
    static const struct {
        DWORD status, code;
    } table[] = {{0xC0000011, ERROR_HANDLE_EOF},
                 {0xC0000120, ERROR_OPERATION_ABORTED},
                 {0xC000014B, ERROR_BROKEN_PIPE},
                 {0xC0000022, ERROR_ACCESS_DENIED},
                 {0xC000007F, ERROR_DISK_FULL},
                 {0xC000020D, ERROR_NETNAME_DELETED},
                 {0xC0000236, ERROR_CONNECTION_REFUSED},
                 {0xC0000005, ERROR_NOACCESS},
                 {0xC00000B5, ERROR_SEM_TIMEOUT},
                 {0xC0000241, ERROR_CONNECTION_ABORTED},
                 {0xC0000008, ERROR_INVALID_HANDLE},
                 {0xC000000D, ERROR_INVALID_PARAMETER},
                 {0xC0000185, ERROR_IO_DEVICE},
                 {0x80000005, ERROR_MORE_DATA}};

    const char* name = temp_name();
    DWORD moved = 0;
    OVERLAPPED ov;
    REQUIRE(make_file(name, 10));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        at(&ov, NULL, 0);
        ov.Internal = table[i].status;
        CHECK_FAILS(GetOverlappedResult(file, &ov, &moved, FALSE), table[i].code);
    }
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-CANCEL-1", "CancelIoEx with nothing to cancel says ERROR_NOT_FOUND") {
    const char* name = temp_name();
    BYTE data[16];
    DWORD moved = 0;
    OVERLAPPED ov;
    HANDLE event = manual_event();
    REQUIRE(make_file(name, 100));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK_FAILS(CancelIoEx(file, NULL), ERROR_NOT_FOUND);
    at(&ov, event, 0);
    CHECK_EQ(transfer(file, FALSE, data, sizeof data, &ov, &moved), NO_ERROR);
    CHECK_FAILS(CancelIoEx(file, &ov), ERROR_NOT_FOUND);
    CHECK(CloseHandle(file));
    CHECK_FAILS(CancelIoEx(file, NULL), ERROR_INVALID_HANDLE);
    CloseHandle(event);
    CHECK(DeleteFileA(name));
}

TEST("R-CANCEL-2", "CancelIo without operations succeeds") {
    const char* name = temp_name();
    REQUIRE(make_file(name, 100));
    HANDLE file = open_file(name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK(CancelIo(file));
    CHECK(CloseHandle(file));
    CHECK_FAILS(CancelIo(file), ERROR_INVALID_HANDLE);
    CHECK(DeleteFileA(name));
}

TEST("R-FILE-1", "GetFileType tells a disk file") {
    const char* name = temp_name();
    HANDLE file = open_file(name, RW, CREATE_NEW, FILE_FLAG_DELETE_ON_CLOSE);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK_EQ(GetFileType(file), FILE_TYPE_DISK);
    CloseHandle(file);
}
