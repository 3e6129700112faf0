// SPDX-License-Identifier: Apache-2.0
/* TP_IO over pipes and sockets: completions, errors, cancellation (R-IO-*, R-CANCEL-*, R-OVL-*). */
#include "tests/conformance/stream.h"

TEST("R-IO-4", "a pipe read completes when data arrives") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = pipe_reader(p);
    struct op* op = op_new(s);
    REQUIRE(op_read(op, 64));
    REQUIRE(send_text(s->peer, "hello"));
    op_check(op, NO_ERROR, "hello");
    stream_end(s);
    probe_end(p);
}

TEST("R-IO-4", "a pipe read completes with data that is there already") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = pipe_reader(p);
    struct op* op = op_new(s);
    REQUIRE(send_text(s->peer, "early"));
    REQUIRE(op_read(op, 64));
    op_check(op, NO_ERROR, "early");
    stream_end(s);
    probe_end(p);
}

TEST("R-IO-4", "a socket read completes when data arrives") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = socket_pair(p);
    struct op* op = op_new(s);
    REQUIRE(op_read(op, 64));
    REQUIRE(send_text(s->peer, "hello"));
    op_check(op, NO_ERROR, "hello");
    stream_end(s);
    probe_end(p);
}

TEST("R-IO-4", "writes to a pipe and to a socket arrive") {
    struct probe* p = probe_new(0, 2);
    for (int kind = 0; kind < 2; kind++) {
        struct stream* s = kind ? socket_pair(p) : pipe_writer(p);
        struct op* op = op_new(s);
        char got[8] = "";
        REQUIRE(op_write(op, "abcdef"));
        op_check(op, NO_ERROR, "abcdef");
        CHECK_EQ(read(s->peer, got, sizeof got), 6);
        CHECK(!memcmp(got, "abcdef", 6));
        stream_end(s);
    }
    probe_end(p);
}

TEST("R-SOCK-4", "a write larger than the socket buffer completes whole") {
    enum { SIZE = 4 << 20 };

    struct probe* p = probe_new(0, 2);
    struct stream* s = socket_pair(p);
    struct op* op = op_new(s);
    BYTE* data = fresh(SIZE);
    BYTE* got = fresh(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = pattern_byte(i);
    StartThreadpoolIo(s->io);
    BOOL ok = WriteFile(s->handle, data, SIZE, NULL, &op->ov);
    REQUIRE(ok || GetLastError() == ERROR_IO_PENDING);
    for (size_t have = 0; have < SIZE;) {
        ssize_t n = read(s->peer, got + have, SIZE - have);
        REQUIRE(n > 0);
        have += (size_t)n;
    }
    CHECK(signaled(op->came));
    CHECK_EQ(op->result, NO_ERROR);
    CHECK_EQ(op->bytes, SIZE);
    CHECK(!memcmp(data, got, SIZE));
    stream_end(s);
    probe_end(p);
}

TEST("R-FILE-5", "the end of a pipe is ERROR_BROKEN_PIPE") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = pipe_reader(p);
    struct op* op = op_new(s);
    REQUIRE(op_read(op, 64));
    close(s->peer);
    s->peer = -1;
    op_check(op, ERROR_BROKEN_PIPE, "");
    CHECK_EQ(op->ov.Internal, 0xC000014B);
    stream_end(s);
    probe_end(p);
}

TEST("R-FILE-5", "data before the end of a pipe comes first") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = pipe_reader(p);
    struct op *first = op_new(s), *second = op_new(s);
    REQUIRE(send_text(s->peer, "last words"));
    close(s->peer);
    s->peer = -1;
    REQUIRE(op_read(first, 64));
    op_check(first, NO_ERROR, "last words");
    if (op_read(second, 64))
        op_check(second, ERROR_BROKEN_PIPE, "");
    else
        CHECK_EQ(second->result, ERROR_BROKEN_PIPE);
    stream_end(s);
    probe_end(p);
}

