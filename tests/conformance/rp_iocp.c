// SPDX-License-Identifier: Apache-2.0
/* Whom a completion port releases, and how many (R-IOCP-2); operations on pipes (R-IOCP-3). */
#include "tests/conformance/fixture.h"

#include <ringpool/ringpool.h>

#include <fcntl.h>
#include <sched.h>

/* A thread that takes one packet after the other until key 0 and stays on each as told. */
struct server {
    HANDLE port;
    struct helper* thread;
    HANDLE gate;
    HANDLE got; /* semaphore: packets taken */
    counter tid, entered, took, spin_on, finish;
    counter blocks; /* on each packet: wait for the gate before spinning */
    HANDLE awake;   /* set once that wait is over: the thread counts as running again */
    DWORD error;    /* of the call that failed */
    OVERLAPPED* last;
};

static void serve(void* argument) {
    struct server* s = argument;
    InterlockedExchange(&s->tid, (LONG)GetCurrentThreadId());
    for (;;) {
        DWORD bytes;
        ULONG_PTR key;
        OVERLAPPED* ov;
        InterlockedExchange(&s->entered, 1);
        if (!GetQueuedCompletionStatus(s->port, &bytes, &key, &ov, INFINITE)) {
            s->error = GetLastError();
            s->last = ov;
            return;
        }
        if (key == 0)
            return;
        InterlockedExchange(&s->entered, 0);
        InterlockedIncrement(&s->took);
        ReleaseSemaphore(s->got, 1, NULL);
        if (count(&s->blocks)) {
            CHECK(signaled(s->gate));
            CHECK(SetEvent(s->awake));
        }
        while (count(&s->spin_on))
            sched_yield();
    }
}

static char state_of(LONG tid) {
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    FILE* file = fopen(path, "r");
    char state = 0;
    if (file && fgets(text, sizeof text, file)) {
        const char* after_name = strrchr(text, ')');
        state = after_name ? after_name[2] : 0;
    }
    if (file)
        fclose(file);
    return state;
}

/* Asleep on its port: nothing else it does after `entered` sleeps for long. */
static int is_waiting(struct server* s) {
    ULONGLONG end = GetTickCount64() + WAIT_LIMIT_MS;
    for (int asleep = 0; asleep < 50;) {
        asleep = count(&s->entered) && state_of(count(&s->tid)) == 'S' ? asleep + 1 : 0;
        if (GetTickCount64() > end)
            return 0;
        sched_yield();
    }
    return 1;
}

static struct server* server_start(HANDLE port) {
    struct server* s = fresh(sizeof *s);
    s->port = port;
    s->gate = manual_event();
    s->awake = manual_event();
    s->got = CreateSemaphoreA(NULL, 0, 1000000, NULL);
    s->thread = helper_start(serve, s);
    return s;
}

static void server_end(struct server* s) {
    CHECK(helper_join(s->thread));
    CHECK(CloseHandle(s->gate));
    CHECK(CloseHandle(s->awake));
    CHECK(CloseHandle(s->got));
}

static HANDLE port_new(DWORD threads) {
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, threads);
    if (!port)
        abort();
    return port;
}

static void post(HANDLE port, ULONG_PTR key) {
    CHECK(PostQueuedCompletionStatus(port, 0, key, NULL));
}

TEST("R-IOCP-2", "the thread that came last is released first") {
    HANDLE port = port_new(3);
    struct server* s[3];
    for (int i = 0; i < 3; i++) {
        s[i] = server_start(port);
        REQUIRE(is_waiting(s[i]));
    }
    for (int round = 0; round < 20; round++) {
        post(port, 1);
        CHECK(signaled(s[2]->got));
        REQUIRE(is_waiting(s[2]));
    }
    CHECK_EQ(count(&s[2]->took), 20);
    CHECK_EQ(count(&s[1]->took) + count(&s[0]->took), 0);
    InterlockedExchange(&s[2]->spin_on, 1);
    post(port, 1);
    CHECK(signaled(s[2]->got));
    post(port, 1);
    CHECK(signaled(s[1]->got));
    CHECK_EQ(count(&s[0]->took), 0);
    InterlockedExchange(&s[2]->spin_on, 0);
    for (int i = 0; i < 3; i++)
        post(port, 0);
    for (int i = 0; i < 3; i++)
        server_end(s[i]);
    CHECK(CloseHandle(port));
}

