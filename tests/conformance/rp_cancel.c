// SPDX-License-Identifier: Apache-2.0
/* Cancelled, abandoned and closed operations on pipes and sockets: R-CANCEL-*, R-IO-17 to -22. */
#include "tests/conformance/stream.h"

#include <sys/ioctl.h>

TEST("R-IO-17", "a cancelled read calls back with ERROR_OPERATION_ABORTED") {
    struct probe* p = probe_new(0, 2);
    for (int kind = 0; kind < 2; kind++) {
        struct stream* s = kind ? socket_pair(p) : pipe_reader(p);
        for (int round = 0; round < 20; round++) {
            struct op* op = op_new(s);
            REQUIRE(op_read(op, 64));
            CHECK(CancelIoEx(s->handle, &op->ov));
            op_check(op, ERROR_OPERATION_ABORTED, "");
            CHECK_EQ(op->ov.Internal, 0xC0000120);
            CloseHandle(op->came);
        }
        struct op* op = op_new(s);
        REQUIRE(op_read(op, 64));
        REQUIRE(send_text(s->peer, "still works"));
        op_check(op, NO_ERROR, "still works");
        stream_end(s);
    }
    probe_end(p);
}

TEST("R-CANCEL-1", "CancelIoEx cancels the named operation only") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = socket_pair(p);
    struct op *first = op_new(s), *second = op_new(s);
    REQUIRE(op_read(first, 64));
    REQUIRE(op_read(second, 64));
    CHECK(CancelIoEx(s->handle, &first->ov));
    op_check(first, ERROR_OPERATION_ABORTED, "");
    CHECK_EQ(count(&second->calls), 0);
    REQUIRE(send_text(s->peer, "second"));
    op_check(second, NO_ERROR, "second");
    CHECK_FAILS(CancelIoEx(s->handle, &second->ov), ERROR_NOT_FOUND);
    stream_end(s);
    probe_end(p);
}

TEST("R-CANCEL-1", "CancelIoEx without an OVERLAPPED cancels all of the handle") {
    struct probe* p = probe_new(0, 2);
    struct stream *s = socket_pair(p), *other = socket_pair(p);
    struct op* ops[8];
    struct op* kept = op_new(other);
    REQUIRE(op_read(kept, 64));
    for (int i = 0; i < 8; i++) {
        ops[i] = op_new(s);
        REQUIRE(op_read(ops[i], 64));
    }
    CHECK(CancelIoEx(s->handle, NULL));
    for (int i = 0; i < 8; i++)
        op_check(ops[i], ERROR_OPERATION_ABORTED, "");
    WaitForThreadpoolIoCallbacks(s->io, FALSE);
    CHECK_FAILS(CancelIoEx(s->handle, NULL), ERROR_NOT_FOUND);
    CHECK_EQ(count(&kept->calls), 0);
    REQUIRE(send_text(other->peer, "kept"));
    op_check(kept, NO_ERROR, "kept");
    stream_end(s);
    stream_end(other);
    probe_end(p);
}

TEST("R-CANCEL-1", "cancel against data: one callback, with either the data or 995") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = socket_pair(p);
    for (int round = 0; round < 300; round++) {
        struct op* op = op_new(s);
        int unread = 0;
        REQUIRE(op_read(op, 1));
        REQUIRE(send_text(s->peer, "x"));
        BOOL cancelled = CancelIoEx(s->handle, &op->ov);
        CHECK(cancelled || GetLastError() == ERROR_NOT_FOUND);
        CHECK(signaled(op->came));
        CHECK_EQ(count(&op->calls), 1);
        CHECK(op->result == NO_ERROR || op->result == ERROR_OPERATION_ABORTED);
        /* The byte was delivered or it is still in the socket, never both and never neither. */
        REQUIRE(ioctl(s->fd, FIONREAD, &unread) == 0);
        CHECK_EQ(unread, op->result == NO_ERROR ? 0 : 1);
        if (unread) {
            char byte;
            CHECK_EQ(recv(s->fd, &byte, 1, MSG_DONTWAIT), 1);
        }
        CloseHandle(op->came);
    }
    stream_end(s);
    probe_end(p);
}

static void* foreign_cancel(void* argument) {
    struct foreign* f = argument;
    f->cancelled = CancelIo(f->op->stream->handle);
    return NULL;
}

TEST("R-CANCEL-2", "CancelIo cancels the operations of the calling thread only") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = socket_pair(p);
    struct foreign* f = fresh(sizeof *f);
    struct op* own = op_new(s);
    f->op = op_new(s);
    on_thread(foreign_read, f);
    REQUIRE(f->started);
    REQUIRE(op_read(own, 64));
    on_thread(foreign_cancel, f);
    CHECK(f->cancelled);
    CHECK(CancelIo(s->handle));
    op_check(own, ERROR_OPERATION_ABORTED, "");
    CHECK_EQ(count(&f->op->calls), 0);
    REQUIRE(send_text(s->peer, "theirs"));
    op_check(f->op, NO_ERROR, "theirs");
    stream_end(s);
    probe_end(p);
}

