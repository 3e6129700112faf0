// SPDX-License-Identifier: Apache-2.0
/* Completion ports: R-IOCP-*. What Wine does differently (who is released, and how many) is in
 * rp_iocp.c. */
#include "tests/conformance/fixture.h"

#define FILE_BYTES 8192u

static HANDLE port_new(DWORD threads) {
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, threads);
    if (!port)
        abort();
    return port;
}

/* What one GetQueuedCompletionStatus said. */
struct answer {
    BOOL ok;
    DWORD error, bytes;
    ULONG_PTR key;
    OVERLAPPED* ov;
};

static struct answer next(HANDLE port, DWORD ms) {
    struct answer a = {FALSE, 0, 0xabcd, 0xabcd, (OVERLAPPED*)0x77};
    SetLastError(0xdeadbeef);
    a.ok = GetQueuedCompletionStatus(port, &a.bytes, &a.key, &a.ov, ms);
    a.error = GetLastError();
    return a;
}

#define CHECK_PACKET(got, want_key, want_bytes, want_ov)                                           \
    do {                                                                                           \
        struct answer packet_ = (got);                                                             \
        CHECK(packet_.ok);                                                                         \
        CHECK_EQ(packet_.key, want_key);                                                           \
        CHECK_EQ(packet_.bytes, want_bytes);                                                       \
        CHECK(packet_.ov == (OVERLAPPED*)(want_ov));                                               \
    } while (0)

static HANDLE file_new(const char** name, DWORD flags) {
    *name = temp_name();
    if (!make_file(*name, FILE_BYTES))
        abort();
    HANDLE file = open_file(*name, GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING, flags);
    if (file == INVALID_HANDLE_VALUE)
        abort();
    return file;
}

static void file_end(HANDLE file, const char* name) {
    CHECK(CloseHandle(file));
    CHECK(DeleteFileA(name));
}

static BOOL started(BOOL result) {
    return result || GetLastError() == ERROR_IO_PENDING;
}

TEST("R-IOCP-1", "a port without a file") {
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 5, 0);
    REQUIRE(port != NULL);
    CHECK(CloseHandle(port));
    CHECK_FAILS(CloseHandle(port), ERROR_INVALID_HANDLE);
}

TEST("R-IOCP-1", "binding returns the existing port") {
    const char* name;
    HANDLE file = file_new(&name, FILE_FLAG_OVERLAPPED);
    HANDLE port = port_new(1);
    CHECK(CreateIoCompletionPort(file, port, 1, 0) == port);
    CHECK(CloseHandle(port));
    file_end(file, name);
}

TEST("R-IOCP-1", "a new port with a file bound to it") {
    const char* name;
    HANDLE file = file_new(&name, FILE_FLAG_OVERLAPPED);
    OVERLAPPED* ov = fresh(sizeof *ov);
    BYTE* data = fresh(64);
    HANDLE port = CreateIoCompletionPort(file, NULL, 42, 0);
    REQUIRE(port != NULL);
    CHECK(started(ReadFile(file, data, 64, NULL, ov)));
    CHECK_PACKET(next(port, WAIT_LIMIT_MS), 42, 64, ov);
    CHECK(pattern_matches(data, 64, 0));
    CHECK(CloseHandle(port));
    file_end(file, name);
}

TEST("R-IOCP-1", "an existing port without a file is refused") {
    HANDLE port = port_new(1);
    CHECK_FAILS(CreateIoCompletionPort(INVALID_HANDLE_VALUE, port, 0, 0), ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(port));
}

TEST("R-IOCP-1", "a bad port and a bad file are refused") {
    const char* name;
    HANDLE file = file_new(&name, FILE_FLAG_OVERLAPPED);
    HANDLE port = port_new(1);
    HANDLE event = manual_event();
    CHECK_FAILS(CreateIoCompletionPort(file, event, 0, 0), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateIoCompletionPort(NULL, port, 0, 0), ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(event));
    CHECK_FAILS(CreateIoCompletionPort(file, event, 0, 0), ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(port));
    file_end(file, name);
}

