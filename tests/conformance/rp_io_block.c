// SPDX-License-Identifier: Apache-2.0
/* Completions that arrive while the worker that started the operations is stuck in a callback: they
 * must not wait for it (R-IO-28, R-SCHED-4), as long as another core is free.
 *
 * Most of these tests have no clock in them: the callback is stuck until its completions have been
 * seen elsewhere, so a library that delays them fails by running into the time limit. */
#include "tests/conformance/stream.h"

#include <sched.h>
#include <sys/socket.h>
#include <time.h>

enum { STREAMS = 4 };

struct stuck {
    struct probe* p;
    struct stream* streams[STREAMS];
    struct op* ops[STREAMS];
    int block[2]; /* a pipe for the raw read */
    void (*hold)(struct stuck*);
    HANDLE armed, left;
    counter release, out;
};

/* The library signals a worker that is stuck outside its own waits. ThreadSanitizer of gcc 12 keeps
 * a signal back until the thread calls one of the functions it knows to block: not read. */
#define NO_SIGNALS "ThreadSanitizer delays the signals this needs"

static int usable_cpus(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

/* Starts the reads itself, so that they belong to this worker, and then stays in the callback. */
static VOID CALLBACK start_and_hold(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct stuck* s = context;
    (void)instance;
    for (int i = 0; i < STREAMS; i++)
        CHECK(op_read(s->ops[i], 64));
    SetEvent(s->armed);
    s->hold(s);
    InterlockedExchange(&s->out, 1);
    SetEvent(s->left);
}

static void hold_raw_read(struct stuck* s) {
    char byte;
    CHECK_EQ(read(s->block[0], &byte, 1), 1);
}

static void hold_spin(struct stuck* s) {
    while (!count(&s->release))
        YieldProcessor();
}

static void hold_wait(struct stuck* s) {
    CHECK(signaled(s->p->gate));
}

static void hold_nanosleep(struct stuck* s) {
    struct timespec time = {.tv_nsec = 100 * 1000 * 1000};
    (void)s;
    while (nanosleep(&time, &time) && errno == EINTR) {
    }
}

static struct stuck* stuck_start(void (*hold)(struct stuck*)) {
    struct stuck* s = fresh(sizeof *s);
    s->p = probe_new(0, 4);
    s->hold = hold;
    s->armed = manual_event();
    s->left = manual_event();
    if (pipe(s->block))
        abort();
    for (int i = 0; i < STREAMS; i++) {
        s->streams[i] = i % 2 ? pipe_reader(s->p) : socket_pair(s->p);
        s->ops[i] = op_new(s->streams[i]);
    }
    if (!TrySubmitThreadpoolCallback(start_and_hold, s, &s->p->env))
        abort();
    CHECK(signaled(s->armed));
    return s;
}

static void stuck_end(struct stuck* s) {
    CHECK(signaled(s->left));
    for (int i = 0; i < STREAMS; i++)
        stream_end(s->streams[i]);
    CHECK(pass_sentinel(s->p));
    probe_end(s->p);
    CloseHandle(s->armed);
    CloseHandle(s->left);
    close(s->block[0]);
    close(s->block[1]);
}

static void completions_pass(void (*hold)(struct stuck*)) {
    struct stuck* s = stuck_start(hold);
    for (int i = 0; i < STREAMS; i++)
        CHECK(send_text(s->streams[i]->peer, "meanwhile"));
    for (int i = 0; i < STREAMS; i++)
        op_check(s->ops[i], NO_ERROR, "meanwhile");
    CHECK_EQ(count(&s->out), 0);
    InterlockedExchange(&s->release, 1);
    SetEvent(s->p->gate);
    CHECK_EQ(write(s->block[1], "x", 1), 1);
    stuck_end(s);
}

TEST("R-SCHED-4", "completions pass a callback that waits for an event") {
    for (int round = 0; round < 10; round++)
        completions_pass(hold_wait);
}

TEST("R-SCHED-4", "completions pass a callback that blocks in a raw read") {
    if (THREAD_SANITIZER)
        SKIP(NO_SIGNALS);
    for (int round = 0; round < 10; round++)
        completions_pass(hold_raw_read);
}

TEST("R-IO-28", "completions pass a callback that computes, when another core is free") {
    if (THREAD_SANITIZER)
        SKIP(NO_SIGNALS);
    if (usable_cpus() < 2)
        SKIP("only one CPU is usable");
    for (int round = 0; round < 10; round++)
        completions_pass(hold_spin);
}

TEST("R-SCHED-4", "completions pass a callback that sleeps for 100 ms") {
    if (usable_cpus() < 2)
        SKIP("only one CPU is usable");
    /* A loaded machine may delay a completion by 100 ms for reasons of its own, but not ten times
     * in a row. */
    int passed = 0;
    for (int round = 0; round < 10 && !passed; round++) {
        struct stuck* s = stuck_start(hold_nanosleep);
        CHECK(send_text(s->streams[0]->peer, "meanwhile"));
        op_check(s->ops[0], NO_ERROR, "meanwhile");
        passed = !count(&s->out);
        for (int i = 1; i < STREAMS; i++) {
            CHECK(send_text(s->streams[i]->peer, "later"));
            op_check(s->ops[i], NO_ERROR, "later");
        }
        stuck_end(s);
    }
    CHECK(passed);
}

static VOID CALLBACK block_in_read(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct stuck* s = context;
    (void)instance;
    probe_enter(s->p);
    hold_raw_read(s);
    probe_leave(s->p);
}

TEST("R-SCHED-4", "completions pass three callbacks that block in raw reads") {
    struct stuck* s = fresh(sizeof *s);
    s->p = probe_new(0, 4);
    REQUIRE(pipe(s->block) == 0);
    struct stream* stream = socket_pair(s->p);
    for (int i = 0; i < 3; i++)
        REQUIRE(TrySubmitThreadpoolCallback(block_in_read, s, &s->p->env));
    REQUIRE(take(s->p->entered, 3));
    for (int i = 0; i < 50; i++) {
        struct op* op = op_new(stream);
        REQUIRE(op_read(op, 64));
        REQUIRE(send_text(stream->peer, "meanwhile"));
        op_check(op, NO_ERROR, "meanwhile");
        REQUIRE(take(s->p->done, 1));
        CloseHandle(op->came);
    }
    CHECK_EQ(write(s->block[1], "xyz", 3), 3);
    CHECK(take(s->p->done, 3));
    stream_end(stream);
    probe_end(s->p);
    close(s->block[0]);
    close(s->block[1]);
}

struct ping {
    struct stream* stream;
    struct op* op;
    int rounds;
    HANDLE finished;
};

static VOID CALLBACK pong(PTP_CALLBACK_INSTANCE instance,
                          PVOID context,
                          PVOID overlapped,
                          ULONG result,
                          ULONG_PTR bytes,
                          PTP_IO io) {
    struct ping* ping = context;
    struct op* op = overlapped;
    (void)instance;
    CHECK_EQ(result, NO_ERROR);
    CHECK_EQ(bytes, 1);
    if (++ping->rounds == 1000) {
        SetEvent(ping->finished);
        return;
    }
    StartThreadpoolIo(io);
    BOOL ok = ReadFile(ping->stream->handle, op->data, 1, NULL, &op->ov);
    CHECK(ok || GetLastError() == ERROR_IO_PENDING);
    CHECK(send_text(ping->stream->fd, "x"));
}

static void* reflect(void* argument) {
    int fd = *(int*)argument;
    char byte;
    while (read(fd, &byte, 1) == 1)
        if (write(fd, &byte, 1) != 1)
            break;
    return NULL;
}

TEST("R-IO-15", "a thousand round trips over one socket, each started by the callback before") {
    struct probe* p = probe_new(0, 2);
    struct ping* ping = fresh(sizeof *ping);
    int ends[2];
    pthread_t mirror;
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    struct stream* stream = fresh(sizeof *stream);
    stream->p = p;
    stream->fd = ends[0];
    stream->peer = ends[1];
    stream->handle = rp_handle_from_fd(ends[0], TRUE);
    stream->io = CreateThreadpoolIo(stream->handle, pong, ping, &p->env);
    REQUIRE(stream->handle && stream->io);
    ping->stream = stream;
    ping->op = op_new(stream);
    ping->finished = manual_event();
    REQUIRE(pthread_create(&mirror, NULL, reflect, &stream->peer) == 0);
    REQUIRE(op_read(ping->op, 1));
    REQUIRE(send_text(stream->fd, "x"));
    CHECK(signaled(ping->finished));
    WaitForThreadpoolIoCallbacks(stream->io, FALSE);
    CHECK_EQ(ping->rounds, 1000);
    CHECK(shutdown(stream->fd, SHUT_RDWR) == 0);
    CHECK(pthread_join(mirror, NULL) == 0);
    stream_end(stream);
    probe_end(p);
}