TEST("R-SOCK-3", "the end of a stream socket is a success with 0 bytes") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = socket_pair(p);
    struct op* op = op_new(s);
    REQUIRE(op_read(op, 64));
    CHECK(shutdown(s->peer, SHUT_WR) == 0);
    op_check(op, NO_ERROR, "");
    CHECK_EQ(op->ov.Internal, 0);
    stream_end(s);
    probe_end(p);
}

TEST("R-SOCK-8", "a reset connection is ERROR_NETNAME_DELETED in the callback") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = tcp_pair(p);
    if (!s)
        SKIP("no TCP over the loopback");
    struct op* op = op_new(s);
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    REQUIRE(op_read(op, 64));
    REQUIRE(setsockopt(s->peer, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
    close(s->peer);
    s->peer = -1;
    op_check(op, ERROR_NETNAME_DELETED, "");
    stream_end(s);
    probe_end(p);
}

TEST("R-FILE-5", "a write to a pipe without a reader is ERROR_NO_DATA, and no signal") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = pipe_writer(p);
    struct op* op = op_new(s);
    close(s->peer);
    s->peer = -1;
    if (op_write(op, "lost"))
        CHECK(signaled(op->came));
    CHECK(op->result == ERROR_NO_DATA || op->result == ERROR_BROKEN_PIPE);
    stream_end(s);
    probe_end(p);
}

TEST("R-SOCK-8", "a write to a socket without a peer is ERROR_NETNAME_DELETED, and no signal") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = socket_pair(p);
    struct op* op = op_new(s);
    close(s->peer);
    s->peer = -1;
    if (op_write(op, "lost"))
        CHECK(signaled(op->came));
    CHECK_EQ(op->result, ERROR_NETNAME_DELETED);
    stream_end(s);
    probe_end(p);
}

TEST("R-IO-30", "a zero-byte write to a pipe succeeds") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = pipe_writer(p);
    struct op* op = op_new(s);
    REQUIRE(op_start(op, TRUE, 0));
    op_check(op, NO_ERROR, "");
    stream_end(s);
    probe_end(p);
}

TEST("R-OVL-2", "a pending operation: 0x103, nonsignaled event, ERROR_IO_INCOMPLETE") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = pipe_reader(p);
    struct op* op = op_new(s);
    DWORD moved = 0;
    op->ov.hEvent = CreateEventA(NULL, TRUE, TRUE, NULL);
    REQUIRE(op_read(op, 64));
    CHECK(!HasOverlappedIoCompleted(&op->ov));
    CHECK_EQ(WaitForSingleObject(op->ov.hEvent, 0), WAIT_TIMEOUT);
    CHECK_FAILS(GetOverlappedResult(s->handle, &op->ov, &moved, FALSE), ERROR_IO_INCOMPLETE);
    CHECK_FAILS(GetOverlappedResultEx(s->handle, &op->ov, &moved, 0, FALSE), ERROR_IO_INCOMPLETE);
    CHECK_FAILS(GetOverlappedResultEx(s->handle, &op->ov, &moved, 20, FALSE), WAIT_TIMEOUT);
    REQUIRE(send_text(s->peer, "now"));
    CHECK(GetOverlappedResult(s->handle, &op->ov, &moved, TRUE));
    CHECK_EQ(moved, 3);
    CHECK(HasOverlappedIoCompleted(&op->ov));
    CHECK_EQ(WaitForSingleObject(op->ov.hEvent, 0), WAIT_OBJECT_0);
    op_check(op, NO_ERROR, "now");
    CloseHandle(op->ov.hEvent);
    stream_end(s);
    probe_end(p);
}

TEST("R-OVL-6", "pipes that are not bound to a TP_IO work with GetOverlappedResult") {
    int ends[2];
    OVERLAPPED* ov = fresh(sizeof *ov);
    char* data = fresh(64);
    DWORD moved = 0;
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    HANDLE handle = rp_handle_from_fd(ends[0], TRUE);
    REQUIRE(handle != NULL);
    ov->hEvent = manual_event();
    CHECK(!ReadFile(handle, data, 64, NULL, ov));
    CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
    REQUIRE(send_text(ends[1], "unbound"));
    CHECK(GetOverlappedResult(handle, ov, &moved, TRUE));
    CHECK_EQ(moved, 7);
    CHECK(!memcmp(data, "unbound", 7));
    CHECK(CloseHandle(handle));
    CloseHandle(ov->hEvent);
    close(ends[1]);
}