TEST("R-IOCP-1", "a file opened without FILE_FLAG_OVERLAPPED cannot be bound") {
    const char* name;
    HANDLE file = file_new(&name, 0);
    HANDLE port = port_new(1);
    CHECK_FAILS(CreateIoCompletionPort(file, port, 0, 0), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateIoCompletionPort(file, NULL, 0, 0), ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(port));
    file_end(file, name);
}

TEST("R-IO-2", "a file is bound once, to a port or to a TP_IO") {
    const char* name;
    HANDLE file = file_new(&name, FILE_FLAG_OVERLAPPED);
    HANDLE port = port_new(1);
    REQUIRE(CreateIoCompletionPort(file, port, 7, 0) == port);
    CHECK_FAILS(CreateIoCompletionPort(file, port, 8, 0), ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(port));
    file_end(file, name);
}

TEST("R-IOCP-5", "a posted packet passes its three values through") {
    HANDLE port = port_new(1);
    CHECK(PostQueuedCompletionStatus(port, 0xfffffffe, (ULONG_PTR)-3, (OVERLAPPED*)0x12345));
    CHECK_PACKET(next(port, 0), (ULONG_PTR)-3, 0xfffffffe, 0x12345);
    CHECK(CloseHandle(port));
}

TEST("R-IOCP-5", "a posted packet without OVERLAPPED is a success") {
    HANDLE port = port_new(1);
    CHECK(PostQueuedCompletionStatus(port, 0, 0, NULL));
    CHECK_PACKET(next(port, 0), 0, 0, 0);
    CHECK(CloseHandle(port));
}

