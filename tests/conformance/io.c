// SPDX-License-Identifier: Apache-2.0
/* TP_IO over files: R-IO-*. Pipes and sockets are in rp_io.c. */
#include "tests/conformance/disk.h"

TEST("R-IO-1", "an overlapped file can be bound") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    disk_end(d);
}

TEST("R-IO-3", "a synchronous file cannot be bound") {
    const char* name = temp_name();
    HANDLE file = open_file(name, GENERIC_READ | GENERIC_WRITE, CREATE_NEW, 0);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK_FAILS(CreateThreadpoolIo(file, on_io, NULL, NULL), ERROR_INVALID_PARAMETER);
    CloseHandle(file);
    CHECK(DeleteFileA(name));
}

TEST("R-IO-3", "a bad handle or a bad environment is refused") {
    const char* name = temp_name();
    TP_CALLBACK_ENVIRON env;
    HANDLE file = open_file(name, GENERIC_READ | GENERIC_WRITE, CREATE_NEW, FILE_FLAG_OVERLAPPED);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    InitializeThreadpoolEnvironment(&env);
    env.CallbackPriority = (TP_CALLBACK_PRIORITY)10;
    CHECK_FAILS(CreateThreadpoolIo(file, on_io, NULL, &env), ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(file));
    CHECK_FAILS(CreateThreadpoolIo(file, on_io, NULL, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateThreadpoolIo(NULL, on_io, NULL, NULL), ERROR_INVALID_HANDLE);
    CHECK(DeleteFileA(name));
}

TEST("R-IO-2", "a handle is bound once, for all its life") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    CHECK_FAILS(CreateThreadpoolIo(d->file, on_io, d, &d->p->env), ERROR_INVALID_PARAMETER);
    CloseThreadpoolIo(d->io);
    d->io = NULL;
    CHECK_FAILS(CreateThreadpoolIo(d->file, on_io, d, &d->p->env), ERROR_INVALID_PARAMETER);
    disk_end(d);
}

TEST("R-IO-4", "one Start and one read are one callback") {
    struct disk* d = disk_new(0, 2);
    REQUIRE(d->io != NULL);
    struct op* op = op_new(d, 100);
    REQUIRE(start(op, FALSE, 512));
    CHECK(take(d->p->done, 1));
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK_EQ(count(&op->calls), 1);
    CHECK(pattern_matches(op->data, 512, 100));
    disk_end(d);
}

TEST("R-IO-12", "the arguments of the callback") {
    struct disk* d = disk_new(0, 2);
    REQUIRE(d->io != NULL);
    struct op* op = op_new(d, 1000);
    REQUIRE(start(op, FALSE, 300));
    CHECK(take(d->p->done, 1));
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK_EQ(op->result, NO_ERROR);
    CHECK_EQ(op->bytes, 300);
    CHECK(op->context == d);
    CHECK(op->io == d->io);
    CHECK(op->thread != GetCurrentThreadId());
    disk_end(d);
}

TEST("R-IO-13", "the OVERLAPPED is complete and its event set when the callback starts") {
    struct disk* d = disk_new(0, 2);
    REQUIRE(d->io != NULL);
    HANDLE event = manual_event();
    for (int i = 0; i < 50; i++) {
        struct op* op = op_new(d, 0);
        op->ov.hEvent = event;
        REQUIRE(start(op, FALSE, 128));
        CHECK(take(d->p->done, 1));
        WaitForThreadpoolIoCallbacks(d->io, FALSE);
        CHECK_EQ(op->internal, 0);
        CHECK_EQ(op->internal_high, 128);
        CHECK(op->ready);
        CHECK_EQ(op->moved, 128);
        CHECK(op->event_set);
    }
    disk_end(d);
    CloseHandle(event);
}

TEST("R-IO-7", "an operation that succeeds at once calls back once all the same") {
    struct disk* d = disk_new(0, 2);
    REQUIRE(d->io != NULL);
    for (int i = 0; i < 200; i++)
        REQUIRE(start(op_new(d, (ULONGLONG)i), FALSE, 64));
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK(take(d->p->done, 200));
    CHECK_EQ(count(&d->p->calls), 200);
    disk_end(d);
}