/* Two threads on a port for one; the first is busy with a packet. */
struct pair {
    HANDLE port;
    struct server *busy, *idle;
};

static int pair_start(struct pair* p) {
    p->port = port_new(1);
    p->idle = server_start(p->port);
    if (!is_waiting(p->idle))
        return 0;
    p->busy = server_start(p->port);
    if (!is_waiting(p->busy))
        return 0;
    InterlockedExchange(&p->busy->spin_on, 1);
    return 1;
}

static void pair_end(struct pair* p) {
    post(p->port, 0);
    post(p->port, 0);
    server_end(p->busy);
    server_end(p->idle);
    CHECK(CloseHandle(p->port));
}

TEST("R-IOCP-2", "no thread is released beyond the concurrency value") {
    struct pair* p = fresh(sizeof *p);
    REQUIRE(pair_start(p));
    post(p->port, 1);
    CHECK(signaled(p->busy->got));
    post(p->port, 2);
    CHECK(quiet(p->idle->got));
    CHECK_EQ(count(&p->busy->took), 1);
    InterlockedExchange(&p->busy->spin_on, 0); /* it asks for more and gets it itself */
    CHECK(signaled(p->busy->got));
    CHECK_EQ(count(&p->idle->took), 0);
    pair_end(p);
}

TEST("R-IOCP-2", "a thread that asks above the concurrency value waits") {
    HANDLE port = port_new(1);
    DWORD bytes;
    ULONG_PTR key;
    OVERLAPPED* ov;
    struct server* s = server_start(port);
    REQUIRE(is_waiting(s));
    InterlockedExchange(&s->spin_on, 1);
    post(port, 1);
    CHECK(signaled(s->got));
    post(port, 2);
    CHECK_FAILS(GetQueuedCompletionStatus(port, &bytes, &key, &ov, 0), WAIT_TIMEOUT);
    CHECK_FAILS(GetQueuedCompletionStatus(port, &bytes, &key, &ov, 20), WAIT_TIMEOUT);
    InterlockedExchange(&s->spin_on, 0);
    CHECK(signaled(s->got));
    post(port, 0);
    server_end(s);
    CHECK(CloseHandle(port));
}

TEST("R-IOCP-2", "a released thread that blocks gives its place to another") {
    struct pair* p = fresh(sizeof *p);
    REQUIRE(pair_start(p));
    InterlockedExchange(&p->busy->spin_on, 0);
    InterlockedExchange(&p->busy->blocks, 1);
    post(p->port, 1);
    CHECK(signaled(p->busy->got));
    post(p->port, 2); /* taken while the first one sleeps */
    CHECK(signaled(p->idle->got));
    CHECK_EQ(count(&p->busy->took), 1);
    CHECK(SetEvent(p->busy->gate));
    pair_end(p);
}

TEST("R-IOCP-2", "a packet that waits is released when a thread begins to block") {
    struct pair* p = fresh(sizeof *p);
    REQUIRE(pair_start(p));
    post(p->port, 1);
    CHECK(signaled(p->busy->got));
    post(p->port, 2);
    post(p->port, 3);
    CHECK(quiet(p->idle->got));
    InterlockedExchange(&p->busy->blocks, 1); /* on its next packet, with another one queued */
    InterlockedExchange(&p->busy->spin_on, 0);
    CHECK(signaled(p->busy->got));
    CHECK(signaled(p->idle->got));
    CHECK_EQ(count(&p->busy->took), 2);
    CHECK(SetEvent(p->busy->gate));
    pair_end(p);
}