TEST("R-IO-19", "Wait(TRUE) returns with an operation in flight, which ends without a callback") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = pipe_reader(p);
    struct op* op = op_new(s);
    DWORD moved = 0;
    op->ov.hEvent = manual_event();
    REQUIRE(op_read(op, 64));
    WaitForThreadpoolIoCallbacks(s->io, TRUE);
    CHECK(!HasOverlappedIoCompleted(&op->ov));
    CHECK(CancelIoEx(s->handle, &op->ov));
    CHECK_FAILS(GetOverlappedResult(s->handle, &op->ov, &moved, TRUE), ERROR_OPERATION_ABORTED);
    CHECK(pass_sentinel(p));
    CHECK_EQ(count(&op->calls), 0);
    CloseHandle(op->ov.hEvent);
    stream_end(s);
    probe_end(p);
}

TEST("R-IO-20", "a late completion after Wait(TRUE) is absorbed, and a new operation counts") {
    struct probe* p = probe_new(0, 1);
    struct stream* s = socket_pair(p);
    struct op *old = op_new(s), *fresh_op = op_new(s);
    DWORD moved = 0;
    old->ov.hEvent = manual_event();
    REQUIRE(op_read(old, 3));
    WaitForThreadpoolIoCallbacks(s->io, TRUE);
    REQUIRE(send_text(s->peer, "old"));
    CHECK(GetOverlappedResult(s->handle, &old->ov, &moved, TRUE));
    CHECK_EQ(moved, 3);
    CHECK(!memcmp(old->data, "old", 3));
    REQUIRE(op_read(fresh_op, 64));
    REQUIRE(send_text(s->peer, "new"));
    op_check(fresh_op, NO_ERROR, "new");
    CHECK(pass_sentinel(p));
    CHECK_EQ(count(&old->calls), 0);
    CloseHandle(old->ov.hEvent);
    stream_end(s);
    probe_end(p);
}

static counter misuses;

static void
count_misuse(unsigned status, const char* function, const void* object, ULONG_PTR detail) {
    (void)status;
    (void)function;
    (void)object;
    (void)detail;
    InterlockedIncrement(&misuses);
}

TEST("R-IO-20", "after Wait(TRUE) and Close a late completion is neither a callback nor a misuse") {
    struct probe* p = probe_new(0, 1);
    struct stream* s = pipe_reader(p);
    struct op* op = op_new(s);
    DWORD moved = 0;
    rp_misuse_handler before = rp_set_misuse_handler(count_misuse);
    op->ov.hEvent = manual_event();
    REQUIRE(op_read(op, 64));
    WaitForThreadpoolIoCallbacks(s->io, TRUE);
    CloseThreadpoolIo(s->io);
    s->io = NULL;
    REQUIRE(send_text(s->peer, "late"));
    CHECK(GetOverlappedResult(s->handle, &op->ov, &moved, TRUE));
    CHECK_EQ(moved, 4);
    CHECK(pass_sentinel(p));
    CHECK_EQ(count(&op->calls), 0);
    CHECK_EQ(count(&misuses), 0);
    rp_set_misuse_handler(before);
    CloseHandle(op->ov.hEvent);
    stream_end(s);
    probe_end(p);
}

TEST("R-IO-21", "CloseThreadpoolIo with an operation in flight: its callback comes") {
    struct probe* p = probe_new(0, 1);
    struct stream* s = pipe_reader(p);
    struct op* op = op_new(s);
    REQUIRE(op_read(op, 64));
    CloseThreadpoolIo(s->io);
    s->io = NULL;
    REQUIRE(send_text(s->peer, "after close"));
    op_check(op, NO_ERROR, "after close");
    CHECK(pass_sentinel(p));
    stream_end(s);
    probe_end(p);
}

TEST("R-IO-22", "closing the handle cancels what is in flight") {
    struct probe* p = probe_new(0, 2);
    for (int kind = 0; kind < 2; kind++) {
        struct stream* s = kind ? socket_pair(p) : pipe_reader(p);
        struct op* ops[4];
        for (int i = 0; i < 4; i++) {
            ops[i] = op_new(s);
            REQUIRE(op_read(ops[i], 64));
        }
        CHECK(CloseHandle(s->handle));
        s->handle = NULL;
        for (int i = 0; i < 4; i++) {
            CHECK(signaled(ops[i]->came));
            CHECK(ops[i]->result == ERROR_OPERATION_ABORTED ||
                  (kind && ops[i]->result == ERROR_NETNAME_DELETED));
        }
        WaitForThreadpoolIoCallbacks(s->io, FALSE);
        for (int i = 0; i < 4; i++)
            CHECK_EQ(count(&ops[i]->calls), 1);
        stream_end(s);
    }
    probe_end(p);
}