TEST("R-IO-11", "with the skip mode an immediate success brings no callback") {
    struct disk* d = disk_new(0, 2);
    REQUIRE(d->io != NULL);
    REQUIRE(SetFileCompletionNotificationModes(d->file, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
    d->skip = TRUE;
    struct op* ops[100];
    LONG expected = 0;
    for (int i = 0; i < 100; i++) {
        ops[i] = op_new(d, (ULONGLONG)i * 7);
        BOOL called_back = start(ops[i], FALSE, 256);
        CHECK(called_back || ops[i]->result == 0);
        expected += called_back;
    }
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK(pass_sentinel(d->p));
    CHECK_EQ(count(&d->p->calls), expected);
    for (int i = 0; i < 100; i++)
        CHECK(pattern_matches(ops[i]->data, 256, (size_t)i * 7));
    disk_end(d);
}

TEST("R-IO-6", "after a failure CancelThreadpoolIo settles the account") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    CloseThreadpoolIo(d->io);
    CloseHandle(d->file);
    d->file = open_file(d->name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    REQUIRE(d->file != INVALID_HANDLE_VALUE);
    d->io = CreateThreadpoolIo(d->file, on_io, d, &d->p->env);
    REQUIRE(d->io != NULL);
    for (int i = 0; i < 10; i++) {
        struct op* op = op_new(d, 0);
        CHECK(!start(op, TRUE, 16));
        CHECK_EQ(op->result, ERROR_ACCESS_DENIED);
    }
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK(pass_sentinel(d->p));
    CHECK_EQ(count(&d->p->calls), 0);
    struct op* good = op_new(d, 0);
    REQUIRE(start(good, FALSE, 16));
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK_EQ(count(&d->p->calls), 1);
    disk_end(d);
}

TEST("R-IO-6", "Start and Cancel without an operation leave nothing outstanding") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    for (int i = 0; i < 1000; i++) {
        StartThreadpoolIo(d->io);
        CancelThreadpoolIo(d->io);
    }
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK_EQ(count(&d->p->calls), 0);
    disk_end(d);
}

static VOID CALLBACK free_op(PTP_CALLBACK_INSTANCE instance,
                             PVOID context,
                             PVOID overlapped,
                             ULONG result,
                             ULONG_PTR bytes,
                             PTP_IO io) {
    struct disk* d = context;
    (void)instance;
    (void)io;
    CHECK_EQ(result, NO_ERROR);
    CHECK_EQ(bytes, 1024);
    memset(overlapped, 0xCC, sizeof(struct op));
    free(overlapped);
    InterlockedIncrement(&d->p->calls);
}

TEST("R-IO-14", "the callback may free the OVERLAPPED and the buffer") {
    struct disk* d = disk_new(0, 2);
    REQUIRE(d->io != NULL);
    CloseThreadpoolIo(d->io);
    CloseHandle(d->file);
    d->file = open_file(d->name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    d->io = CreateThreadpoolIo(d->file, free_op, d, &d->p->env);
    REQUIRE(d->io != NULL);
    for (int i = 0; i < 200; i++) {
        struct op* op = calloc(1, sizeof *op);
        op->disk = d;
        op->ov.Offset = (DWORD)i * 32;
        REQUIRE(start(op, FALSE, 1024));
    }
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK_EQ(count(&d->p->calls), 200);
    disk_end(d);
}

TEST("R-IO-15", "two Starts and two reads are two callbacks") {
    struct disk* d = disk_new(0, 2);
    REQUIRE(d->io != NULL);
    struct op *a = op_new(d, 0), *b = op_new(d, 2000);
    REQUIRE(start(a, FALSE, 100));
    REQUIRE(start(b, FALSE, 200));
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK_EQ(count(&a->calls), 1);
    CHECK_EQ(count(&b->calls), 1);
    CHECK_EQ(a->bytes, 100);
    CHECK_EQ(b->bytes, 200);
    CHECK(pattern_matches(a->data, 100, 0));
    CHECK(pattern_matches(b->data, 200, 2000));
    disk_end(d);
}

TEST("R-IO-15", "a thousand reads, sixty-four at a time") {
    struct disk* d = disk_new(0, 4);
    REQUIRE(d->io != NULL);
    for (int round = 0; round < 16; round++) {
        struct op* ops[64];
        for (int i = 0; i < 64; i++) {
            ops[i] = op_new(d, (ULONGLONG)(i * 1000));
            REQUIRE(start(ops[i], FALSE, 1024));
        }
        WaitForThreadpoolIoCallbacks(d->io, FALSE);
        for (int i = 0; i < 64; i++) {
            CHECK_EQ(count(&ops[i]->calls), 1);
            CHECK_EQ(ops[i]->result, NO_ERROR);
            CHECK(pattern_matches(ops[i]->data, ops[i]->bytes, (size_t)i * 1000));
        }
    }
    CHECK_EQ(count(&d->p->calls), 1024);
    disk_end(d);
}

TEST("R-IO-15", "writes and reads through one object") {
    struct disk* d = disk_new(0, 2);
    REQUIRE(d->io != NULL);
    for (int i = 0; i < 40; i++) {
        struct op* op = op_new(d, FILE_BYTES + (ULONGLONG)i * 1024);
        for (size_t b = 0; b < sizeof op->data; b++)
            op->data[b] = pattern_byte(FILE_BYTES + (size_t)i * 1024 + b);
        REQUIRE(start(op, TRUE, 1024));
    }
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    for (int i = 0; i < 40; i++) {
        struct op* op = op_new(d, FILE_BYTES + (ULONGLONG)i * 1024);
        REQUIRE(start(op, FALSE, 1024));
        WaitForThreadpoolIoCallbacks(d->io, FALSE);
        CHECK_EQ(op->bytes, 1024);
        CHECK(pattern_matches(op->data, 1024, FILE_BYTES + (size_t)i * 1024));
    }
    CHECK_EQ(count(&d->p->calls), 80);
    disk_end(d);
}

TEST("R-IO-25", "an event with its low bit set suppresses the callback") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    HANDLE event = manual_event();
    struct op* op = op_new(d, 10);
    DWORD moved = 0;
    op->ov.hEvent = (HANDLE)((ULONG_PTR)event | 1);
    BOOL ok = ReadFile(d->file, op->data, 50, NULL, &op->ov);
    CHECK(ok || GetLastError() == ERROR_IO_PENDING);
    CHECK(signaled(event));
    CHECK(GetOverlappedResult(d->file, &op->ov, &moved, FALSE));
    CHECK_EQ(moved, 50);
    CHECK(pattern_matches(op->data, 50, 10));
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK(pass_sentinel(d->p));
    CHECK_EQ(count(&d->p->calls), 0);
    disk_end(d);
    CloseHandle(event);
}

TEST("R-IO-26", "the event of the OVERLAPPED is set in the skip mode too") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    HANDLE event = CreateEventA(NULL, TRUE, TRUE, NULL);
    REQUIRE(SetFileCompletionNotificationModes(
        d->file, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE));
    d->skip = TRUE;
    for (int i = 0; i < 20; i++) {
        struct op* op = op_new(d, 0);
        op->ov.hEvent = event;
        start(op, FALSE, 32);
        CHECK(signaled(event));
        WaitForThreadpoolIoCallbacks(d->io, FALSE);
        CHECK_EQ(op->result, 0);
    }
    disk_end(d);
    CloseHandle(event);
}