TEST("R-IOCP-2", "after a block the running threads may exceed the value, until one asks again") {
    struct pair* p = fresh(sizeof *p);
    REQUIRE(pair_start(p));
    InterlockedExchange(&p->busy->spin_on, 1);
    InterlockedExchange(&p->busy->blocks, 1);
    InterlockedExchange(&p->idle->spin_on, 1);
    post(p->port, 1);
    CHECK(signaled(p->busy->got));
    post(p->port, 2);
    CHECK(signaled(p->idle->got));
    CHECK(SetEvent(p->busy->gate));
    CHECK(signaled(p->busy->awake)); /* both run now */
    struct server* third = server_start(p->port);
    REQUIRE(is_waiting(third));
    post(p->port, 3);
    InterlockedExchange(&p->busy->blocks, 0);
    InterlockedExchange(&p->idle->spin_on, 0); /* one of two asks: the other still runs */
    CHECK(quiet(third->got));
    CHECK_EQ(count(&p->idle->took), 1);
    InterlockedExchange(&p->busy->spin_on, 0);
    CHECK(signaled(p->busy->got));
    post(p->port, 0);
    pair_end(p);
    server_end(third);
}

TEST("R-IOCP-2", "a thread that exits gives its place back") {
    HANDLE port = port_new(1);
    struct server* s = server_start(port);
    DWORD bytes;
    ULONG_PTR key;
    OVERLAPPED* ov;
    post(port, 0); /* it leaves with this packet, and its thread ends or parks */
    server_end(s);
    post(port, 5);
    CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, WAIT_LIMIT_MS));
    CHECK_EQ(key, 5);
    CHECK(CloseHandle(port));
}

static void leave_with_packet(void* argument) {
    DWORD bytes;
    ULONG_PTR key;
    OVERLAPPED* ov;
    CHECK(GetQueuedCompletionStatus((HANDLE)argument, &bytes, &key, &ov, WAIT_LIMIT_MS));
}

TEST("R-IOCP-2", "a pool thread that parks after its callback gives its place back") {
    HANDLE port = port_new(1);
    DWORD bytes;
    ULONG_PTR key;
    OVERLAPPED* ov;
    post(port, 4);
    struct helper* h = helper_start(leave_with_packet, port);
    CHECK(signaled(h->finished));
    post(port, 5);
    CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, WAIT_LIMIT_MS));
    CHECK_EQ(key, 5);
    CHECK(helper_join(h));
    CHECK(CloseHandle(port));
}

TEST("R-IOCP-2", "a thread belongs to the port it last took from") {
    HANDLE first = port_new(1), second = port_new(1);
    DWORD bytes;
    ULONG_PTR key;
    OVERLAPPED* ov;
    struct server* s = server_start(first);
    REQUIRE(is_waiting(s));
    post(first, 1);
    CHECK(signaled(s->got));
    REQUIRE(is_waiting(s));
    InterlockedExchange(&s->spin_on, 1);
    /* This thread takes the one place of `first` and goes over to `second`. */
    post(second, 7);
    CHECK(GetQueuedCompletionStatus(second, &bytes, &key, &ov, WAIT_LIMIT_MS));
    post(first, 2);
    CHECK(signaled(s->got));
    InterlockedExchange(&s->spin_on, 0);
    REQUIRE(is_waiting(s));
    post(second, 8);
    CHECK(GetQueuedCompletionStatus(second, &bytes, &key, &ov, WAIT_LIMIT_MS));
    CHECK_EQ(key, 8);
    post(first, 0);
    server_end(s);
    CHECK(CloseHandle(first));
    CHECK(CloseHandle(second));
}

/* ---- operations that take their time ----------------------------------------------------------
 */

struct channel {
    HANDLE port, file;
    int peer;
    OVERLAPPED ov;
    char data[64];
};

static struct channel* channel_new(ULONG_PTR key) {
    struct channel* c = fresh(sizeof *c);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        abort();
    c->peer = ends[1];
    c->file = rp_handle_from_fd(ends[0], TRUE);
    c->port = CreateIoCompletionPort(c->file, NULL, key, 1);
    if (!c->port)
        abort();
    return c;
}