TEST("R-IO-24", "a socket read survives the thread that started it") {
    struct probe* p = probe_new(0, 2);
    for (int round = 0; round < 20; round++) {
        struct stream* s = socket_pair(p);
        struct foreign* f = fresh(sizeof *f);
        f->op = op_new(s);
        on_thread(foreign_read, f);
        REQUIRE(f->started);
        REQUIRE(send_text(s->peer, "survived"));
        op_check(f->op, NO_ERROR, "survived");
        stream_end(s);
    }
    probe_end(p);
}

TEST("R-IO-24", "a pipe read survives the thread that started it") {
    struct probe* p = probe_new(0, 2);
    for (int round = 0; round < 20; round++) {
        struct stream* s = pipe_reader(p);
        struct foreign* f = fresh(sizeof *f);
        f->op = op_new(s);
        on_thread(foreign_read, f);
        REQUIRE(f->started);
        REQUIRE(send_text(s->peer, "survived"));
        op_check(f->op, NO_ERROR, "survived");
        stream_end(s);
    }
    probe_end(p);
}

static void start_foreign_read(void* argument) {
    foreign_read(argument);
}

TEST("R-IO-24", "a read survives the pool whose worker started it") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = socket_pair(p);
    struct foreign* f = fresh(sizeof *f);
    f->op = op_new(s);
    struct helper* helper = helper_start(start_foreign_read, f);
    REQUIRE(helper_join(helper));
    REQUIRE(f->started);
    REQUIRE(send_text(s->peer, "survived"));
    op_check(f->op, NO_ERROR, "survived");
    stream_end(s);
    probe_end(p);
}

struct direct {
    HANDLE handle;
    PTP_IO io;
    OVERLAPPED ov;
    void* data;
    HANDLE came;
    ULONG result;
    ULONG_PTR bytes;
    BOOL started;
    DWORD error;
};

static VOID CALLBACK on_direct(PTP_CALLBACK_INSTANCE instance,
                               PVOID context,
                               PVOID overlapped,
                               ULONG result,
                               ULONG_PTR bytes,
                               PTP_IO io) {
    struct direct* d = context;
    (void)instance;
    (void)overlapped;
    (void)io;
    d->result = result;
    d->bytes = bytes;
    SetEvent(d->came);
}

static void* direct_read(void* argument) {
    struct direct* d = argument;
    StartThreadpoolIo(d->io);
    d->started = ReadFile(d->handle, d->data, 65536, NULL, &d->ov);
    d->error = d->started ? 0 : GetLastError();
    if (d->error == ERROR_IO_PENDING)
        d->started = TRUE;
    if (!d->started)
        CancelThreadpoolIo(d->io);
    return NULL;
}

TEST("R-IO-24", "an O_DIRECT file read survives the thread that started it") {
    const char* name = temp_name();
    struct probe* p = probe_new(0, 2);
    REQUIRE(make_file(name, 65536));
    int fd = open(name, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0)
        SKIP("the file system of TMPDIR has no O_DIRECT");
    struct direct* d = fresh(sizeof *d);
    REQUIRE(posix_memalign(&d->data, 4096, 65536) == 0);
    d->handle = rp_handle_from_fd(fd, TRUE);
    d->io = CreateThreadpoolIo(d->handle, on_direct, d, &p->env);
    d->came = auto_event();
    REQUIRE(d->handle && d->io && d->came);
    for (int round = 0; round < 50; round++) {
        memset(d->data, 0, 65536);
        memset(&d->ov, 0, sizeof d->ov);
        on_thread(direct_read, d);
        REQUIRE(d->started);
        REQUIRE(signaled(d->came));
        WaitForThreadpoolIoCallbacks(d->io, FALSE);
        CHECK_EQ(d->result, NO_ERROR);
        CHECK_EQ(d->bytes, 65536);
        CHECK(pattern_matches(d->data, 65536, 0));
    }
    CloseThreadpoolIo(d->io);
    CHECK(CloseHandle(d->handle));
    CloseHandle(d->came);
    free(d->data);
    probe_end(p);
    CHECK(DeleteFileA(name));
}