TEST("R-IO-28", "I/O callbacks obey the maximum of the pool, and are not lost") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, d->p, &d->p->env));
    REQUIRE(take(d->p->entered, 1));
    for (int i = 0; i < 20; i++)
        REQUIRE(start(op_new(d, 0), FALSE, 64));
    CHECK(quiet(d->p->entered));
    SetEvent(d->p->gate);
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK(take(d->p->done, 21));
    CHECK_EQ(count(&d->p->peak), 1);
    disk_end(d);
}

TEST("R-IO-30", "zero-byte operations call back with 0 bytes") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    struct op *r = op_new(d, 0), *w = op_new(d, 0);
    REQUIRE(start(r, FALSE, 0));
    REQUIRE(start(w, TRUE, 0));
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK_EQ(count(&r->calls), 1);
    CHECK_EQ(count(&w->calls), 1);
    CHECK_EQ(r->result, NO_ERROR);
    CHECK_EQ(w->result, NO_ERROR);
    CHECK_EQ(r->bytes, 0);
    CHECK_EQ(w->bytes, 0);
    disk_end(d);
}

TEST("R-IO-31", "a read beyond the end gives 38, at once or in the callback") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    struct op* op = op_new(d, FILE_BYTES + 10);
    BOOL called_back = start(op, FALSE, 64);
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK_EQ(count(&op->calls), called_back);
    CHECK_EQ(op->result, ERROR_HANDLE_EOF);
    CHECK_EQ(op->bytes, 0);
    if (called_back) {
        CHECK_EQ(op->internal, 0xC0000011);
        CHECK(!op->ready);
        CHECK_EQ(op->ready_error, ERROR_HANDLE_EOF);
    }
    disk_end(d);
}