TEST("R-IOCP-5", "posting to what is no port fails") {
    HANDLE event = manual_event();
    CHECK_FAILS(PostQueuedCompletionStatus(event, 0, 0, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(PostQueuedCompletionStatus(NULL, 0, 0, NULL), ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(event));
}

TEST("R-IOCP-2", "packets come first in, first out") {
    HANDLE port = port_new(1);
    for (ULONG_PTR i = 0; i < 100; i++)
        CHECK(PostQueuedCompletionStatus(port, (DWORD)i, i, NULL));
    for (ULONG_PTR i = 0; i < 100; i++)
        CHECK_PACKET(next(port, 0), i, i, 0);
    CHECK_EQ(next(port, 0).error, WAIT_TIMEOUT);
    CHECK(CloseHandle(port));
}

TEST("R-IOCP-3", "an empty port: the time limit, and no OVERLAPPED") {
    HANDLE port = port_new(1);
    for (DWORD ms = 0; ms <= 20; ms += 20) {
        struct answer a = next(port, ms);
        CHECK(!a.ok);
        CHECK_EQ(a.error, WAIT_TIMEOUT);
        CHECK(a.ov == NULL);
    }
    CHECK(CloseHandle(port));
}

TEST("R-IOCP-3", "the time limit is not shortened") {
    HANDLE port = port_new(1);
    ULONGLONG begin = GetTickCount64();
    CHECK_EQ(next(port, 60).error, WAIT_TIMEOUT);
    CHECK_OP(GetTickCount64() - begin + 16, >=, 60); /* the tick of GetTickCount64 */
    CHECK(CloseHandle(port));
}

TEST("R-IOCP-3", "a bad handle") {
    HANDLE port = port_new(1);
    CHECK(CloseHandle(port));
    struct answer a = next(port, 0);
    CHECK(!a.ok);
    CHECK_EQ(a.error, ERROR_INVALID_HANDLE);
    CHECK(a.ov == NULL);
    HANDLE event = manual_event();
    CHECK_EQ(next(event, 0).error, ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(event));
}

TEST("R-IOCP-3", "a failed operation: FALSE, but with its OVERLAPPED, key and bytes") {
    const char* name;
    HANDLE file = file_new(&name, FILE_FLAG_OVERLAPPED);
    HANDLE port = port_new(1);
    OVERLAPPED* ov = fresh(sizeof *ov);
    BYTE data[16];
    REQUIRE(CreateIoCompletionPort(file, port, 9, 0) == port);
    ov->Offset = FILE_BYTES;
    BOOL ok = ReadFile(file, data, sizeof data, NULL, ov);
    CHECK(!ok);
    if (GetLastError() == ERROR_IO_PENDING) { /* else the end was known at once: no packet */
        struct answer a = next(port, WAIT_LIMIT_MS);
        CHECK(!a.ok);
        CHECK_EQ(a.error, ERROR_HANDLE_EOF);
        CHECK(a.ov == ov);
        CHECK_EQ(a.key, 9);
        CHECK_EQ(a.bytes, 0);
    }
    CHECK(CloseHandle(port));
    file_end(file, name);
}

TEST("R-IOCP-8", "every operation queues one packet, with the handle's key") {
    enum { FILES = 3, READS = 8 };

    const char* names[FILES];
    HANDLE files[FILES], port = port_new(1);
    OVERLAPPED* ovs = fresh(FILES * READS * sizeof *ovs);
    BYTE* data = fresh(FILES * READS * 32);
    int seen[FILES * READS] = {0};
    for (int f = 0; f < FILES; f++) {
        files[f] = file_new(&names[f], FILE_FLAG_OVERLAPPED);
        REQUIRE(CreateIoCompletionPort(files[f], port, (ULONG_PTR)f, 0) == port);
        for (int r = 0; r < READS; r++) {
            ovs[f * READS + r].Offset = (DWORD)r * 100;
            BYTE* to = data + (f * READS + r) * 32;
            CHECK(started(ReadFile(files[f], to, 32, NULL, &ovs[f * READS + r])));
        }
    }
    for (int i = 0; i < FILES * READS; i++) {
        struct answer a = next(port, WAIT_LIMIT_MS);
        REQUIRE(a.ok);
        int which = (int)(a.ov - ovs);
        REQUIRE(which >= 0 && which < FILES * READS);
        CHECK_EQ(a.key, which / READS);
        CHECK_EQ(a.bytes, 32);
        CHECK(pattern_matches(data + which * 32, 32, (size_t)(which % READS) * 100));
        seen[which]++;
    }
    for (int i = 0; i < FILES * READS; i++)
        CHECK_EQ(seen[i], 1);
    CHECK_EQ(next(port, 0).error, WAIT_TIMEOUT);
    for (int f = 0; f < FILES; f++)
        file_end(files[f], names[f]);
    CHECK(CloseHandle(port));
}

TEST("R-IOCP-8", "writes as well, and the OVERLAPPED is final before the packet is out") {
    const char* name;
    HANDLE file = file_new(&name, FILE_FLAG_OVERLAPPED);
    HANDLE port = port_new(1);
    OVERLAPPED* ov = fresh(sizeof *ov);
    DWORD moved = 0;
    REQUIRE(CreateIoCompletionPort(file, port, 1, 0) == port);
    CHECK(started(WriteFile(file, "hello", 5, NULL, ov)));
    CHECK_PACKET(next(port, WAIT_LIMIT_MS), 1, 5, ov);
    CHECK(HasOverlappedIoCompleted(ov));
    CHECK(GetOverlappedResult(file, ov, &moved, FALSE));
    CHECK_EQ(moved, 5);
    CHECK(CloseHandle(port));
    file_end(file, name);
}

TEST("R-IO-25", "an hEvent with its low bit set keeps the packet away") {
    const char* name;
    HANDLE file = file_new(&name, FILE_FLAG_OVERLAPPED);
    HANDLE port = port_new(1);
    HANDLE event = manual_event();
    OVERLAPPED* ov = fresh(sizeof *ov);
    BYTE* data = fresh(32);
    REQUIRE(CreateIoCompletionPort(file, port, 1, 0) == port);
    ov->hEvent = (HANDLE)((ULONG_PTR)event | 1);
    CHECK(started(ReadFile(file, data, 32, NULL, ov)));
    CHECK(signaled(event));
    CHECK_EQ(next(port, QUIET_MS).error, WAIT_TIMEOUT);
    CHECK(CloseHandle(event));
    CHECK(CloseHandle(port));
    file_end(file, name);
}

TEST("R-IOCP-6", "closing the port before the file: its operations still end") {
    const char* name;
    HANDLE file = file_new(&name, FILE_FLAG_OVERLAPPED);
    HANDLE port = port_new(1);
    HANDLE event = manual_event();
    OVERLAPPED* ov = fresh(sizeof *ov);
    BYTE* data = fresh(32);
    REQUIRE(CreateIoCompletionPort(file, port, 1, 0) == port);
    CHECK(CloseHandle(port));
    ov->hEvent = event;
    CHECK(started(ReadFile(file, data, 32, NULL, ov)));
    CHECK(signaled(event));
    CHECK(pattern_matches(data, 32, 0));
    CHECK(CloseHandle(event));
    file_end(file, name);
}

TEST("R-IOCP-6", "closing the file before the port: packets that were queued stay") {
    const char* name;
    HANDLE file = file_new(&name, FILE_FLAG_OVERLAPPED);
    HANDLE port = port_new(1);
    HANDLE event = manual_event();
    OVERLAPPED* ov = fresh(sizeof *ov);
    BYTE* data = fresh(32);
    REQUIRE(CreateIoCompletionPort(file, port, 3, 0) == port);
    ov->hEvent = event;
    CHECK(started(ReadFile(file, data, 32, NULL, ov)));
    CHECK(signaled(event));
    file_end(file, name);
    CHECK_PACKET(next(port, WAIT_LIMIT_MS), 3, 32, ov);
    CHECK(CloseHandle(event));
    CHECK(CloseHandle(port));
}

/* ---- the Ex form ----------------------------------------------------------------------------- */

TEST("R-IOCP-4", "the Ex form takes all that is there, up to its count") {
    HANDLE port = port_new(1);
    OVERLAPPED_ENTRY entries[4];
    ULONG removed = 77;
    for (ULONG_PTR i = 0; i < 6; i++)
        CHECK(PostQueuedCompletionStatus(port, (DWORD)i * 10, i, (OVERLAPPED*)(i + 1)));
    CHECK(GetQueuedCompletionStatusEx(port, entries, 4, &removed, 0, FALSE));
    REQUIRE_EQ(removed, 4);
    for (ULONG_PTR i = 0; i < 4; i++) {
        CHECK_EQ(entries[i].lpCompletionKey, i);
        CHECK_EQ(entries[i].dwNumberOfBytesTransferred, i * 10);
        CHECK(entries[i].lpOverlapped == (OVERLAPPED*)(i + 1));
        CHECK_EQ((DWORD)entries[i].Internal, 0);
    }
    CHECK(GetQueuedCompletionStatusEx(port, entries, 4, &removed, INFINITE, FALSE));
    CHECK_EQ(removed, 2);
    CHECK_EQ(entries[1].lpCompletionKey, 5);
    CHECK(CloseHandle(port));
}

TEST("R-IOCP-4", "the Ex form on an empty port") {
    HANDLE port = port_new(1);
    OVERLAPPED_ENTRY entries[4];
    ULONG removed = 77;
    CHECK_FAILS(GetQueuedCompletionStatusEx(port, entries, 4, &removed, 10, FALSE), WAIT_TIMEOUT);
    CHECK_FAILS(GetQueuedCompletionStatusEx(port, entries, 4, &removed, 10, TRUE), WAIT_TIMEOUT);
    CHECK(CloseHandle(port));
    CHECK_FAILS(GetQueuedCompletionStatusEx(port, entries, 4, &removed, 0, FALSE),
                ERROR_INVALID_HANDLE);
}

TEST("R-IOCP-4", "a failed operation is an entry with its NTSTATUS, and the call succeeds") {
    const char* name;
    HANDLE file = file_new(&name, FILE_FLAG_OVERLAPPED);
    HANDLE port = port_new(1);
    OVERLAPPED* ov = fresh(sizeof *ov);
    OVERLAPPED_ENTRY entry;
    ULONG removed = 0;
    BYTE data[16];
    REQUIRE(CreateIoCompletionPort(file, port, 9, 0) == port);
    ov->Offset = FILE_BYTES;
    CHECK(!ReadFile(file, data, sizeof data, NULL, ov));
    if (GetLastError() == ERROR_IO_PENDING) {
        CHECK(GetQueuedCompletionStatusEx(port, &entry, 1, &removed, WAIT_LIMIT_MS, FALSE));
        REQUIRE_EQ(removed, 1);
        CHECK(entry.lpOverlapped == ov);
        CHECK_EQ(entry.lpCompletionKey, 9);
        CHECK_EQ((DWORD)ov->Internal, 0xC0000011);
    }
    CHECK(CloseHandle(port));
    file_end(file, name);
}

/* ---- several threads ------------------------------------------------------------------------- */

struct taker {
    HANDLE port;
    struct answer answer;
};

static void take_one(void* argument) {
    struct taker* t = argument;
    t->answer = next(t->port, INFINITE);
}

TEST("R-IOCP-2", "a packet wakes a waiting thread") {
    struct taker* t = fresh(sizeof *t);
    t->port = port_new(1);
    struct helper* h = helper_start(take_one, t);
    CHECK(PostQueuedCompletionStatus(t->port, 5, 6, NULL));
    REQUIRE(helper_join(h));
    CHECK_PACKET(t->answer, 6, 5, 0);
    CHECK(CloseHandle(t->port));
}

struct crowd {
    HANDLE port;
    counter taken, sum;
};

static void take_until_zero(void* argument) {
    struct crowd* c = argument;
    for (;;) {
        struct answer a = next(c->port, INFINITE);
        if (!a.ok || a.key == 0)
            return;
        InterlockedIncrement(&c->taken);
        InterlockedExchangeAdd(&c->sum, (LONG)a.key);
    }
}

TEST("R-IOCP-2", "several threads take every packet exactly once") {
    enum { THREADS = 4, PACKETS = 5000 };

    struct crowd* c = fresh(sizeof *c);
    struct helper* h[THREADS];
    c->port = port_new(2);
    for (int i = 0; i < THREADS; i++)
        h[i] = helper_start(take_until_zero, c);
    for (int i = 1; i <= PACKETS; i++)
        REQUIRE(PostQueuedCompletionStatus(c->port, 0, (ULONG_PTR)i, NULL));
    for (int i = 0; i < THREADS; i++)
        REQUIRE(PostQueuedCompletionStatus(c->port, 0, 0, NULL));
    for (int i = 0; i < THREADS; i++)
        REQUIRE(helper_join(h[i]));
    CHECK_EQ(count(&c->taken), PACKETS);
    CHECK_EQ(count(&c->sum), PACKETS * (PACKETS + 1) / 2);
    CHECK(CloseHandle(c->port));
}

static VOID CALLBACK poster(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)work;
    CHECK(PostQueuedCompletionStatus(((struct crowd*)context)->port, 0, 1, NULL));
}

TEST("R-IOCP-5", "pool callbacks post, one thread takes") {
    enum { POSTS = 1000 };

    struct crowd* c = fresh(sizeof *c);
    c->port = port_new(1);
    PTP_WORK work = CreateThreadpoolWork(poster, c, NULL);
    REQUIRE(work != NULL);
    submit(work, POSTS);
    for (int i = 0; i < POSTS; i++)
        CHECK_PACKET(next(c->port, WAIT_LIMIT_MS), 1, 0, 0);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    CHECK_EQ(next(c->port, 0).error, WAIT_TIMEOUT);
    CHECK(CloseHandle(c->port));
}