struct waiter {
    PTP_IO io;
    HANDLE returned;
};

static void wait_io(void* argument) {
    struct waiter* w = argument;
    WaitForThreadpoolIoCallbacks(w->io, FALSE);
    SetEvent(w->returned);
}

TEST("R-IO-18", "Wait(FALSE) waits for an operation in flight") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = pipe_reader(p);
    struct waiter* w = fresh(sizeof *w);
    struct op* op = op_new(s);
    w->io = s->io;
    w->returned = manual_event();
    REQUIRE(op_read(op, 64));
    struct helper* helper = helper_start(wait_io, w);
    REQUIRE(signaled(helper->started));
    CHECK(quiet(w->returned));
    REQUIRE(send_text(s->peer, "go"));
    CHECK(signaled(w->returned));
    CHECK_EQ(count(&op->calls), 1);
    REQUIRE(helper_join(helper));
    op_check(op, NO_ERROR, "go");
    stream_end(s);
    probe_end(p);
}

TEST("R-IO-15", "thirty-two streams at once") {
    struct probe* p = probe_new(0, 4);
    struct stream* s[32];
    struct op* ops[32];
    for (int i = 0; i < 32; i++) {
        s[i] = i % 2 ? pipe_reader(p) : socket_pair(p);
        ops[i] = op_new(s[i]);
        REQUIRE(op_read(ops[i], 64));
    }
    for (int i = 31; i >= 0; i--) {
        char text[32];
        snprintf(text, sizeof text, "stream %d", i);
        REQUIRE(send_text(s[i]->peer, text));
    }
    for (int i = 0; i < 32; i++) {
        char text[32];
        snprintf(text, sizeof text, "stream %d", i);
        op_check(ops[i], NO_ERROR, text);
        stream_end(s[i]);
    }
    probe_end(p);
}

/* The reads of one stream complete in posting order. */
static void check_order(const char* policy) {
    enum { READS = 64 };
    struct probe* p = probe_new(0, 1);
    REQUIRE(rp_pool_set_policy(p->pool, policy));
    struct stream* s = socket_pair(p);
    struct op* ops[READS];
    char sent[READS + 1] = {0};
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    for (int i = 0; i < READS; i++) {
        sent[i] = (char)('0' + i);
        ops[i] = op_new(s);
        REQUIRE(op_read(ops[i], 1));
    }
    REQUIRE(send_text(s->peer, sent));
    SetEvent(p->gate);
    for (int i = 0; i < READS; i++) {
        CHECK(signaled(ops[i]->came));
        CHECK_EQ(ops[i]->data[0], sent[i]);
        CHECK_EQ(ops[i]->turn, i + 2); /* after the one that held the thread */
    }
    stream_end(s);
    probe_end(p);
}

TEST("R-IO-15", "on one thread callbacks start in the order of completion, under every policy") {
    for (const char* const* policy = rp_policy_names(); *policy; policy++)
        for (int round = 0; round < 10; round++)
            check_order(*policy);
}

TEST("R-IO-6", "Start and Cancel balance beside real operations") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = socket_pair(p);
    struct op* op = op_new(s);
    REQUIRE(op_read(op, 64));
    for (int i = 0; i < 100; i++) {
        StartThreadpoolIo(s->io);
        CancelThreadpoolIo(s->io);
    }
    REQUIRE(send_text(s->peer, "real"));
    op_check(op, NO_ERROR, "real");
    WaitForThreadpoolIoCallbacks(s->io, FALSE);
    CHECK_EQ(count(&p->calls), 1);
    stream_end(s);
    probe_end(p);
}