TEST("R-FILE-4", "a read that reaches the end calls back with fewer bytes") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    struct op* op = op_new(d, FILE_BYTES - 100);
    REQUIRE(start(op, FALSE, 1024));
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK_EQ(op->result, NO_ERROR);
    CHECK_EQ(op->bytes, 100);
    CHECK(pattern_matches(op->data, 100, FILE_BYTES - 100));
    disk_end(d);
}

TEST("R-IO-32", "an inaccessible buffer gives 998, at once or in the callback") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    struct op* op = op_new(d, 0);
    StartThreadpoolIo(d->io);
    BOOL ok = ReadFile(d->file, (LPVOID)(ULONG_PTR)16, 64, NULL, &op->ov);
    DWORD error = GetLastError();
    CHECK(!ok);
    if (!ok && error != ERROR_IO_PENDING) {
        CancelThreadpoolIo(d->io);
        CHECK_EQ(error, ERROR_NOACCESS);
    }
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK_EQ(count(&op->calls), error == ERROR_IO_PENDING);
    if (count(&op->calls))
        CHECK_EQ(op->result, ERROR_NOACCESS);
    disk_end(d);
}

static VOID CALLBACK io_epilogue(PTP_CALLBACK_INSTANCE instance,
                                 PVOID context,
                                 PVOID overlapped,
                                 ULONG result,
                                 ULONG_PTR bytes,
                                 PTP_IO io) {
    (void)overlapped;
    (void)result;
    (void)bytes;
    (void)io;
    SetEventWhenCallbackReturns(instance, ((struct disk*)context)->p->gate);
}

TEST("R-CB-7", "epilogue actions run for I/O callbacks") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    CloseThreadpoolIo(d->io);
    CloseHandle(d->file);
    d->file = open_file(d->name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    d->io = CreateThreadpoolIo(d->file, io_epilogue, d, &d->p->env);
    REQUIRE(d->io != NULL);
    REQUIRE(start(op_new(d, 0), FALSE, 64));
    CHECK(signaled(d->p->gate));
    disk_end(d);
}

static VOID CALLBACK io_again(PTP_CALLBACK_INSTANCE instance,
                              PVOID context,
                              PVOID overlapped,
                              ULONG result,
                              ULONG_PTR bytes,
                              PTP_IO io) {
    struct disk* d = context;
    struct op* op = overlapped;
    (void)instance;
    (void)io;
    CHECK_EQ(result, NO_ERROR);
    CHECK(pattern_matches(op->data, bytes, op->ov.Offset));
    if (InterlockedIncrement(&d->p->calls) == 300) {
        SetEvent(d->p->gate);
        return;
    }
    op->ov.Offset += 64;
    CHECK(start(op, FALSE, 64));
}

TEST("R-IO-14", "the callback may start the next operation on the same OVERLAPPED") {
    struct disk* d = disk_new(0, 2);
    REQUIRE(d->io != NULL);
    CloseThreadpoolIo(d->io);
    CloseHandle(d->file);
    d->file = open_file(d->name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    d->io = CreateThreadpoolIo(d->file, io_again, d, &d->p->env);
    REQUIRE(d->io != NULL);
    REQUIRE(start(op_new(d, 0), FALSE, 64));
    CHECK(signaled(d->p->gate));
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK_EQ(count(&d->p->calls), 300);
    disk_end(d);
}
