// SPDX-License-Identifier: Apache-2.0
#ifndef CONFORMANCE_DISK_H
#define CONFORMANCE_DISK_H
/* A file bound to a TP_IO, for the tests of io*.c. */
#include "tests/conformance/fixture.h"

#define FILE_BYTES 65536u

/* One operation; the OVERLAPPED comes first so that the callback finds the rest. */
struct op {
    OVERLAPPED ov;
    struct disk* disk;
    BYTE data[1024];
    counter calls;
    ULONG result;
    ULONG_PTR bytes;
    BOOL ready; /* GetOverlappedResult in the callback */
    DWORD ready_error;
    DWORD moved;
    ULONG_PTR internal, internal_high;
    BOOL event_set;
    PVOID context;
    PTP_IO io;
    DWORD thread;
};

struct disk {
    struct probe* p;
    const char* name;
    HANDLE file;
    PTP_IO io;
    BOOL skip;
    BOOL close_in_callback;
};

UNUSED static VOID CALLBACK on_io(PTP_CALLBACK_INSTANCE instance,
                                  PVOID context,
                                  PVOID overlapped,
                                  ULONG result,
                                  ULONG_PTR bytes,
                                  PTP_IO io) {
    struct disk* d = context;
    struct op* op = overlapped;
    (void)instance;
    probe_enter(d->p);
    op->result = result;
    op->bytes = bytes;
    op->internal = op->ov.Internal;
    op->internal_high = op->ov.InternalHigh;
    op->ready = GetOverlappedResult(d->file, &op->ov, &op->moved, FALSE);
    op->ready_error = op->ready ? 0 : GetLastError();
    if (op->ov.hEvent)
        op->event_set = WaitForSingleObject(op->ov.hEvent, 0) == WAIT_OBJECT_0;
    op->context = context;
    op->io = io;
    op->thread = GetCurrentThreadId();
    InterlockedIncrement(&op->calls);
    if (d->close_in_callback)
        CloseThreadpoolIo(io);
    probe_leave(d->p);
}

UNUSED static struct disk* disk_new(DWORD minimum, DWORD maximum) {
    struct disk* d = fresh(sizeof *d);
    d->p = probe_new(minimum, maximum);
    d->name = temp_name();
    if (!make_file(d->name, FILE_BYTES))
        abort();
    d->file = open_file(d->name, GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    if (d->file == INVALID_HANDLE_VALUE)
        abort();
    d->io = CreateThreadpoolIo(d->file, on_io, d, &d->p->env);
    return d;
}

UNUSED static void disk_end(struct disk* d) {
    if (d->io) {
        WaitForThreadpoolIoCallbacks(d->io, FALSE);
        CloseThreadpoolIo(d->io);
    }
    if (d->file)
        CHECK(CloseHandle(d->file));
    probe_end(d->p);
    CHECK(DeleteFileA(d->name));
}

UNUSED static struct op* op_new(struct disk* d, ULONGLONG offset) {
    struct op* op = fresh(sizeof *op);
    op->disk = d;
    op->ov.Offset = (DWORD)offset;
    op->ov.OffsetHigh = (DWORD)(offset >> 32);
    return op;
}

/* Follows the documented pattern. TRUE: a callback will come. */
UNUSED static BOOL start(struct op* op, BOOL write, DWORD size) {
    struct disk* d = op->disk;
    StartThreadpoolIo(d->io);
    SetLastError(0);
    BOOL ok = write ? WriteFile(d->file, op->data, size, NULL, &op->ov)
                    : ReadFile(d->file, op->data, size, NULL, &op->ov);
    DWORD error = GetLastError();
    if ((!ok && error != ERROR_IO_PENDING) || (ok && d->skip)) {
        CancelThreadpoolIo(d->io);
        op->result = ok ? 0 : error;
        return FALSE;
    }
    return TRUE;
}
#endif