static BOOL channel_read(struct channel* c) {
    return ReadFile(c->file, c->data, sizeof c->data, NULL, &c->ov) ||
           GetLastError() == ERROR_IO_PENDING;
}

static void channel_expect(struct channel* c, DWORD error, DWORD want_bytes) {
    DWORD bytes = 77;
    ULONG_PTR key = 0;
    OVERLAPPED* ov = NULL;
    SetLastError(0);
    BOOL ok = GetQueuedCompletionStatus(c->port, &bytes, &key, &ov, WAIT_LIMIT_MS);
    CHECK_EQ(ok, error == 0);
    CHECK_EQ(GetLastError(), error);
    CHECK_EQ(bytes, want_bytes);
    CHECK(ov == &c->ov);
    CHECK_EQ(key, 11);
}

TEST("R-IOCP-8", "a read of a pipe ends as a packet") {
    struct channel* c = channel_new(11);
    REQUIRE(channel_read(c));
    CHECK_EQ(write(c->peer, "abc", 3), 3);
    channel_expect(c, 0, 3);
    CHECK(!memcmp(c->data, "abc", 3));
    close(c->peer);
    memset(&c->ov, 0, sizeof c->ov);
    if (channel_read(c))
        channel_expect(c, ERROR_BROKEN_PIPE, 0);
    CHECK(CloseHandle(c->file));
    CHECK(CloseHandle(c->port));
}

TEST("R-CANCEL-1", "a cancelled read ends as a packet with 995") {
    struct channel* c = channel_new(11);
    REQUIRE(channel_read(c));
    CHECK(CancelIoEx(c->file, &c->ov));
    channel_expect(c, ERROR_OPERATION_ABORTED, 0);
    CHECK_FAILS(CancelIoEx(c->file, &c->ov), ERROR_NOT_FOUND);
    close(c->peer);
    CHECK(CloseHandle(c->file));
    CHECK(CloseHandle(c->port));
}

TEST("R-IOCP-6", "closing the file ends its reads as packets, though it was the last reference") {
    struct channel* c = channel_new(11);
    REQUIRE(channel_read(c));
    CHECK(CloseHandle(c->file));
    channel_expect(c, ERROR_OPERATION_ABORTED, 0);
    close(c->peer);
    CHECK(CloseHandle(c->port));
}

TEST("R-IOCP-6", "a port closed while a read is in flight") {
    struct channel* c = channel_new(11);
    HANDLE event = manual_event();
    c->ov.hEvent = event;
    REQUIRE(channel_read(c));
    CHECK(CloseHandle(c->port));
    CHECK_EQ(write(c->peer, "abc", 3), 3);
    CHECK(signaled(event));
    CHECK_EQ(c->ov.InternalHigh, 3);
    close(c->peer);
    CHECK(CloseHandle(c->file));
    CHECK(CloseHandle(event));
}

/* ---- what Wine lets pass ------------------------------------------------------------------------
 */

TEST("R-IOCP-4", "the Ex form wants room for one entry") {
    HANDLE port = port_new(1);
    OVERLAPPED_ENTRY entry;
    ULONG removed = 77;
    CHECK_FAILS(GetQueuedCompletionStatusEx(port, &entry, 0, &removed, 0, FALSE),
                ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(port));
}

TEST("R-IOCP-3", "closing the port ends all waits with ERROR_ABANDONED_WAIT_0") {
    enum { THREADS = 4 };

    struct server* s[THREADS];
    HANDLE port = port_new(2);
    for (int i = 0; i < THREADS; i++) {
        s[i] = server_start(port);
        REQUIRE(is_waiting(s[i]));
    }
    CHECK(CloseHandle(port));
    for (int i = 0; i < THREADS; i++) {
        server_end(s[i]);
        CHECK_EQ(s[i]->error, ERROR_ABANDONED_WAIT_0);
        CHECK(s[i]->last == NULL);
    }
}
